"""Upstream specs as a battery that is resumed until every one has an outcome; none is lost, however a run ends.

Usage: ``python tests/drills/specs_battery.py --results DIR [--minutes N] [--selection conformance] [--again] [pytest's options …]``

DIR belongs to one selection: ``conformance``, ``sig-storage`` or another SIG's, or ``raw``, whose ``--kind-focus`` and its like are
among pytest's options. Further options are pytest's, ours before them: ``--kind-cache-dir``, ``--kind-keep --kind-name=NAME`` for
one cluster over several runs, ``--kind-version``. In DIR afterwards:

- ``selection.json``: all specs of the selection, written by the first run;
- ``results.jsonl``: one line for each outcome, written the moment that it is known; the last one of a spec counts;
- ``failures/``: what each failed spec said and printed;
- ``table.md``: how many ran, passed, failed, were skipped, did not run yet; each failure with its message and its cause.

Causes come from ``causes.toml`` beside this file: a person, or a rerun on the real kind, fills them in. Without a container
registry stand-ins are served (``--stand-ins``); specs that ran beside them are counted apart.

After ``--minutes`` no further spec begins, and those that run may end; after ``--grace`` more, or a Ctrl-C, they are broken off and
belong to the next run. So does a spec of which nothing is known because the cluster or the suite did not come up.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from pytest_kind.e2e.outcome import FAILED, PASSED, SKIPPED
from pytest_kind.items import SpecItem
from pytest_kind.specs import NAME, UpstreamSpecs

CAUSES = Path(__file__).with_name("causes.toml")
CAUSE_KINDS = ("product", "machine", "stand-in", "upstream")
# As kind's own end-to-end runs have it (hack/ci/e2e-k8s.sh).
CLUSTER = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n- role: worker\n- role: worker\n"
REGISTRY = "https://registry.k8s.io/v2/"
_REGISTRY_SECONDS = 5
_MESSAGE_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a spec ended.

    Attributes:
        spec: the item's id.
        outcome: ``passed``, ``failed`` or ``skipped``.
        seconds: that it took.
        message: the first lines of why it failed or was skipped.
        stand_ins: whether images of ours were served under the names of upstream's.
        at: when it ended, in seconds since the epoch.
    """

    spec: str
    outcome: str
    seconds: float
    message: str
    stand_ins: bool
    at: float


class Results:
    """What is known already, on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file, self._selection = folder / "results.jsonl", folder / "selection.json"

    def read(self) -> dict[str, Result]:
        """Of each spec that ran, its last outcome. A line that a kill cut short is none."""
        lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True) if self._file.exists() else []
        found = [Result(**json.loads(line)) for line in lines if line.endswith("}\n")]
        return {one.spec: one for one in found}

    def add(self, result: Result) -> None:
        """Writes it, in one piece, to the disk itself."""
        line = json.dumps(asdict(result)).encode() + b"\n"
        with self._file.open("ab+", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            os.fsync(file.fileno())

    def selection(self) -> list[str]:
        """All specs."""
        found: list[str] = json.loads(self._selection.read_text(encoding="utf-8")) if self._selection.exists() else []
        return found

    def select(self, specs: Sequence[str]) -> None:
        """Notes all specs.

        Raises:
            pytest.UsageError: the folder is another selection's.
        """
        before = self.selection()
        if before and set(before) != set(specs):
            raise pytest.UsageError(
                f"--results: {self.folder} is of {len(before)} other specs than these {len(specs)}; each selection has its folder"
            )
        part = self._selection.with_suffix(".part")
        part.write_text(json.dumps(specs, indent=0), encoding="utf-8")
        part.replace(self._selection)

    def explain(self, item: SpecItem, text: str) -> None:
        """Keeps all that a failed spec said."""
        words = re.sub(r"\W+", "-", item.name)[:100].strip("-")
        place = self.folder / "failures" / f"{words}-{hashlib.sha256(item.name.encode()).hexdigest()[:6]}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")


def _interrupt() -> None:
    """A real Ctrl-C, which also wakes a main thread that waits for a lock."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


