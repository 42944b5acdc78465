"""``--cluster-name`` and ``--keep-cluster``, PyPI's pytest-kind's names: ours where they are free, else the other plugin's."""

from __future__ import annotations

import pytest

from pytest_kind import options

OWNS_NAME = "parser.addoption('--cluster-name', dest='others_name', default='its default')"
OWNS_NAME_IN_A_GROUP = "parser.getgroup('other').addoption('--cluster-name', dest='others_name', default='its default')"
OWNS_KEEP = "parser.getgroup('other').addoption('--keep-cluster', dest='others_keep', action='store_true')"
SHOWS = """
def pytest_report_header(config):
    from pytest_kind import options
    settings = options.resolve(config)
    return f"others {config.getoption('others_name', None)} {config.getoption('others_keep', None)} ours {settings.name} {settings.keep}"
"""


def plugin(*owns: str) -> str:
    return "def pytest_addoption(parser):\n    " + "\n    ".join(owns) + "\n"


def test_where_they_are_free_they_are_ours(pytester: pytest.Pytester) -> None:
    settings = options.resolve(pytester.parseconfig("--cluster-name=mine", "--keep-cluster"))
    assert (settings.name, settings.keep) == ("mine", True)


def test_our_own_name_wins_where_both_are_given_last(pytester: pytest.Pytester) -> None:
    assert options.resolve(pytester.parseconfig("--cluster-name=old", "--kind-name=new")).name == "new"


@pytest.mark.parametrize("owns", [OWNS_NAME, OWNS_NAME_IN_A_GROUP], ids=["without a group", "in a group"])
@pytest.mark.parametrize(
    "order", [("-p", "other", "-p", "pytest_kind.plugin"), ("-p", "pytest_kind.plugin", "-p", "other")], ids=["other first", "ours first"]
)
def test_a_plugin_that_has_a_name_keeps_it_in_either_order(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, owns: str, order: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(other=plugin(owns) + SHOWS)
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess(*order, "--cluster-name=theirs", "--keep-cluster")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["others theirs None ours None True"])


@pytest.mark.parametrize("owns", [OWNS_NAME, OWNS_NAME_IN_A_GROUP], ids=["without a group", "in a group"])
def test_a_conftest_that_has_a_name_keeps_it(pytester: pytest.Pytester, owns: str) -> None:
    pytester.makeconftest(plugin(owns) + SHOWS)
    result = pytester.runpytest_inprocess("--cluster-name=theirs", "--keep-cluster")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["others theirs None ours None True"])


def test_an_installed_plugin_that_has_both_keeps_both(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(other=plugin(OWNS_NAME, OWNS_KEEP) + SHOWS)
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess("-p", "other", "--cluster-name=theirs", "--keep-cluster", "--kind-name=ours")
    result.stdout.fnmatch_lines(["others theirs True ours ours False"])


def test_where_another_has_them_help_still_works(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(plugin(OWNS_NAME, OWNS_KEEP))
    result = pytester.runpytest_inprocess("--help")
    assert result.ret == 0
    assert result.stdout.str().count("--cluster-name") == 1
