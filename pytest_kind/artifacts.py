"""``--kind-artifacts=DIR``: what a CI system collects. Logs of all nodes before their clusters go, JUnit, a summary.

Whatever goes wrong here is said in the run's last lines and in the summary: the exit code is that of the tests.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import labels
from pytest_kind.diagnose.logs import export_logs
from pytest_kind.diagnose.summary import Cluster, Failure, Summary, first_lines
from pytest_kind.errors import KindError
from pytest_kind.provision import docker_engine
from pytest_kind.shown import progresses
from pytest_kind.workers.progress import StoppableProgress

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster

NAME = "kind-artifacts"
JUNIT = "junit.xml"
EVIDENCE = "evidence.txt"
_OUTPUT = "kind_artifacts"
_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def check(folder: Path) -> None:
    """Makes the folder.

    Raises:
        pytest.UsageError: it cannot be, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise pytest.UsageError(f"--kind-artifacts: {folder}: it cannot be written: {error.strerror or error}") from error


class Artifacts:
    """The hooks of a run that leaves artifacts; on a worker of xdist, those of its clusters alone."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._worker = getattr(config, "workerinput", {}).get("workerid", "")
        self._begin = time.monotonic()
        self._summary = Summary()
        self._seen: set[str] = set()
        if not self._worker and getattr(config.option, "xmlpath", "") is None:
            config.option.xmlpath = str(folder / JUNIT)  # pytest's own JUnit comes to read it after us

    def pytest_kind_cluster_ends(self, cluster: KindCluster) -> None:
        self._export(cluster.name, image=cluster.image_digest, booted=True)

    def pytest_kind_cluster_failed(self, name: str, evidence: str) -> None:
        place = self._export(name, image="", booted=False)
        if evidence:
            self._write(place / EVIDENCE, f"{evidence}\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._worker:
            return
        category = self._config.hook.pytest_report_teststatus(report=report, config=self._config)[0]
        if category:
            self._summary.outcomes[category] = self._summary.outcomes.get(category, 0) + 1
        self._summary.tests[report.nodeid] = self._summary.tests.get(report.nodeid, 0.0) + report.duration
        if category in {"failed", "error"}:
            self._summary.failures.append(Failure(report.nodeid, report.when or "", _message(report)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self._worker:
            self._summary.outcomes["error"] = self._summary.outcomes.get("error", 0) + 1
            self._summary.failures.append(Failure(report.nodeid, "collection", _message(report)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist's, which may not be installed
        handed = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if handed:
            self._summary.engine = self._summary.engine or handed["engine"]
            self._summary.clusters += [Cluster(**one) for one in handed["clusters"]]
            self._summary.beside += [[(what, seconds) for what, seconds in steps] for steps in handed["steps"]]
            self._summary.problems += handed["problems"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        summary = self._summary
        for progress in progresses(self._config):
            if isinstance(progress, StoppableProgress):  # of one cluster among several
                summary.beside.append(progress.timings)
            else:
                summary.steps += progress.timings
        if self._worker:
            clusters = [{name: getattr(one, name) for name in Cluster.__slots__} for one in summary.clusters]
            handed = {"engine": summary.engine, "clusters": clusters, "steps": [summary.steps], "problems": summary.problems}
            self._config.workeroutput[_OUTPUT] = handed  # type: ignore[attr-defined]  # xdist's
            return
        summary.total, summary.exit_code = time.monotonic() - self._begin, int(session.exitstatus)
        self._write(self._folder / "summary.json", summary.as_json())
        self._write(self._folder / "summary.md", summary.as_markdown())
        if os.environ.get(_STEP_SUMMARY):
            self._write(Path(os.environ[_STEP_SUMMARY]), summary.as_markdown(), "a")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("kind: artifacts")
        terminalreporter.line(str(self._folder))
        for problem in self._summary.problems:
            terminalreporter.line(f"not to be had: {problem}")

    def _export(self, name: str, *, image: str, booted: bool) -> Path:
        """The logs of a cluster's machines, in a folder that is nobody else's to read."""
        below = Path(self._worker, "logs", name)
        place = self._folder / below
        if name in self._seen:
            return place  # an end that was interrupted is repeated
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            provider = docker_engine.connect()
            try:
                self._summary.engine = provider.info().name
                there = provider.containers({labels.CLUSTER: name})  # none of one that a test removed
                self._summary.problems += [f"{below}/{line}" for line in export_logs(docker_engine.connect, there, place)]
            finally:
                provider.close()
        except (KindError, OSError) as error:
            self._summary.problems.append(f"{below}: {str(error).splitlines()[0]}")
        self._seen.add(name)
        self._summary.clusters.append(Cluster(name=name, kubernetes=_kubernetes(place), image=image, logs=str(below), booted=booted))
        return place

    def _write(self, path: Path, text: str, mode: str = "w") -> None:
        try:
            with path.open(mode, encoding="utf-8", errors="backslashreplace") as file:  # what a test says may be no text
                file.write(text)
        except OSError as error:
            self._summary.problems.append(f"{path}: {error.strerror or error}")


def _kubernetes(place: Path) -> str:
    files = sorted(place.glob("*/kubernetes-version.txt"))
    return files[0].read_text(encoding="utf-8").strip() if files else ""


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    # `Failed: ` is the name of pytest.fail's exception, as which our own errors end too.
    return first_lines(str(crash.message).removeprefix("Failed: ") if crash is not None else report.longreprtext)
