"""The hooks that a conftest.py may implement."""

from __future__ import annotations

import json

import pytest

from support.project import Project


def test_a_configuration_for_tests_for_which_nothing_else_gives_one(project: Project) -> None:
    project.conftest("def pytest_kind_cluster_config(pytestconfig):\n    return {'featureGates': {'Hook': True}}\n")
    project.tests(
        "def test_a(kind_cluster): assert kind_cluster.config.feature_gates == {'Hook': True}\n"
        "@pytest.mark.kind({'featureGates': {'Marker': True}})\n"
        "def test_b(kind_cluster): assert kind_cluster.config.feature_gates == {'Marker': True}\n"
    )
    project.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_folders_conftest_gives_one_for_its_tests_alone(project: Project, order: tuple[str, str]) -> None:
    for folder, gates in (("a", {"A": True}), ("b", {})):
        place = project.pytester.mkdir(folder)
        (place / f"test_{folder}.py").write_text(f"def test_it(kind_cluster): assert kind_cluster.config.feature_gates == {gates}\n")
    (project.pytester.path / "a" / "conftest.py").write_text("def pytest_kind_cluster_config():\n    return {'featureGates': {'A': True}}\n")
    project.run(*order).assert_outcomes(passed=2)


def test_its_answer_may_be_a_file_of_the_project(project: Project) -> None:
    project.pytester.makefile(".yaml", kind="kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: from-file\n")
    project.conftest("def pytest_kind_cluster_config():\n    return 'kind.yaml'\n")
    project.tests("def test_a(kind_cluster): assert kind_cluster.name == 'from-file'\n")
    project.run().assert_outcomes(passed=1)


def test_the_first_answer_counts(project: Project) -> None:
    project.conftest(
        "import pytest_kind\n"
        "@pytest.hookimpl(trylast=True)\ndef pytest_kind_cluster_config():\n    raise AssertionError('asked')\n"
        "class Other:\n    def pytest_kind_cluster_config(self):\n        return pytest_kind.ClusterConfig(name='first')\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(Other())\n"
    )
    project.tests("def test_a(kind_cluster): assert kind_cluster.name == 'first'\n")
    project.run().assert_outcomes(passed=1)


def test_boot_actions_run_before_a_test_sees_the_cluster(project: Project) -> None:
    project.conftest(
        "class Extra:\n    name = 'extra'\n    def __call__(self, context):\n        context.exec(['extra', context.facts.cluster])\n"
        "def pytest_kind_boot_actions(cluster_config):\n    return [Extra()] if cluster_config.feature_gates else None\n"
    )
    project.tests(
        "@pytest.mark.kind({'featureGates': {'A': True}})\n"
        "def test_a(kind_cluster): assert [name for name, _ in kind_cluster.phases] == ['fake', 'extra']\n"
        "def test_b(kind_cluster): assert [name for name, _ in kind_cluster.phases] == ['fake']\n"
    )
    project.run("--kind-name=mine").assert_outcomes(passed=2)
    assert [call for call in project.engine.made("exec") if call.startswith("extra")] == ["extra mine"]


def test_a_cluster_is_told_of_once_before_the_first_test_gets_it(project: Project) -> None:
    project.conftest(
        "ready = []\ndef pytest_kind_cluster_ready(cluster):\n    ready.append(cluster)\n@pytest.fixture\ndef told():\n    return ready\n"
    )
    project.tests("def test_a(kind_cluster, told): assert told == [kind_cluster]\ndef test_b(kind_cluster, told): assert told == [kind_cluster]\n")
    project.run().assert_outcomes(passed=2)


def test_a_hook_that_fails_leaves_nothing(project: Project) -> None:
    project.conftest("def pytest_kind_cluster_ready(cluster):\n    raise RuntimeError('not today')\n")
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: not today"])
    assert project.left == []


READY = "def pytest_kind_cluster_ready(cluster):\n"
USES = "def test_a(kind_cluster): pass\n"


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (f"{READY}    raise RuntimeError('not today')\n", "RuntimeError: not today"),
        # An error of ours is its message alone: nothing else would say whose it is.
        (f"{READY}    cluster.kubectl('get', 'nothing')\n", "*`kubectl get nothing` ended with 1:*"),
        ("def pytest_kind_boot_actions(cluster_config):\n    raise RuntimeError('no actions')\n", "RuntimeError: no actions"),
        ("def pytest_kind_boot_actions(cluster_config):\n    yield from iter(None)\n", "TypeError: 'NoneType' object is not iterable"),
        ("def pytest_kind_cluster_ends(cluster):\n    raise RuntimeError('no end')\n", "RuntimeError: no end"),
    ],
)
def test_an_error_says_which_hook_it_was_and_where(project: Project, hook: str, said: str) -> None:
    project.engine.answer(["kubectl", "get", "nothing"], "no such thing", code=1)
    project.conftest(f"def other():\n    pass\n\n{hook}")
    project.tests(USES)
    name = hook.removeprefix("def ").partition("(")[0]
    result = project.run("--tb=short")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines([f"*{said}", f"*raised in the hook {name}, {project.pytester.path}/conftest.py:7"])
    assert project.left == []


