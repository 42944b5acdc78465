"""The entry point: hooks only.

Loaded in every pytest run of every project that has this plugin installed, so it imports pytest and the standard library
and nothing else; what uses a cluster imports the rest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
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

        for name, module in (("fixtures", fixtures), ("reaching", reaching), ("scopes", scopes), ("tools", tools)):
            config.pluginmanager.register(module, f"kind-{name}")
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
    # A session's fixture does not see the markers of its tests: each test tells it by an invisible parameter which
    # cluster it wants. pytest then groups the tests by it, and ends a cluster after its last test.
    if "kind_cluster" in metafunc.fixturenames and "kind_cluster" not in _parametrized(metafunc):
        try:
            marks = options.marker_values(metafunc.definition)
            apart = options.is_fresh(metafunc.definition) and invocation.shares_cluster(metafunc.config)
            settings = _settings(metafunc.config, marks, f"@pytest.mark.kind(…) of {metafunc.definition.nodeid}", apart=apart)
            _check_namespace(metafunc.definition)
        except pytest.UsageError as error:
            if hasattr(metafunc.config, "workerinput"):  # whose end xdist would take for a crash
                raise pytest.Collector.CollectError(str(error)) from error
            metafunc.config.stash.setdefault(_WRONG, []).append(str(error))
            return
        metafunc.parametrize("kind_cluster", [pytest.param(settings, id=pytest.HIDDEN_PARAM)], indirect=True, scope="session")


def _check_namespace(definition: Any) -> None:  # noqa: ANN401 - pytest's own
    wished = options.namespace_values(definition)
    if not wished:
        return
    from pytest_kind.errors import UsageError  # noqa: PLC0415
    from pytest_kind.toolbox.wished_namespace import parse  # noqa: PLC0415

    try:
        parse(wished, f"@pytest.mark.kind(namespace=…) of {definition.nodeid}")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def _parametrized(metafunc: pytest.Metafunc) -> set[str]:
    return {name.strip() for mark in metafunc.definition.iter_markers("parametrize") for name in str(mark.args[0] if mark.args else "").split(",")}


def settings_of(config: pytest.Config) -> Any:  # noqa: ANN401 - Settings, imported lazily
    """The parameter of a test without a marker: the same object for each of them."""
    return _settings(config, {}, "")


def _settings(config: pytest.Config, marks: dict[str, Any], where: str, *, apart: bool = False) -> Any:  # noqa: ANN401 - as above
    """Equal wishes are one object, so that pytest sees one parameter; they are checked at once, before any test runs."""
    known = config.stash.setdefault(_KNOWN, {})
    key = repr((sorted(marks.items(), key=lambda item: item[0]), apart))
    if key not in known:
        from pytest_kind.errors import UsageError, told  # noqa: PLC0415
        from pytest_kind.wishes import request_of  # noqa: PLC0415

        settings = dataclasses.replace(options.resolve(config, marks, where), apart=apart)
        try:
            request_of(settings, config)
        except UsageError as error:
            raise pytest.UsageError(told(error)) from error
        known[key] = settings
    return known[key]


# Options of pytest's whose runs run nothing.
_LOOKS = ("collectonly", "setupplan", "show_fixtures_per_test", "showfixtures")
_KNOWN: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
_WRONG: pytest.StashKey[list[str]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    # Raised while a module is collected it would be that module's error, with a traceback; it is the whole run's.
    wrong = config.stash.get(_WRONG, None)
    if wrong:
        raise pytest.UsageError("\n".join(dict.fromkeys(wrong)))


def pytest_collection_finish(session: pytest.Session) -> None:
    config, items = session.config, [item for item in session.items if "kind_cluster" in getattr(item, "fixturenames", ())]
    if not items or any(config.getoption(name, default=False) for name in _LOOKS):
        return
    if invocation.looks_for_leftovers(config) or any(map(options.is_fresh, items)):
        from pytest_kind import tidy  # noqa: PLC0415 - the hooks of runs that have some

        config.stash[TIDY] = tidy.Tidy(config, items)
        config.pluginmanager.register(config.stash[TIDY], tidy.NAME)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    with told_where_it_was_called(None if item.config.getoption("fulltrace", default=False) else call.excinfo):
        report = yield
    if call.when == "setup":
        item.stash[BEGAN] = call.start
    if report.failed:
        for node in item.listchain():
            node.stash.setdefault(FAILED, set()).update(getattr(item, "fixturenames", ()))
        if RUN in item.config.stash:
            from pytest_kind import forensics  # noqa: PLC0415 - for tests that fail while there are clusters

            forensics.examine(item, call, report)
    return report


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    if (
        any(config.getoption(name, default=False) for name in _LOOKS)
        or hasattr(config, "workerinput")
        or config.get_verbosity() < 0
        or _WRONG in config.stash
        or not any("kind_cluster" in getattr(one, "fixturenames", ()) for one in items)
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
