"""PyPI's options and names, in runs of the plugin."""

from __future__ import annotations

import pytest

from support.project import Project

USES = "def test_a(kind_cluster, kind_kubeconfig):\n    assert kind_kubeconfig.read_text()\n"


def test_the_fixtures_cluster_is_what_users_import(project: Project) -> None:
    project.tests(
        "from pytest_kind import KindCluster\nfrom pytest_kind.cluster import KindCluster as Same\n"
        "def test_a(kind_cluster, kind_cluster_factory):\n    assert isinstance(kind_cluster, KindCluster) and KindCluster is Same\n"
        "    assert isinstance(kind_cluster_factory(), KindCluster)\n"
    )
    project.run().assert_outcomes(passed=1)
    assert project.left == []


def test_the_kubeconfig_is_where_it_is_wanted_and_goes_with_the_cluster(project: Project) -> None:
    project.tests(f"import pathlib\n{USES}    assert kind_kubeconfig == pathlib.Path('mine/kubeconfig').absolute()\n")
    project.run("--kubeconfig=mine/kubeconfig").assert_outcomes(passed=1)
    assert list((project.pytester.path / "mine").iterdir()) == []


def test_a_kubeconfig_of_somebody_elses_is_refused_before_a_cluster_is_made(project: Project) -> None:
    (project.pytester.path / "config").write_text("contexts: [{name: work}]\n", encoding="utf-8")
    project.tests(USES)
    result = project.run("--kubeconfig=config")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--kubeconfig: *config is there and has something else than one cluster of kind's (work)*"])
    assert project.lives == []


def test_binaries_are_ignored_with_a_line(project: Project) -> None:
    project.tests(USES)
    result = project.run("--kind-bin=kind", "--kind-kubectl-bin=kubectl")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["kind: --kind-bin: accepted and ignored: there is no kind binary", "kind: --kind-kubectl-bin: accepted and ignored: kubectl is the node's"]
    )


@pytest.mark.parametrize("order", [("other", "pytest_kind.plugin"), ("pytest_kind.plugin", "other")])
def test_another_plugins_kubeconfig_stays_its_own(project: Project, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    project.pytester.makepyfile(other="def pytest_addoption(parser):\n    parser.getgroup('helm').addoption('--kubeconfig')\n")
    project.pytester.syspathinsert()
    project.tests(f"{USES}    assert kind_kubeconfig.parent.parent.parent.name == 'sessions'\n")
    project.run("-p", order[0], "-p", order[1], "--kubeconfig=theirs").assert_outcomes(passed=1)
    assert not (project.pytester.path / "theirs").exists()


def test_the_environment_leads_to_the_cluster_while_a_test_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "before")
    project.tests(
        "def test_a(kind_environment, kind_kubeconfig): assert os.environ['KUBECONFIG'] == str(kind_kubeconfig) == str(kind_environment)\n"
        "def test_b(): assert os.environ['KUBECONFIG'] == 'before'\n"
    )
    project.run().assert_outcomes(passed=2)


def test_the_bridge_takes_a_call_of_an_older_pytest(project: Project) -> None:
    project.conftest(
        "def pytest_runtest_teardown(item):\n"
        "    names, closure, fixtures = item.session._fixturemanager.getfixtureclosure(['mine'], item)\n"
        "    assert (names, len(fixtures['mine'])) == (['mine'], 1)\n"
        "@pytest.fixture\ndef mine(): return 1\n"
    )
    project.tests("def test_a(mine): pass\n")
    project.run_apart("-p", "pytest_kind.bridges").assert_outcomes(passed=1)