def test_an_error_of_a_configurations_hook_says_where(project: Project) -> None:
    project.conftest("import pytest_kind\n\ndef pytest_kind_cluster_config():\n    pytest_kind.ClusterConfig.from_file('none.yaml')\n")
    project.tests(USES)
    result = project.run()
    result.stdout.fnmatch_lines(["*AttributeError: *", f"*raised in the hook pytest_kind_cluster_config, {project.pytester.path}/conftest.py:6"])


def test_an_error_of_a_failed_clusters_hook_says_where(project: Project) -> None:
    project.engine.answer(["boot-fails"], "", code=1)
    project.conftest(
        "class Extra:\n    name = 'extra'\n    def __call__(self, context):\n        context.exec(['boot-fails'])\n"
        "def pytest_kind_boot_actions(cluster_config):\n    return [Extra()]\n"
        "def pytest_kind_cluster_failed(name, evidence):\n    raise RuntimeError('not told')\n"
    )
    project.tests(USES)
    result = project.run()
    result.stdout.fnmatch_lines(
        ["*RuntimeError: not told", f"*raised in the hook pytest_kind_cluster_failed, {project.pytester.path}/conftest.py:10"]
    )
    assert project.left == []


def test_a_plugins_object_is_named_too(project: Project) -> None:
    project.conftest(
        "class Other:\n    def pytest_kind_cluster_ready(self, cluster):\n        raise RuntimeError('not today')\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(Other())\n"
    )
    project.tests(USES)
    project.run().stdout.fnmatch_lines([f"*raised in the hook pytest_kind_cluster_ready, {project.pytester.path}/conftest.py:5"])


def test_a_worker_is_told_where_the_controllers_hook_failed(project: Project) -> None:
    project.conftest(f"import pytest_kind\n\n{READY}    raise pytest_kind.KindError('not today')\n")
    project.tests(USES)
    result = project.run_apart("-n1")
    result.stdout.fnmatch_lines(["*not today", f"*raised in the hook pytest_kind_cluster_ready, {project.pytester.path}/conftest.py:6"])


FOUR = "@pytest.mark.parametrize('x', range(4))\ndef test_a(kind_cluster, x): pass\n"


@pytest.mark.parametrize("args", [(), ("-n2",)])
@pytest.mark.parametrize(
    ("ends", "outcomes", "said"),
    [
        ("pytest.skip('no luck')", {"skipped": 4}, "SKIPPED * no luck"),
        ("pytest.fail('no luck')", {"errors": 4}, "ERROR *test_a* - Failed: no luck"),
        ("raise RuntimeError('no luck')", {"errors": 4}, "ERROR *test_a* RuntimeError: no luck*"),
    ],
)
def test_what_a_cluster_that_is_no_good_is_for_its_tests(
    project: Project, ends: str, outcomes: dict[str, int], said: str, args: tuple[str, ...]
) -> None:
    project.conftest(f"{READY}    {ends}\n")
    project.tests(FOUR)
    result = project.run_apart("-rsE", *args)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([said])
    assert project.left == []


@pytest.mark.parametrize("args", [("--reruns=2",), ("-n2",)])
def test_a_cluster_that_is_no_good_goes_before_there_is_another(project: Project, args: tuple[str, ...]) -> None:
    project.conftest(f"{READY}    raise RuntimeError('not today')\n")
    project.tests(FOUR if "-n2" in args else USES)
    project.run_apart(*args)
    lives = [call.split()[0] for call in project.lives]
    assert lives == ["create", "remove"] * (len(lives) // 2)


def test_what_is_wrong_in_a_cluster_that_is_no_good_is_told(project: Project) -> None:
    project.conftest(f"{READY}    cluster.nodes[0].kill()\n    raise RuntimeError('not today')\n")
    project.tests(USES)
    project.run("--kind-name=c").stdout.fnmatch_lines(["*kind: why*", "1. machine c-control-plane (control-plane) does not run*"])


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [
        ("pytest.skip('no end')", pytest.ExitCode.OK, "no end"),
        ("pytest.fail('no end')", pytest.ExitCode.TESTS_FAILED, "no end"),
        ("raise RuntimeError('no end')", pytest.ExitCode.TESTS_FAILED, "RuntimeError: no end"),
        ("cluster.kubectl('get', 'nothing')", pytest.ExitCode.TESTS_FAILED, "*`kubectl get nothing` ended with 1:"),
    ],
)
def test_a_workers_cluster_whose_end_fails(project: Project, ends: str, code: int, said: str) -> None:
    project.engine.answer(["kubectl", "get", "nothing"], "no such thing", code=1)
    project.conftest(f"def pytest_kind_cluster_ends(cluster):\n    {ends}\n")
    project.tests(f"{USES}@pytest.mark.kind({{'featureGates': {{'A': True}}}})\ndef test_b(kind_cluster): pass\n")
    result = project.run_apart("-n1", "--kind-artifacts=out")
    result.assert_outcomes(passed=2)
    assert result.ret == code
    assert json.loads((project.pytester.path / "out/summary.json").read_text(encoding="utf-8"))["exit_code"] == code
    result.stdout.fnmatch_lines(
        [f"cluster pytest-kind-*: {said}", f"raised in the hook pytest_kind_cluster_ends, {project.pytester.path}/conftest.py:4"] * 2
    )
    assert project.left == []
