"""The invisible parameter of ``kind_cluster``, by which a test says which cluster it wants.

A session's fixture does not see the markers of its tests. With it pytest groups tests by their clusters, and ends a cluster
after its last test.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import invocation, options
from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pytest_kind.config.settings import Settings

NAME = "kind_cluster"
_KNOWN: pytest.StashKey[dict[str, Settings]] = pytest.StashKey()


def settings_of(config: pytest.Config) -> Settings:
    """The parameter of a test without a marker: the same object for each of them."""
    return _settings(config, {}, "")


def settings_for(item: pytest.Item | Any) -> Settings:  # noqa: ANN401 - a Metafunc's definition too
    """The parameter of a test.

    Raises:
        pytest.UsageError: its markers say what cannot be.
    """
    apart = options.is_fresh(item) and invocation.shares_cluster(item.config)
    settings = _settings(item.config, options.marker_values(item), f"@pytest.mark.kind(…) of {item.nodeid}", apart=apart)
    _check_namespace(item)
    return settings


def _settings(config: pytest.Config, marks: dict[str, Any], where: str, *, apart: bool = False) -> Settings:
    """Equal wishes are one object, so that pytest sees one parameter; they are checked at once, before any test runs."""
    known = config.stash.setdefault(_KNOWN, {})
    key = repr((sorted(marks.items(), key=lambda item: item[0]), apart))
    if key not in known:
        from pytest_kind.errors import UsageError, told  # noqa: PLC0415
        from pytest_kind.wishes import request_of  # noqa: PLC0415

        settings = dataclasses.replace(options.resolve(config, marks, where), apart=apart, marks=marks)
        try:
            request_of(settings, config)
        except UsageError as error:
            raise pytest.UsageError(told(error)) from error
        known[key] = settings
    return known[key]


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


def parametrize(item: Any, settings: Settings) -> None:  # noqa: ANN401 - pytest's own
    """Gives its parameter to an item for which pytest does not ask ``pytest_generate_tests``: there is no public way.

    Its id is empty, as the hidden one of test functions is: Allure asks for it.
    """
    scope = item._fixtureinfo.name2fixturedefs[NAME][-1]._scope  # noqa: SLF001
    item.callspec = SimpleNamespace(id="", params={NAME: settings}, indices={NAME: 0}, _arg2scope={NAME: scope})


def lacks_one(item: pytest.Item | Any) -> bool:  # noqa: ANN401 - as above
    """Whether it uses the cluster and has no parameter: the methods of unittest's classes, doctests with fixtures."""
    return NAME in getattr(item, "fixturenames", ()) and hasattr(item, "_fixtureinfo") and not hasattr(item, "callspec")


def wish_of(request: pytest.FixtureRequest) -> Settings:
    """The parameter by which ``kind_cluster`` is asked for; of one who gets it by its name, what it would have been.

    The test fails where its markers say what cannot be, or that it wants the cluster fresh, which must be known before.
    """
    given: Settings | None = getattr(request, "param", None)
    if given is not None:
        return given
    item = request._pyfuncitem  # noqa: SLF001 - a session's fixture has no other way to the test
    with told_once():
        if options.is_fresh(item):
            wrong = f"@pytest.mark.kind(fresh=True) of {item.nodeid}: needs {NAME} among the arguments of the test or of its fixtures"
            raise pytest.UsageError(wrong)
        return settings_for(item)
