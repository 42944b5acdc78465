"""The entry point: hooks only.

Loaded in every pytest run of every project that has this plugin installed, so it imports pytest and the standard library
and nothing else; what uses a cluster imports the rest.
"""

from __future__ import annotations

import contextlib
import os
import types
from collections.abc import Generator
from typing import Any

import pytest

from pytest_kind import invocation, options
from pytest_kind.keys import BEGAN, DOOR, FAILED, RUN, TIDY, WORKERINPUT
from pytest_kind.told import told_where_it_was_called


def pytest_addoption(parser: pytest.Parser) -> None:
    options.register(parser)


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    # After every entry point, `-p` and initial conftest: only now is it known which names are free.
    options.register_legacy(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_kind import hookspecs  # noqa: PLC0415

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)  # before pytest's own JUnit
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER)
    if not config.pluginmanager.has_plugin("kind-fixtures"):
        from pytest_kind import fixtures, reaching, scopes, tools  # noqa: PLC0415 - for the runs that use them: what they load is little

        # One plugin of what pytest is to find: it looks at each name of each.
        together = types.ModuleType("kind-fixtures")
        for module in (fixtures, reaching, scopes, tools):
            vars(together).update({name: value for name, value in vars(module).items() if name.startswith(("kind_", "pytest_"))})
        config.pluginmanager.register(together, together.__name__)
    if invocation.asks_for_specs(config):
        from pytest_kind import specs  # noqa: PLC0415 - the hooks of runs that have some

        config.pluginmanager.register(specs.UpstreamSpecs(config), specs.NAME)
    folder = invocation.artifacts(config)
    if folder is not None:
        from pytest_kind import artifacts  # noqa: PLC0415 - docker and the rest, for runs that leave some

        artifacts.check(folder)
        config.pluginmanager.register(artifacts.Artifacts(config, folder), artifacts.NAME)
    picture = invocation.timeline(config)
    if picture is not None:
        from pytest_kind import recorder  # noqa: PLC0415 - as above

        config.pluginmanager.register(recorder.Recorder(picture), recorder.NAME)
    page = invocation.report(config)
    if page is not None:
        from pytest_kind import reporting  # noqa: PLC0415 - as above

        config.pluginmanager.register(reporting.hooks(config, page, folder), reporting.NAME)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not invocation.looks(session.config) and invocation.begins_ahead(session.config):
        from pytest_kind import ahead  # noqa: PLC0415 - docker and the rest, for runs that want it

        ahead.begin(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's
    from pytest_kind.door import Door  # noqa: PLC0415 - for runs that have workers

    if not node.gateway.spec.popen:
        return  # on another machine: such a worker makes its clusters itself
    config = node.config
    if invocation.looks_for_leftovers(config) and not invocation.has_own_cluster(config):
        row = next(option for option in options.OPTIONS if option.name == "leftovers")
        source, value = options.given(config, row, {}, "")
        raise pytest.UsageError(f"{source}: {value!r}: where workers share a cluster nobody can say who left what; add --kind-per-worker")
    if DOOR not in config.stash:
        config.stash[DOOR] = Door(config)
    node.workerinput[WORKERINPUT] = config.stash[DOOR].place


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if not config.getoption("kind_gc"):
        return None
    from pytest_kind.cli import collect_garbage  # noqa: PLC0415
    from pytest_kind.errors import KindError  # noqa: PLC0415

    try:
        collect_garbage(options.resolve(config).cache_dir)
    except KindError as error:
        raise pytest.UsageError(str(error)) from error
    return 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind_cluster" in metafunc.fixturenames and _is_our_fixture(metafunc) and "kind_cluster" not in _parametrized(metafunc):
        from pytest_kind import parameter  # noqa: PLC0415 - for runs that use clusters

        try:
            settings = parameter.settings_for(metafunc.definition)
        except pytest.UsageError as error:
            if not _is_the_runs(metafunc.config, error):
                raise pytest.Collector.CollectError(str(error)) from error
            return
        metafunc.parametrize("kind_cluster", [pytest.param(settings, id=pytest.HIDDEN_PARAM)], indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    for item in filter(_has_one, report.result or ()):
        from pytest_kind import parameter  # noqa: PLC0415 - as above

        try:
            parameter.give(item)
        except pytest.UsageError as error:
            if not _is_the_runs(collector.config, error):
                report.outcome, report.longrepr = "failed", str(error)
    return report


def _is_the_runs(config: pytest.Config, error: pytest.UsageError) -> bool:
    """Keeps what is wrong for the end of the collection; not on a worker, whose end xdist would take for a crash: there it is the collector's."""
    if hasattr(config, "workerinput"):
        return False
    config.stash.setdefault(_WRONG, []).append(str(error))
    return True


def _parametrized(metafunc: pytest.Metafunc) -> set[str]:
    """The arguments that a project gives itself: in the forms in which pytest takes their names."""
    marks = metafunc.definition.iter_markers("parametrize")
    names = [mark.args[0] if mark.args else mark.kwargs.get("argnames", ()) for mark in marks]
    return {name.strip() for one in names for name in (one.split(",") if isinstance(one, str) else one)}


def _is_our_fixture(of: Any) -> bool:  # noqa: ANN401 - pytest's own: a Metafunc or an item's _fixtureinfo
    """Whether ``kind_cluster`` is this plugin's, or a project's that asks for this plugin's and has no parameters of its own."""
    definitions = getattr(of, "_arg2fixturedefs", None) or getattr(of, "name2fixturedefs", {})
    for definition in reversed(definitions.get("kind_cluster", ())):
        if definition.func.__module__ == "pytest_kind.fixtures":
            return True
        if definition.params or "kind_cluster" not in definition.argnames:
            return False
    return False


_USES = {"kind_cluster", "kind_cluster_factory"}
_WRONG: pytest.StashKey[list[str]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    # Raised while a module is collected it would be that module's error, with a traceback; it is the whole run's.
    wrong = config.stash.get(_WRONG, None)
    if wrong:
        raise pytest.UsageError("\n".join(dict.fromkeys(wrong)))


def pytest_collection_finish(session: pytest.Session) -> None:
    from pytest_kind import fixtures  # noqa: PLC0415 - they are loaded

    fixtures.share_by_name(session)
    config, items = session.config, list(filter(_has_one, session.items))
    if items:
        from pytest_kind import parameter  # noqa: PLC0415 - for runs that use clusters

        items = list(filter(parameter.correct, items))
    if RUN in config.stash and not config.pluginmanager.hasplugin("dsession") and not any(map(_uses_one, session.items)):
        config.stash[RUN].end_begun()
    if not items or invocation.looks(config):
        return
    if invocation.looks_for_leftovers(config) or any(map(options.is_fresh, items)):
        from pytest_kind import tidy  # noqa: PLC0415 - the hooks of runs that have some

        config.stash[TIDY] = tidy.Tidy(config, items)
        config.pluginmanager.register(config.stash[TIDY], tidy.NAME)


def _has_one(item: pytest.Item | pytest.Collector) -> bool:
    if "kind_cluster" not in getattr(item, "fixturenames", ()):
        return False
    found = getattr(item, "_fixtureinfo", None)
    return found is None or _is_our_fixture(found)


def _uses_one(item: pytest.Item) -> bool:
    return not _USES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    with told_where_it_was_called(None if item.config.getoption("fulltrace", default=False) else call.excinfo):
        report = yield
    if call.when == "setup":
        item.stash[BEGAN] = call.start
        _begin_again(item, report)
    if report.failed:
        for node in item.listchain():
            node.stash.setdefault(FAILED, {})[item.nodeid] = frozenset(getattr(item, "fixturenames", ()))
        if RUN in item.config.stash:
            from pytest_kind import forensics  # noqa: PLC0415 - for tests that fail while there are clusters

            forensics.examine(item, call, report)
    return report


def _begin_again(item: pytest.Item, report: pytest.TestReport) -> None:
    """Forgets that a test failed, which then has its next turn (pytest-rerunfailures)."""
    if item.nodeid not in item.stash.get(FAILED, {}):
        return
    for node in item.listchain():
        node.stash[FAILED].pop(item.nodeid, None)
    from pytest_kind import forensics  # noqa: PLC0415 - for tests that failed

    forensics.forget(item, report)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    if (
        invocation.looks(config)
        or hasattr(config, "workerinput")
        or config.get_verbosity() < 0
        or _WRONG in config.stash
        or not any(map(_has_one, items))
    ):
        return []
    from pytest_kind.report import header  # noqa: PLC0415

    return [header(options.resolve(config)), *invocation.ignored(config)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    _close(session.config)
    workers = session.config.pluginmanager.getplugin("dsession")
    if workers is not None:
        from pytest_kind.report import sweep_after_workers  # noqa: PLC0415

        with contextlib.suppress(pytest.UsageError):  # then no worker has made anything, and each has said why
            sweep_after_workers(options.resolve(session.config).cache_dir)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if RUN in config.stash and os.environ.get("GITHUB_ACTIONS") == "true":
        from pytest_kind import forensics  # noqa: PLC0415 - where they are read

        failed = [report for outcome in ("error", "failed") for report in terminalreporter.stats.get(outcome, ())]
        for line in forensics.github_annotations(failed, config.rootpath):
            terminalreporter.line(line)
    run = config.stash.get(RUN, None)
    if run is not None and run.last_lines:
        terminalreporter.section("kind")
        for line in run.last_lines:
            terminalreporter.line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    _close(config)


def _close(config: pytest.Config) -> None:
    door = config.stash.get(DOOR, None)
    if door is not None:
        door.close()
    run = config.stash.get(RUN, None)
    if run is not None:
        run.close_for_good()
