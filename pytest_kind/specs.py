"""The hooks of a run that has upstream specs (``--kind-focus`` and its like); other runs do not load this."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from _pytest.junitxml import xml_key
from _pytest.outcomes import TEST_OUTCOME

from pytest_kind import invocation, keys, options
from pytest_kind.e2e.images.build import build
from pytest_kind.e2e.images.check import check
from pytest_kind.e2e.images.serve import StandIns, serve
from pytest_kind.e2e.listing import Selection, listed
from pytest_kind.e2e.pool import SuiteBroken
from pytest_kind.e2e.runner import How, SpecRunner, default_count, kubernetes_of, refuse_skew
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import KindError
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.source import release_of
from pytest_kind.image.suite import suite_for
from pytest_kind.image.workshop import Workshop
from pytest_kind.items import SpecItem, SpecStart, SpecSuite, markers_of
from pytest_kind.lease.session import Session
from pytest_kind.parameter import settings_of
from pytest_kind.provision import docker_engine
from pytest_kind.shown import make_progress
from pytest_kind.wishes import request_of

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster
    from pytest_kind.provision.provider import Provider
    from pytest_kind.run import Run

NAME = keys.SPECS


class UpstreamSpecs:
    """Collects specs, and gives each its turn as soon as it has ended."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.runner: SpecRunner | None = None
        self._asked: SpecRunner | None = None  # for all that is waiting
        self._stand_ins: StandIns | None = None
        self._suite: Suite | None = None
        self._specs: list[Spec] = []
        self._waiting: list[SpecItem] = []  # of the specs that run beside each other, those that had no turn yet
        self._inside = False
        self._named = invocation.spec_arguments(config)
        others = [argument for argument in config.args if not invocation.is_spec(argument)]
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
        if hasattr(self.config, "workerinput"):
            return None  # xdist knows which item it is at; beside it run those of other workers
        if not self._waiting:
            self._waiting = _from(item.session.items, item)
            self._begin(item)
        item = self._ended()
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

    def _begin(self, first: SpecItem) -> None:
        """Makes what all share before any has its turn: the first of them may take the longest, and the others need not wait for it."""
        suite = first.getparent(SpecSuite)
        assert suite is not None  # noqa: S101 - all of them are its
        start = SpecStart.from_parent(suite, name=first.name, nodeid=first.nodeid, spec=first.spec, settings=settings_of(self.config))
        state = first.session._setupstate  # noqa: SLF001 - there is no public way to set fixtures up before an item's turn
        try:
            state.setup(start)
        except TEST_OUTCOME:
            return  # its fixtures keep it, and it is raised again in each item's setup
        finally:
            state.teardown_exact(first)
        if self.runner is not None:
            self._ask()

    def _ask(self) -> None:
        assert self.runner is not None  # noqa: S101 - its callers look
        self._asked = self.runner
        self.runner.want(item.spec for item in self._waiting)

    def _ended(self) -> SpecItem:
        if self.runner is None:  # the cluster or the suite did not come up: each item will say so
            return self._waiting[0]
        if self.runner is not self._asked:  # one that came up when the first failed
            self._ask()
        try:
            outcome = self.runner.take({item.spec.name for item in self._waiting})
        except SuiteBroken:
            return self._waiting[0]
        item = next(item for item in self._waiting if item.spec.name == outcome.name)
        item.ready = outcome
        return item

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """pytest-timeout's limit would count the time of the specs that run beside this one: theirs is ``--kind-spec-timeout``."""
        return True if isinstance(item, SpecItem) else None

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

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The ids of the short summary are the items': of a name that begins with a bracket pytest 9.2 makes one that ends with one.

        Not before: until here ids are compared with those that are read back (``--lf``, xdist), which take the bracket for parameters.
        """
        for report in chain.from_iterable(terminalreporter.stats.values()):
            if isinstance(report, pytest.TestReport) and hasattr(report, "_id") and invocation.is_spec(report.nodeid):
                file, _, name = report.nodeid.partition("::")
                report._id = type(report._id)(path=file, names=(name,))  # noqa: SLF001 - there is no public way

    def start(self, cluster: KindCluster, run: Run) -> SpecRunner:
        """What runs specs on a cluster, for the fixture: the images that they use are looked after first."""
        with ExitStack() as undoing:
            undoing.callback(self.close)
            self.runner = self._started(cluster, run)
            undoing.pop_all()
        return self.runner

    def _started(self, cluster: KindCluster, run: Run) -> SpecRunner:
        settings = options.resolve(self.config)
        assert self._suite is not None  # noqa: S101 - its items want the fixture
        images = self._suite.images
        refuse_skew(self._suite, kubernetes_of(cluster))
        served: Mapping[str, str] = {}
        if settings.stand_ins:
            served = self.serve(cluster, run) if run.lessee is None else run.lessee.serve_stand_ins(cluster.name)
        with run.progress.step("looking after the images of the specs"):
            ready = check(run.provider, cluster.nodes, images, served)
        run.progress.note(str(ready))
        if ready.stand_ins:
            run.last_lines.append(f"specs ran with stand-ins of ours for {len(ready.stand_ins)} of upstream's images: {', '.join(ready.stand_ins)}")
        worker = invocation.worker_of(self.config)
        reports = settings.artifacts / worker / "specs" if settings.artifacts else None
        if reports is not None:
            reports.mkdir(parents=True, exist_ok=True)
        how = How(
            count=settings.procs or (1 if worker else default_count()),
            seconds=settings.spec_timeout,
            cache=settings.cache_dir,
            folder=run.session.folder / f"{cluster.name}-specs",
            reports=reports,
            skips=settings.missing_image == "skip",
        )
        turn = None if run.lessee is None else partial(run.lessee.turn, cluster.name)
        return SpecRunner(cluster, self._suite, how, run.progress, ready.stand_ins, turn)

    def serve(self, cluster: KindCluster, run: Run) -> Mapping[str, str]:
        """Has the nodes of a cluster pull stand-ins; upstream name -> what it is made of."""
        assert self._suite is not None  # noqa: S101 - its items want them
        if self._stand_ins is None:
            request = request_of(settings_of(self.config), self.config)
            workshop = run.workshop(request.lease)
            # Their programs are the release's: a build of one's own has no Go modules.
            wanted = read_inputs(run.provider.info().architecture, release_of(kubernetes_of(cluster)))
            self._stand_ins = serve(workshop, request, docker_engine.connect, build(workshop, wanted, self._suite.images))
        if cluster not in self._stand_ins.attached:
            self._stand_ins.attach(cluster)
        return self._stand_ins.images

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """A controller of xdist, which has no fixtures, served stand-ins for its workers."""
        self.close()

    def close(self) -> list[str]:
        """Ends it, and says what failed outside of specs."""
        runner, self.runner = self.runner, None
        served, self._stand_ins = self._stand_ins, None
        try:
            return runner.close() if runner is not None else []
        finally:
            if served is not None:
                served.stop()


class _EngineWhenAsked:
    """Connects to the engine when something is asked of it: a suite's version is mostly known without."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    @cached_property
    def _engine(self) -> Provider:
        return docker_engine.connect()

    def close(self) -> None:
        if "_engine" in self.__dict__:
            self._engine.close()


def suite_of(config: pytest.Config) -> Suite:
    """The suite of this run: the one that is named, or that of the cluster's version from where its image comes from.

    Raises:
        KindError: it cannot be had.
    """
    settings = options.resolve(config)
    folder = Path(config.invocation_params.dir)
    if settings.suite is not None:
        return Suite(settings.suite, settings.suite_args or (), folder)
    request = request_of(settings_of(config), config)
    reference = request.config.nodes[0].image or request.image
    session, engine = Session.open(settings.cache_dir), _EngineWhenAsked()
    try:
        workshop = Workshop(
            provider=cast("Provider", engine),
            cache=settings.cache_dir,
            scratch=session.folder,
            labels=session.labels(lease=settings.lease),
            progress=make_progress(config),
        )
        found = suite_for(workshop, reference=reference, kubernetes=request.version, source=request.source)
    finally:
        engine.close()
        session.close()
    return Suite(found.binary, settings.suite_args or (), folder)


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
