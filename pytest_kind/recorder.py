"""``--kind-timeline=FILE``: how the run's clusters booted. Nothing that goes wrong here is more than a line at the run's end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.timeline.record import Record, check

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster

NAME = "kind-timeline"


class Recorder:
    """The hooks of a run that leaves a timeline.

    Raises:
        pytest.UsageError: its file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            check(path, "--kind-timeline")
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error
        self._path, self._record = path, Record()
        self._written: list[Path] = []

    @pytest.hookimpl(tryfirst=True)  # before others' hooks start more
    def pytest_kind_cluster_ready(self, cluster: KindCluster) -> None:
        self._record.ready(cluster)

    def pytest_kind_cluster_failed(self, name: str) -> None:
        self._record.failed(name)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._written = self._record.write(self._path)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("kind: timeline")
        for path in self._written:
            terminalreporter.line(str(path))
        for problem in self._record.problems:
            terminalreporter.line(f"not to be had: {problem}")
        if not self._written and not self._record.problems:
            terminalreporter.line("no cluster was made")
