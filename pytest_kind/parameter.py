"""The invisible parameter of ``kind_cluster``, by which a test says which cluster it wants.

A session's fixture does not see the markers of its tests. With it pytest groups tests by their clusters, and ends a cluster
after its last test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

from pytest_kind import invocation, options
from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pluggy import HookCaller

    from pytest_kind.config.settings import Settings

NAME = "kind_cluster"
_KNOWN: pytest.StashKey[dict[str, Settings]] = pytest.StashKey()


def settings_of(config: pytest.Config) -> Settings:
    """The parameter of a test without a marker: the same object for each of them."""
    return _settings(config, config.hook.pytest_kind_cluster_config, {}, "")


def settings_for(item: pytest.Item | Any) -> Settings:  # noqa: ANN401 - a Metafunc's definition too
    """The parameter of a test.

    Raises:
        pytest.UsageError: its markers say what cannot be.
    """
    apart = options.is_fresh(item) and invocation.shares_cluster(item.config)
    where = f"@pytest.mark.kind(…) of {item.nodeid}"
    settings = _settings(item.config, item.ihook.pytest_kind_cluster_config, options.marker_values(item), where, apart=apart)
    _check_namespace(item)
    return settings


def _settings(config: pytest.Config, hook: HookCaller, marks: dict[str, Any], where: str, *, apart: bool = False) -> Settings:
    """Equal wishes are one object, so that pytest sees one parameter; they are checked at once, before any test runs.

    Args:
        hook: what a project says of clusters of which nobody else says anything, for the folder of a test.
    """
    known = config.stash.setdefault(_KNOWN, {})
    key = repr((_in_order(marks), apart, [id(one.function) for one in hook.get_hookimpls()]))
    if key not in known:
        from pytest_kind.errors import UsageError, told  # noqa: PLC0415
        from pytest_kind.wishes import of_project, request_of  # noqa: PLC0415

        settings = dataclasses.replace(options.resolve(config, marks, where), apart=apart, marks=marks)
        try:
            settings = of_project(settings, config, hook)
            request_of(settings, config)
        except UsageError as error:
            raise pytest.UsageError(told(error)) from error
        known[key] = settings
    return known[key]


def _in_order(value: Any) -> Any:  # noqa: ANN401 - whatever a marker was given
    """Mappings that differ in their order alone as the same."""
    if isinstance(value, Mapping):
        return sorted((str(key), _in_order(one)) for key, one in value.items())
    return [_in_order(one) for one in value] if isinstance(value, (list, tuple)) else value


def _check_namespace(item: pytest.Item | Any) -> None:  # noqa: ANN401 - as above
    wished = options.namespace_values(item)
    if not wished:
        return
    from pytest_kind.errors import UsageError, told  # noqa: PLC0415
    from pytest_kind.toolbox.wished_namespace import parse  # noqa: PLC0415

    try:
        parse(wished, f"@pytest.mark.kind(namespace=…) of {item.nodeid}")
    except UsageError as error:
        raise pytest.UsageError(told(error)) from error


def give(item: Any) -> None:  # noqa: ANN401 - what it is given is pytest's own
    """Gives an item that uses the cluster its parameter where pytest did not, or another where a mark of its own parameters says so.

    Pytest does not ask ``pytest_generate_tests`` for the methods of unittest's classes and for doctests. What it calls a parameter's
    index is the same for tests of the same cluster: before 9.2 it groups them by that.

    Raises:
        pytest.UsageError: its markers say what cannot be.
    """
    if _lacks_one(item):
        parametrize(item, settings_for(item))
    elif is_ours(item.callspec.params.get(NAME)):
        if any(mark.name == "kind" for mark in item.callspec.marks):
            item.callspec.params[NAME] = settings_for(item)
    else:
        return
    known = list(item.config.stash[_KNOWN].values())
    item.callspec.indices[NAME] = known.index(item.callspec.params[NAME])


def correct(item: Any) -> bool:  # noqa: ANN401 - as above
    """Gives an item another parameter where it was given markers after its collection; whether they can be. If not it is the test's error."""
    if is_ours(getattr(item, "callspec", None) and item.callspec.params.get(NAME)):
        try:
            item.callspec.params[NAME] = settings_for(item)
        except pytest.UsageError as error:
            item.callspec.params[NAME] = error
            return False
    return True


def is_ours(given: object) -> TypeGuard[Settings]:
    """Whether a parameter is one of these, and not a project's own."""
    from pytest_kind.config.settings import Settings  # noqa: PLC0415

    return isinstance(given, Settings)


def parametrize(item: Any, settings: Settings) -> None:  # noqa: ANN401 - as above
    """There is no public way. Its id is empty, as the hidden one of test functions is: Allure asks for it."""
    scope = item._fixtureinfo.name2fixturedefs[NAME][-1]._scope  # noqa: SLF001
    item.callspec = SimpleNamespace(id="", params={NAME: settings}, indices={NAME: 0}, marks=[], _arg2scope={NAME: scope})


def _lacks_one(item: pytest.Item | Any) -> bool:  # noqa: ANN401 - as above
    return hasattr(item, "_fixtureinfo") and not hasattr(item, "callspec")


def wish_of(request: pytest.FixtureRequest) -> Settings:
    """The parameter by which ``kind_cluster`` is asked for; of one who gets it by its name, what it would have been.

    The test fails where its markers say what cannot be, or that it wants the cluster fresh, which must be known before.
    """
    given = getattr(request, "param", None)
    if is_ours(given):
        return given
    if isinstance(given, pytest.UsageError):
        raise given
    item = request._pyfuncitem  # noqa: SLF001 - a session's fixture has no other way to the test
    with told_once():
        if given is not None:  # @pytest.mark.parametrize("kind_cluster", [...], indirect=True)
            marks, where = {**options.marker_values(item), "config": given}, f"@pytest.mark.parametrize('{NAME}', …) of {item.nodeid}"
            return _settings(item.config, item.ihook.pytest_kind_cluster_config, marks, where)
        if options.is_fresh(item):
            wrong = f"@pytest.mark.kind(fresh=True) of {item.nodeid}: needs {NAME} among the arguments of the test or of its fixtures"
            raise pytest.UsageError(wrong)
        return settings_for(item)
