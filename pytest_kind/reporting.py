"""``--kind-report=DIR``: a page about the run. Nothing that goes wrong here is more than a line at the run's end."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Generator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_kind.html_report.events import chosen
from pytest_kind.html_report.model import ANY_CLUSTER, Cluster, Phase, Run, Section, Turn
from pytest_kind.html_report.page import page
from pytest_kind.html_report.record import Record

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster

NAME = "kind-report"
FILE = "index.html"
_SAID = "kind_said"  # of a report: what its test had of ours, for whoever reads it, in another process too
_MOST_EVENTS = 8000
_WORST = ("failed", "error", "rerun", "xpassed", "xfailed", "skipped", "passed")


def check(folder: Path) -> None:
    """Makes the folder.

    Raises:
        pytest.UsageError: it cannot be, or the page cannot be written there.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        path.open("a", encoding="utf-8").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise pytest.UsageError(f"--kind-report: {path}: it cannot be written: {error.strerror or error}") from error


class Telling:
    """The hooks of every process that runs tests: each report says which cluster its test had."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        values = getattr(item, "funcargs", None) or {}
        spec, process = getattr(item, "spec", None), getattr(getattr(item, "outcome", None), "process", 0)
        own = ANY_CLUSTER if "kind_cluster_factory" in values else ""
        said = {
            # Words alone: a project may have fixtures of these names of its own, and xdist sends reports.
            "cluster": str(getattr(values.get("kind_cluster"), "name", own)),
            "namespace": str(values.get("kind_namespace", "")),
            "labels": [str(one) for one in getattr(spec, "labels", ())],
            "lane": f"specs {process}" if process else "",
        }
        setattr(report, _SAID, said)
        return report


class Reporter(Telling):
    """The hooks of the process that writes the page: the controller, where there are workers.

    Args:
        artifacts: the folder of ``--kind-artifacts``, if there is one.
    """

    def __init__(self, config: pytest.Config, folder: Path, artifacts: Path | None) -> None:
        self._config, self._path, self._artifacts = config, folder / FILE, artifacts
        self._began = time.time()
        self._record = Record()
        self._tests: list[Turn] = []
        self._turns: dict[tuple[str, str], list[pytest.TestReport]] = {}  # of tests that are not over yet
        self._problems: list[str] = []
        self._written = False

    @pytest.hookimpl(tryfirst=True)  # before others' hooks start more
    def pytest_kind_cluster_ready(self, cluster: KindCluster) -> None:
        self._record.ready(cluster)

    def pytest_kind_cluster_ends(self, cluster: KindCluster) -> None:
        self._record.ends(cluster)

    def pytest_kind_cluster_failed(self, name: str) -> None:
        self._record.failed(name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        key = _key(report)
        if report.when == "setup":
            self._have(key)  # one that is run again
        self._turns.setdefault(key, []).append(report)
        if report.when not in {"setup", "call"}:
            self._have(key)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.passed:
            return
        self._tests.append(
            Turn(
                id=report.nodeid or "collection",
                outcome="error" if report.failed else "skipped",
                phases=(Phase("collection", time.time(), 0.0),),
                reason=_reason(report),
                sections=tuple(_sections(report)) if report.failed else (),
            )
        )

    @pytest.hookimpl(trylast=True)  # when clusters are gone, and artifacts are there
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._record.close()
        for key in list(self._turns):
            self._have(key)
        try:
            self._path.write_text(page(self._run(int(session.exitstatus))), encoding="utf-8")
            self._written = True
        except OSError as error:
            self._problems.append(f"{self._path}: {error.strerror or error}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("kind: report")
        if self._written:
            terminalreporter.line(str(self._path))
        for problem in [*self._record.problems, *self._problems]:
            terminalreporter.line(f"not to be had: {problem}")

    def _have(self, key: tuple[str, str]) -> None:
        """A test's turn is over."""
        reports = self._turns.pop(key, [])
        if not reports:
            return
        categories = [self._config.hook.pytest_report_teststatus(report=one, config=self._config)[0] for one in reports]
        outcome = next((one for one in _WORST if one in categories), next((one for one in categories if one), "passed"))
        told = [one for one, category in zip(reports, categories, strict=True) if category not in {"", "passed"}]
        said = getattr(reports[-1], _SAID, {})
        self._tests.append(
            Turn(
                id=key[0],
                outcome=outcome,
                phases=_phases(reports),
                lane=key[1] or said.get("lane", ""),
                cluster=said.get("cluster", ""),
                namespace=said.get("namespace", ""),
                labels=tuple(said.get("labels", ())),
                reason=_reason(told[0]) if told else "",
                # Each phase's report has what was printed until then.
                sections=tuple(dict.fromkeys(section for one in told for section in _sections(one))),
            )
        )

    def _run(self, exit_code: int) -> Run:
        events, forgotten = self._record.events
        shown = chosen(events, self._tests, _MOST_EVENTS)
        return Run(
            began=self._began,
            ended=time.time(),
            exit_code=exit_code,
            facts=self._facts(),
            tests=tuple(sorted(self._tests, key=lambda one: one.start)),
            clusters=tuple(map(self._with_logs, self._record.clusters)),
            events=tuple(shown),
            left_out=len(events) - len(shown) + forgotten,
            links=self._links(),
            problems=(*self._record.problems, *self._problems),
        )

    def _facts(self) -> dict[str, str]:
        packages = {"pytest-kind-native": "plugin", "pytest": "pytest", "pytest-xdist": "xdist"}
        known = {name: version for package, name in packages.items() if (version := _version(package))}
        engine = {"engine": self._record.engine} if self._record.engine else {}
        return {**engine, "Python": platform.python_version(), **known, "machine": f"{platform.system()} {platform.machine()}"}

    def _links(self) -> dict[str, str]:
        """What ``--kind-artifacts`` left, as seen from the page."""
        if self._artifacts is None:
            return {}
        there = {name: self._artifacts / name for name in ("summary.md", "junit.xml")}
        return {name: self._from_page(path) for name, path in there.items() if path.is_file()}

    def _with_logs(self, cluster: Cluster) -> Cluster:
        logs = self._artifacts / "logs" / cluster.name if self._artifacts is not None else None
        return replace(cluster, logs=f"{self._from_page(logs)}/") if logs is not None and logs.is_dir() else cluster

    def _from_page(self, path: Path) -> str:
        return quote(os.path.relpath(path, self._path.parent))


