"""What a run did, in a page for people and a document for programs: pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_kind.diagnose.redact import redacted

_SLOWEST = 10
_FAILED = 100  # in the page; the document has all. A step's summary of GitHub's takes 1 MiB.
_LINES, _CHARACTERS = 5, 600
_BOOTING = "creating cluster "
_BUILDING = ("assembling ", "building ", "downloading ", "looking for ", "pulling ", "reading ", "waiting for another process ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster of the run, or one that did not boot.

    Attributes:
        kubernetes: what its first node says, empty where it said nothing.
        image: its node image's digest.
        logs: where its logs are, below the artifacts' folder.
        booted: whether a test could get it.
    """

    name: str
    kubernetes: str
    image: str
    logs: str
    booted: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, or something that could not be collected."""

    test: str
    when: str
    message: str


@dataclass(slots=True)
class Summary:
    """Everything that is said of a run; workers of xdist hand in their clusters and steps.

    Attributes:
        steps: long pieces of work and their seconds, one after the other.
        beside: the same for each of those that work side by side after that: clusters for xdist's workers, those workers.
        tests: seconds of each test, its fixtures included.
    """

    engine: str = ""
    clusters: list[Cluster] = field(default_factory=list)
    steps: list[tuple[str, float]] = field(default_factory=list)
    beside: list[list[tuple[str, float]]] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    tests: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    total: float = 0.0
    exit_code: int = 0

    @property
    def seconds(self) -> dict[str, float]:
        """Building, booting and testing, of what went on side by side the longest; testing is what the others leave."""
        building, booting = (
            _sum(self.steps, words) + max((_sum(steps, words) for steps in self.beside), default=0.0) for words in (_BUILDING, (_BOOTING,))
        )
        testing = max(0.0, self.total - building - booting)
        return {"building": round(building, 1), "booting": round(booting, 1), "testing": round(testing, 1), "total": round(self.total, 1)}

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The ten tests that took longest."""
        return sorted(self.tests.items(), key=lambda one: -one[1])[:_SLOWEST]

    def as_json(self) -> str:
        """For programs."""
        document: dict[str, Any] = {
            "exit_code": self.exit_code,
            "outcomes": self.outcomes,
            "seconds": self.seconds,
            "steps": [{"what": what, "seconds": round(seconds, 1)} for steps in [self.steps, *self.beside] for what, seconds in steps],
            "engine": self.engine,
            "clusters": [asdict(one) for one in self.clusters],
            "failed": [asdict(one) for one in self.failures],
            "slowest": [{"test": test, "seconds": round(seconds, 1)} for test, seconds in self.slowest],
            "problems": self.problems,
        }
        return f"{json.dumps(document, indent=2)}\n"

    def as_markdown(self) -> str:
        """For people."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items()) or "no test ran"
        seconds = self.seconds
        lines = [f"# {counts}", "", f"Exit code {self.exit_code}, {seconds['total']} s in all.", "", "| | seconds | share |", "|---|---|---|"]
        lines += [f"| {what} | {seconds[what]} | {_share(seconds[what], self.total)} |" for what in ("building", "booting", "testing")]
        if self.clusters:
            lines += ["", f"Engine: {self.engine or 'not known'}", "", "| cluster | Kubernetes | node image | logs |", "|---|---|---|---|"]
            for cluster in self.clusters:
                name = cluster.name if cluster.booted else f"{cluster.name} (did not boot)"
                lines.append(f"| {name} | {cluster.kubernetes or 'not known'} | `{cluster.image or 'not known'}` | {cluster.logs} |")
        if self.failures:
            lines += ["", "## Failed"]
            for one in self.failures[:_FAILED]:
                fence = "`" * (3 + one.message.count("```"))
                lines += ["", f"- `{_line(one.test)}` ({one.when})", "", *(f"  {line}" for line in (fence, *one.message.splitlines(), fence))]
            if len(self.failures) > _FAILED:
                lines += ["", f"… and {len(self.failures) - _FAILED} more: summary.json has all."]
        if self.slowest:
            lines += ["", "## Slowest", "", "| test | seconds |", "|---|---|"]
            lines += [f"| `{_line(test).replace('|', chr(92) + '|')}` | {took:.1f} |" for test, took in self.slowest]
        if self.problems:
            lines += ["", "## Not to be had", "", *(f"- {_line(problem)}" for problem in self.problems)]
        return "\n".join(lines) + "\n"


def first_lines(text: str) -> str:
    """The beginning of a message, without keys and tokens."""
    lines = redacted(text).strip().splitlines()
    short = "\n".join(lines[:_LINES])
    more = len(lines) > _LINES or len(short) > _CHARACTERS
    return f"{short[:_CHARACTERS]}{' …' if more else ''}"


def _sum(steps: Sequence[tuple[str, float]], beginnings: tuple[str, ...]) -> float:
    return sum(seconds for what, seconds in steps if what.startswith(beginnings))


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _line(text: str) -> str:
    return " ".join(text.split())