class Battery:
    """Pytest's plugin: leaves out what has an outcome, notes each new one, and ends in time."""

    def __init__(self, results: Results, *, seconds: float, grace: float, stand_ins: bool, again: bool) -> None:
        self.results, self._seconds, self._grace, self._stand_ins = results, seconds, grace, stand_ins
        done = results.read().values()
        self._done = {one.spec for one in done if not (again and one.outcome == FAILED)}
        self._session: pytest.Session | None = None
        self._last: set[str] | None = None  # the specs that may still end, once the time is over
        self._timers: list[threading.Timer] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """After pytest's own selection: what that leaves is what the battery is of."""
        self.results.select([item.nodeid for item in items])
        done = [item for item in items if item.nodeid in self._done]
        if done:
            config.hook.pytest_deselected(items=done)
            items[:] = [item for item in items if item.nodeid not in self._done]

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """The clock starts."""
        self._session = session
        self._timers = [threading.Timer(self._seconds, self._time_is_over), threading.Timer(self._seconds + self._grace, _interrupt)]
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def pytest_sessionfinish(self) -> None:
        """It stops."""
        for timer in self._timers:
            timer.cancel()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Notes an outcome of the spec's own: a cluster that does not come up says nothing on it."""
        report = yield
        if call.when == "call" and isinstance(item, SpecItem) and item.outcome is not None:
            one = item.outcome
            message = "\n".join(one.message.splitlines()[:_MESSAGE_LINES])
            if one.state == FAILED:
                self.results.explain(item, f"{item.nodeid}\n\n{report.longreprtext}\n\n{one.output}")
            seconds = round(one.seconds, 2)
            self.results.add(
                Result(spec=item.nodeid, outcome=one.state, seconds=seconds, message=message, stand_ins=self._stand_ins, at=round(time.time(), 1))
            )
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """The last of those that still ran ends the run."""
        if self._last is not None:
            self._last.discard(nodeid.partition(".go::")[2])
            if not self._last:
                self._stop()

    def _time_is_over(self) -> None:
        assert self._session is not None  # the clock starts with it
        specs: UpstreamSpecs | None = self._session.config.pluginmanager.get_plugin(NAME)
        self._last = specs.runner.pool.withdraw() if specs is not None and specs.runner is not None else set()
        if not self._last:
            self._stop()

    def _stop(self) -> None:
        if self._session is not None:
            self._session.shouldstop = "the time of this slice is over; the next run goes on from here"


def causes_of(text: str) -> dict[str, tuple[str, str]]:
    """Reads ``causes.toml``: a spec's name, or a regular expression that is found in it -> cause and words.

    Raises:
        ValueError: a cause is none; all that is wrong in one message.
    """
    rows = tomllib.loads(text)
    wrong = [
        f"{key!r}: cause is {row.get('cause')!r}; accepted: {', '.join(CAUSE_KINDS)}"
        for key, row in rows.items()
        if row.get("cause") not in CAUSE_KINDS
    ]
    wrong += [f"{key!r}: why is not said" for key, row in rows.items() if not row.get("why")]
    if wrong:
        raise ValueError("\n".join(wrong))
    return {key: (row["cause"], row["why"]) for key, row in rows.items()}