def hooks(config: pytest.Config, folder: Path, artifacts: Path | None) -> Telling:
    """What a process of the run registers.

    Raises:
        pytest.UsageError: the page cannot be written.
    """
    if hasattr(config, "workerinput"):
        return Telling()
    check(folder)
    return Reporter(config, folder, artifacts)


def _key(report: pytest.TestReport) -> tuple[str, str]:
    """A test and the worker that has it: under ``--dist=each`` all have it."""
    node = getattr(report, "node", None)  # of a worker of xdist; all that is known of one that crashed
    return report.nodeid, getattr(report, "worker_id", None) or (node.gateway.id if node is not None else "")


def _phases(reports: list[pytest.TestReport]) -> tuple[Phase, ...]:
    """When a test ran. A spec ran before its turn came, and all but its call is of its turn; a worker that crashed says no time."""
    phases = [Phase(one.when or "", one.start or time.time(), one.duration) for one in reports]
    call = next((one for one in phases if one.when == "call"), None)
    return (call,) if call is not None and call.start < phases[0].start else tuple(phases)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why, in a line."""
    if isinstance(report.longrepr, tuple):  # of one that was skipped
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    # `Failed: ` is the name of pytest.fail's exception, as which our own errors end too.
    text = str(crash.message).removeprefix("Failed: ") if crash is not None else report.longreprtext or getattr(report, "wasxfail", "")
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _sections(report: pytest.TestReport | pytest.CollectReport) -> list[Section]:
    """All that it says, and what was printed."""
    whole = "" if isinstance(report.longrepr, tuple) else report.longreprtext
    first = [Section("failure" if report.when == "call" else f"failure in {report.when}", whole)] if whole else []
    return [*first, *(Section(str(title), str(text)) for title, text in report.sections if text.strip())]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
