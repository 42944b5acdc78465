"""The hooks of a run that has upstream specs (``--kind-focus`` and its like); other runs do not load this."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.junitxml import xml_key

from pytest_kind import options
from pytest_kind.e2e.listing import Selection, listed
from pytest_kind.e2e.pool import SuiteBroken
from pytest_kind.e2e.runner import How, SpecRunner, default_count
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import KindError
from pytest_kind.items import SpecItem, SpecSuite, markers_of
from pytest_kind.plugin import settings_of

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster
    from pytest_kind.run import Run

NAME = "kind-specs"  # under which this plugin is registered


class UpstreamSpecs:
    """Collects specs, and gives each its turn as soon as it has ended."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.runner: SpecRunner | None = None
        self._suite: Suite | None = None
        self._specs: list[Spec] = []
        self._waiting: list[SpecItem] = []  # of the specs that run beside each other, those that had no turn yet
        self._inside = False
        self._named = options.spec_arguments(config)
        others = [argument for argument in config.args if not options.is_spec(argument)]
        # Where nothing says which Python tests to run, neither an argument nor `testpaths`, the specs alone are.
        config.args[:] = [] if config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR else others

    # Collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Lists the specs, on xdist's controller too: a bad option is told of once, before any worker starts."""
        settings = options.resolve(self.config)
        selection = Selection(focus=settings.focus, skip=settings.skip, labels=settings.label_filter)
        if self._named and not selection.arguments:
            selection = Selection(focus=".")
        try:
            self._suite = suite_of(self.config)
            specs = listed(self._suite, selection, settings.cache_dir)
        except KindError as error:
            raise pytest.UsageError(str(error)) from error
        self._specs = _of_arguments(specs, self._named) if self._named else specs
        for name in sorted({name for spec in self._specs for name in markers_of(spec)}):
            self.config.addinivalue_line("markers", f"{name}: upstream specs with that label")

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Adds the suite to what the session has collected, after the Python tests."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            settings = settings_of(self.config)
            report.result.append(SpecSuite.from_parent(collector, name="upstream specs", nodeid="", specs=self._specs, settings=settings))
        return report

    def pytest_report_collectionfinish(self) -> list[str]:
        """Says of which suite they are."""
        if self._suite is None or self.config.get_verbosity() < 0:
            return []
        return [f"kind: {len(self._specs)} upstream specs of {self._suite.version or self._suite.binary.name}"]

    # The run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Specs run beside each other: the item whose spec has ended has its turn in this one's place."""
        if self._inside or not isinstance(item, SpecItem):
            return None
        if hasattr(self.config, "workerinput"):  # xdist knows which item it is at, and which is next
            item.beside = [item, *([nextitem] if isinstance(nextitem, SpecItem) else [])]
            return None
        if self._waiting:
            item = self._ended()
        else:
            self._waiting = item.beside = _from(item.session.items, item)
        self._waiting = [one for one in self._waiting if one is not item]
        self._inside = True
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._next_of(item) or nextitem)
        finally:
            self._inside = False
        return True

    def _next_of(self, item: SpecItem) -> SpecItem | None:
        """What pytest is told comes next. It keeps set up what both share, and which one it will be nobody knows yet.

        So it is one of another file, where there is one: a file that is set up once more costs nothing.
        """
        return next((one for one in self._waiting if one.parent is not item.parent), self._waiting[0] if self._waiting else None)

    def _ended(self) -> SpecItem:
        if self.runner is None:  # the cluster or the suite did not come up: each item will say so
            return self._waiting[0]
        try:
            outcome = self.runner.take({item.spec.name for item in self._waiting})
        except SuiteBroken:
            return self._waiting[0]
        item = next(item for item in self._waiting if item.spec.name == outcome.name)
        item.ready = outcome
        return item

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The report has the spec's own times and, of one that was skipped, its place."""
        report = yield
        if isinstance(item, SpecItem) and item.outcome is not None and call.when == "call":
            report.start, report.duration = item.outcome.start, item.outcome.seconds
            report.stop = report.start + report.duration
            if report.skipped:
                report.longrepr = (item.spec.file, item.spec.line, f"Skipped: {item.outcome.message}")
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """JUnit's name of a spec is its own: pytest takes what is in its brackets for a parameter, and adds one."""
        xml = self.config.stash.get(xml_key, None)
        _, separator, name = report.nodeid.partition(".go::")
        if xml is not None and separator:
            xml.node_reporter(report).add_attribute("name", name)

    def start(self, cluster: KindCluster, run: Run) -> SpecRunner:
        """What runs specs on a cluster, for the fixture."""
        settings = options.resolve(self.config)
        count = settings.procs or (1 if hasattr(self.config, "workerinput") else default_count())
        folder = run.session.folder / f"{cluster.name}-specs"
        assert self._suite is not None  # noqa: S101 - its items want the fixture
        self.runner = SpecRunner(
            cluster, self._suite, How(count=count, seconds=settings.spec_timeout, cache=settings.cache_dir, folder=folder), run.progress
        )
        return self.runner

    def close(self) -> list[str]:
        """Ends it, and says what failed outside of specs."""
        runner, self.runner = self.runner, None
        return runner.close() if runner is not None else []


def suite_of(config: pytest.Config) -> Suite:
    """The suite of this run."""
    settings = options.resolve(config)
    if settings.suite is not None:
        return Suite(settings.suite, settings.suite_args, Path(config.invocation_params.dir))
    raise NotImplementedError


def _of_arguments(specs: list[Spec], named: list[tuple[str, str | None]]) -> list[Spec]:
    """The specs that arguments name.

    Raises:
        pytest.UsageError: one names none.
    """
    wrong = [
        f"{file}::{name}: no spec of that name is in {file}" if name and any(spec.file == file for spec in specs) else f"{file}: no specs are in it"
        for file, name in named
        if not any(spec.file == file and name in {None, spec.name} for spec in specs)
    ]
    if wrong:
        raise pytest.UsageError("\n".join(wrong))
    return [spec for spec in specs if any(spec.file == file and name in {None, spec.name} for file, name in named)]


def _from(items: list[pytest.Item], first: SpecItem) -> list[SpecItem]:
    """The specs from one on, up to the next Python test."""
    found: list[SpecItem] = []
    for item in items[items.index(first) :]:
        if not isinstance(item, SpecItem):
            break
        found.append(item)
    return found