def cause_of(spec: str, causes: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Of one failed spec: its own entry, else the first that fits, else nothing."""
    name = spec.partition(".go::")[2]
    if name in causes:
        return causes[name]
    # A name has brackets, which an expression means otherwise; one that is no expression is a name of another spec.
    for key, cause in causes.items():
        with contextlib.suppress(re.error):
            if re.search(key, name):
                return cause
    return "", ""


def table(title: str, selection: Sequence[str], results: Mapping[str, Result], causes: Mapping[str, tuple[str, str]]) -> str:
    """The table of all specs of a selection, in Markdown."""
    ran = [results[spec] for spec in selection if spec in results]
    failed = [one for one in ran if one.outcome == FAILED]
    rows = [
        ("all", len(selection), ran),
        ("ran beside stand-ins", None, [one for one in ran if one.stand_ins]),
        ("ran on upstream's images", None, [one for one in ran if not one.stand_ins]),
    ]
    lines = [f"# {title}", "", "| specs | of all | ran | passed | failed | skipped | not run yet |", "|---|---|---|---|---|---|---|"]
    for what, total, found in rows:
        count = Counter(one.outcome for one in found)
        rest = "" if total is None else total - len(found)
        lines.append(f"| {what} | {total or ''} | {len(found)} | {count[PASSED]} | {count[FAILED]} | {count[SKIPPED]} | {rest} |")
    serial = [one for one in selection if "[Serial]" in one]
    lines += [
        "",
        f"Serial ones: {sum(one in results for one in serial)} of {len(serial)} ran. Together {sum(one.seconds for one in ran) / 60:.0f} min.",
    ]
    by_cause = Counter(cause_of(one.spec, causes)[0] or "not known yet" for one in failed)
    lines += [
        "",
        "## Failures",
        "",
        *([f"By cause: {', '.join(f'{cause} {count}' for cause, count in by_cause.most_common())}.", ""] if failed else []),
    ]
    lines += ["| spec | seconds | message | cause | why |", "|---|---|---|---|---|"] if failed else ["None."]
    for one in failed:
        cells = [_name(one.spec), f"{one.seconds:.0f}", one.message, *cause_of(one.spec, causes)]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    skipped = Counter(one.message.partition("\n")[0] for one in ran if one.outcome == SKIPPED)
    if skipped:
        lines += [
            "",
            "## Skipped",
            "",
            "| specs | the suite's reason |",
            "|---|---|",
            *(f"| {count} | {_cell(why)} |" for why, count in skipped.most_common()),
        ]
    return "\n".join([*lines, ""])


def _name(spec: str) -> str:
    return spec.partition(".go::")[2] or spec


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def selected(selection: str) -> list[str]:
    """What a selection is, as pytest's options."""
    if selection == "raw":
        return []
    return [f"--kind-label-filter={'Conformance' if selection == 'conformance' else selection}"]


def registry_answers() -> bool:
    """Whether upstream's images can be pulled, as far as this machine can say."""
    try:
        with urllib.request.urlopen(REGISTRY, timeout=_REGISTRY_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401  # it wants a token, as registries do
    except OSError:
        return False


def run(results: Results, arguments: argparse.Namespace, further: Iterable[str]) -> int:
    """One run of pytest, in this process.

    Returns:
        Its exit code; 0 where nothing is left to run.
    """
    results.folder.mkdir(parents=True, exist_ok=True)
    (results.folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    (results.folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # so that no project's own has a say
    stand_ins = arguments.stand_ins == "yes" or (arguments.stand_ins == "auto" and not registry_answers())
    ours = [
        *("-c", str(results.folder / "pytest.ini"), f"--rootdir={results.folder}", "--noconftest", "--tb=short", "-v"),
        *("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:rerunfailures"),
        *(f"--kind-config={results.folder / 'cluster.yaml'}", *selected(arguments.selection), *(["--kind-stand-ins"] if stand_ins else [])),
    ]
    battery = Battery(results, seconds=arguments.minutes * 60, grace=arguments.grace * 60, stand_ins=stand_ins, again=arguments.again)
    try:
        code = pytest.main([*ours, *further], plugins=[battery])
    finally:
        text = table(f"Upstream specs: {' '.join([*selected(arguments.selection), *further])}", results.selection(), results.read(), causes())
        (results.folder / "table.md").write_text(text, encoding="utf-8")
    print(text.partition("## Failures")[0])
    all_ran = set(results.selection()) <= results.read().keys()
    return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED and all_ran else int(code)


def causes() -> dict[str, tuple[str, str]]:
    """Those that are known."""
    return causes_of(CAUSES.read_text(encoding="utf-8"))


def main() -> int:
    """Returns pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--results", type=lambda text: Path(text).absolute(), required=True, help="the folder of this battery")
    parser.add_argument("--minutes", type=float, default=60 * 24, help="after which no further spec begins (default: a day)")
    parser.add_argument("--grace", type=float, default=15, help="minutes that those that run then may take to end (default: 15)")
    parser.add_argument("--selection", default="conformance", help="conformance, a SIG's label such as sig-storage, or raw")
    parser.add_argument("--stand-ins", choices=["auto", "yes", "no"], default="auto", help="auto: where registry.k8s.io does not answer")
    parser.add_argument("--again", action="store_true", help="those that failed are run again")
    arguments, further = parser.parse_known_args()
    return run(Results(arguments.results), arguments, further)


if __name__ == "__main__":
    sys.exit(main())
