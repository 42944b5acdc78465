"""pytest-rerunfailures: each turn has its own namespace and tells its own story."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.api_server import ApiServer
from support.kube import Kube
from support.project import Project

THIRD_TIME = "TURNS = []\ndef test_a(kind_cluster, kind_namespace):\n    TURNS.append(kind_namespace)\n    assert len(set(TURNS)) == 3\n"


def created(api_server: ApiServer) -> list[str]:
    return [body["metadata"]["name"] for method, path, body in api_server.requests if method == "POST" and path == "/api/v1/namespaces"]


def properties(file: Path) -> list[tuple[str, str]]:
    """Those of all tests of a JUnit file."""
    return [(one.attrib["name"], one.attrib["value"]) for one in ET.parse(file).iter("property")]  # noqa: S314 - pytest's own


def deleted(api_server: ApiServer) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in api_server.requests if method == "DELETE"]


@pytest.mark.parametrize("last", ["", "def test_last(kind_cluster): pass\n"], ids=["the cluster's last test", "others follow"])
def test_each_turn_has_its_own_namespace_on_the_same_cluster(project: Project, kube: Kube, api_server: ApiServer, last: str) -> None:
    project.tests(THIRD_TIME + last)
    project.run("--reruns=2", "-p", "no:randomly").assert_outcomes(passed=2 if last else 1)
    assert len(set(created(api_server))) == 3
    assert deleted(api_server) == created(api_server)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


def test_each_turn_that_failed_says_why_and_one_that_passes_nothing(project: Project, kube: Kube, api_server: ApiServer, tmp_path: Path) -> None:
    project.tests(THIRD_TIME)
    result = project.run("--reruns=2", f"--kind-artifacts={tmp_path / 'artifacts'}", f"--junitxml={tmp_path / 'junit.xml'}", "-rR")
    result.assert_outcomes(passed=1)
    folders = sorted(one.name for one in (tmp_path / "artifacts/tests").iterdir())
    assert folders == ["test_it.py-test_a", "test_it.py-test_a-2"]
    assert len(properties(tmp_path / "junit.xml")) == 8  # JUnit has those of each turn: four of each that failed


def test_an_earlier_turns_namespace_is_not_this_ones(project: Project, kube: Kube, api_server: ApiServer, tmp_path: Path) -> None:
    # Deletion is not waited for: when the second turn fails, the first one's is still there.
    api_server.answer("DELETE", "*", (200, {}))
    project.tests("def test_a(kind_cluster, kind_namespace): assert 0\n")
    project.run("--reruns=1", f"--kind-artifacts={tmp_path}", f"--junitxml={tmp_path / 'junit.xml'}").assert_outcomes(failed=1)
    first, second = created(api_server)
    assert [value for name, value in properties(tmp_path / "junit.xml") if name == "kind_namespace"][-1] == second
    assert first in kube.names("namespaces")


@pytest.mark.parametrize(("scope", "kept"), [("", 2), ("class_", 0), ("module_", 0)])
def test_what_is_kept_of_failed_tests_is_not_that_of_a_turn_that_passed(
    project: Project, kube: Kube, api_server: ApiServer, scope: str, kept: int
) -> None:
    project.tests(
        f"TURNS = []\nclass TestIt:\n    def test_a(self, kind_{scope}namespace):\n        TURNS.append(0)\n        assert len(TURNS) == 3\n"
    )
    project.run("--reruns=2", "--kind-keep-namespace=failed").assert_outcomes(passed=1)
    assert len(set(created(api_server)) - set(deleted(api_server))) == kept
    assert created(api_server)[-1] in deleted(api_server)


def test_a_boot_that_failed_is_tried_again(project: Project) -> None:
    project.conftest(
        "class Breaks:\n    name = 'breaks'\n    times = 0\n    def __call__(self, context):\n        Breaks.times += 1\n"
        "        from pytest_kind.errors import KindError\n        if Breaks.times == 1: raise KindError('not this time')\n"
        "def pytest_kind_boot_actions(cluster_config): return [Breaks()]\n"
    )
    project.tests("def test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n")
    project.run("--reruns=1").assert_outcomes(passed=2)
    assert len(project.engine.made("create")) == 2
    assert project.left == []


def test_fresh_tests_begin_each_turn_on_a_cluster_as_it_was(project: Project, kube: Kube) -> None:
    project.tests(
        "from pytest_kind.api import kubeconfig\nfrom pytest_kind.api.http import Api\nTURNS = []\n"
        "@pytest.mark.kind(fresh=True)\ndef test_a(kind_cluster, tmp_path):\n"
        "    api = Api(kubeconfig.credentials(kind_cluster._admin), tmp_path)\n"
        "    path = '/api/v1/namespaces/default/configmaps'\n"
        "    TURNS.append([one['metadata']['name'] for one in api.get(path)['items']])\n"
        "    api.post(path, {'metadata': {'name': 'mine'}})\n    api.close()\n"
        "    assert len(TURNS) == 3\n    assert TURNS[0] == TURNS[1] == TURNS[2]\n"
    )
    project.run("--reruns=3").assert_outcomes(passed=1)
    assert project.left == []


def test_workers(project: Project, kube: Kube, api_server: ApiServer) -> None:
    project.tests(THIRD_TIME + "@pytest.mark.parametrize('x', range(4))\ndef test_b(kind_namespace, x): pass\n")
    project.run_apart("--reruns=2", "-n2").assert_outcomes(passed=5)
    assert len(set(created(api_server))) == 7
    assert sorted(deleted(api_server)) == sorted(created(api_server))
    assert project.left == []


def test_unittests(project: Project, kube: Kube) -> None:
    project.tests(
        "import unittest\nTURNS = []\n@pytest.mark.usefixtures('kind_cluster')\nclass TestIt(unittest.TestCase):\n"
        "    def test_a(self):\n        TURNS.append(0)\n        assert len(TURNS) == 2\n"
    )
    project.run("--reruns=1").assert_outcomes(passed=1)
    assert len(project.engine.made("create")) == 1
