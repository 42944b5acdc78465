"""Upstream specs as pytest items: each with its Go file and line, its labels as markers, and its own outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from _pytest.fixtures import TopRequest  # as core's own doctest items do: there is no public way to use fixtures in an item

from pytest_kind.e2e.outcome import FAILED, SKIPPED, Outcome
from pytest_kind.e2e.pool import SuiteBroken
from pytest_kind.e2e.runner import SpecRunner
from pytest_kind.e2e.spec import Spec
from pytest_kind.errors import KindError
from pytest_kind.keys import BEGAN
from pytest_kind.parameter import parametrize

_OUTPUT_LIMIT = 1 << 18  # characters, of what a failed spec printed last


class SpecSuite(pytest.Collector):
    """The specs that are asked for."""

    def __init__(self, *, specs: list[Spec], settings: Any, **others: Any) -> None:  # noqa: ANN401 - pytest's own
        super().__init__(**others)
        self._specs, self._settings = specs, settings

    def collect(self) -> Iterator[pytest.Collector]:
        """One collector for each Go file."""
        for file, specs in groupby(self._specs, key=lambda spec: spec.file):
            # Its path is the project's root, whose conftest.py is to have its hooks called: the file itself is elsewhere.
            yield SpecFile.from_parent(self, name=file, nodeid=file, specs=list(specs), settings=self._settings)


class SpecFile(pytest.Collector):
    """The specs of one Go file."""

    def __init__(self, *, specs: list[Spec], settings: Any, **others: Any) -> None:  # noqa: ANN401
        super().__init__(**others)
        self._specs, self._settings = specs, settings

    def collect(self) -> Iterator[pytest.Item]:
        """Its specs, from top to bottom."""
        for spec in self._specs:
            # The whole id as one text: since pytest 9.2 an id made of a parent's and a name with brackets equals none that is read back.
            nodeid = f"{self.nodeid}::{spec.name}"
            yield SpecItem.from_parent(self, name=spec.name, nodeid=nodeid, spec=spec, settings=self._settings)


class SpecFailed(Exception):
    """A spec failed."""


class SpecItem(pytest.Item):
    """One spec.

    ``cls``, ``callspec``, ``funcargs`` and what begins with an underscore are what pytest's fixtures ask of a test function.

    Attributes:
        spec: which.
        ready: its outcome, where that is known before its turn.
        outcome: how it ended.
        says_why: whether the suite itself says why it failed; else what its cluster tells is added.
        broken: why no spec runs any more, which is the same for all of them.
    """

    cls = None

    def __init__(self, *, spec: Spec, settings: Any, **others: Any) -> None:  # noqa: ANN401
        super().__init__(**others)
        self.spec = spec
        self.ready: Outcome | None = None
        self.outcome: Outcome | None = None
        self.says_why, self.broken = True, ""
        for name in markers_of(spec):
            self.add_marker(name)
        # The same parameter as that of the Python tests that want the run's own cluster, so that all share one.
        self._fixtureinfo = self.session._fixturemanager.getfixtureinfo(node=self, func=_wants, cls=None)  # noqa: SLF001
        self.fixturenames = self._fixtureinfo.names_closure
        parametrize(self, settings)
        self._initrequest()

    def _initrequest(self) -> None:
        # pytest-rerunfailures calls it before a further run.
        self.funcargs: dict[str, Any] = {}
        self._request = TopRequest(self, _ispytest=True)  # type: ignore[arg-type]

    def setup(self) -> None:
        """Sets its fixtures up: the cluster, and what runs specs on it."""
        self.says_why, self.broken = True, ""
        self._request._fillfixtures()  # noqa: SLF001

    def runtest(self) -> None:
        """Has it run, or run again."""
        runner: SpecRunner = self.funcargs["kind_specs"]
        self.outcome, self.ready = self.ready, None
        try:
            self.outcome = self.outcome or runner.run(self.spec)
        except SuiteBroken as error:
            self.says_why, self.broken, self.stash[BEGAN] = False, str(error), error.since
            raise
        self.says_why, self.stash[BEGAN] = not self.outcome.unexplained, self.outcome.start
        if self.outcome.state == SKIPPED:
            pytest.skip(self.outcome.message)
        if self.outcome.state == FAILED:
            if self.outcome.output:
                self.add_report_section("call", "output of the suite", self.outcome.output[-_OUTPUT_LIMIT:])
            raise SpecFailed(self.outcome.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - pytest's own
        """The suite's own words; lines of Python say nothing here."""
        if isinstance(excinfo.value, SpecFailed) and self.outcome is not None:
            at = [f"at {self.outcome.where}"] if self.outcome.where else []
            return "\n".join([self.outcome.message, *at, *(f"   {frame}" for frame in self.outcome.stack)])
        if isinstance(excinfo.value, KindError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is written, in the suite's project."""
        return self.config.rootpath / self.spec.file, self.spec.line - 1, self.name


class SpecStart(SpecItem):
    """Sets up what all specs share, and has no turn."""

    def setup(self) -> None:
        """Without what each test has anew."""
        self._request.getfixturevalue("kind_specs")


def _wants(kind_specs: SpecRunner) -> None:
    """Whose arguments are the fixtures of every spec."""


def markers_of(spec: Spec) -> list[str]:
    """Its labels as names of markers: ``sig-storage`` is ``sig_storage``, ``Feature:SCTP`` is ``feature_sctp``."""
    return list(dict.fromkeys(re.sub(r"\W+", "_", label).strip("_").lower() for label in spec.labels if re.match(r"[A-Za-z]", label)))
