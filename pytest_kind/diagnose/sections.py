"""What a report says of a scene: hints first, then what they are made of; bounded, without secrets. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from pytest_kind.diagnose import audit, events, nodes, pods, stuck
from pytest_kind.diagnose.hints import Hint, hints
from pytest_kind.diagnose.once import messages, once
from pytest_kind.diagnose.redact import redacted
from pytest_kind.diagnose.scene import Scene, span, within

_WIDTH = 500  # characters of a line
_LOG_SHARE = 3  # a log has a third of a section at most


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        name: of its file, too: ``events``.
    """

    name: str
    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def shown(self, cluster: str) -> tuple[str, str]:
        """As pytest's reports have it: title and text.

        Args:
            cluster: whose it is, where there are several.
        """
        return f"{self.title} ({cluster})" if cluster else self.title, self.text


def sections(scene: Scene, most: int, *, apart: bool = False) -> list[Section]:
    """The parts that have something to say; the first is always there.

    Args:
        most: lines of each.
        apart: whether each is read by itself; else long words that several of them have are in the first alone.
    """
    found = hints(scene)
    parts = [
        Section("why", "kind: why", tuple(_why(scene, found))),
        Section("events", "kind: events", tuple(events.lines_of(scene, most - 3))),
        Section("pods", "kind: pods", tuple(pods.lines_of(scene, log_lines=max(3, most // _LOG_SHARE)))),
        Section("nodes", "kind: nodes", tuple(nodes.lines_of(scene))),
        Section("audit", "kind: what was asked of the API", tuple(audit.lines_of(scene, most - 1))),
        Section("waiting", "kind: objects that wait", tuple(stuck.lines_of(scene))),
    ]
    return [_cut(one, most) for one in (parts if apart else _said_once(parts, scene)) if one.lines]


def _said_once(parts: list[Section], scene: Scene) -> list[Section]:
    lines = iter(once((line for part in parts for line in part.lines), messages(scene.of("pods"))))
    return [replace(part, lines=tuple(islice(lines, len(part.lines)))) for part in parts]


def with_causes(cluster: str, error: str, evidence: str) -> str:
    """The evidence of a cluster that did not come up, after the causes that it is known by, if there are any."""
    now = datetime.now(UTC)
    found = hints(Scene(cluster=cluster, began=now, now=now, error=error, boot=evidence))
    return redacted("\n".join([*(["--- probably"] if found else []), *_numbered(found)])) + ("\n" if found else "") + evidence


def summary(section: Section) -> str:
    """A hint's cause, the first, in one line: for JUnit's properties and annotations."""
    return section.lines[0].removeprefix("1. ")


def brief(section: Section, elsewhere: str) -> Section:
    """A hint's causes alone, and where all of it is told."""
    causes = [line for line in section.lines if not line.startswith((" ", "(", "not to be had"))]
    return replace(section, lines=(*causes, f"(more: {elsewhere})"))


def _why(scene: Scene, found: list[Hint]) -> list[str]:
    lines = _numbered(found)
    if not found:
        lines.append(_nothing_known(scene))
    namespaces = f", namespace {', '.join(scene.own)}" if scene.own else ""
    lines.append(f"(cluster {scene.cluster}{namespaces}; {span((scene.now - scene.began).total_seconds())} since the test's setup began)")
    return lines + [f"not to be had: {line}" for line in scene.missing]


def _numbered(found: list[Hint]) -> list[str]:
    lines: list[str] = []
    for number, hint in enumerate(found, 1):
        head, *rest = hint.lines()
        lines += [f"{number}. {head}", *(f" {line}" for line in rest)]
    return lines


def _nothing_known(scene: Scene) -> str:
    warnings = sum(map(events.warns, within(scene.of("events"), scene.began)))
    bad = len(pods.in_trouble(scene))
    if not warnings and not bad:
        return "no known cause: the cluster is well: no warning among the events of this time, every pod and node is ready"
    return f"no known cause: {warnings} warnings among the events, {bad} pods that are not ready: see below"


def _cut(section: Section, most: int) -> Section:
    lines = redacted(section.text).splitlines()
    short = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in lines]
    if len(short) > most:
        short = [*short[: most - 1], f"… {len(short) - most + 1} more lines"]
    return Section(section.name, section.title, tuple(short))
