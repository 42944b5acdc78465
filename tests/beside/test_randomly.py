"""pytest-randomly: the order changes, what is shared does not, and names are random although ``random`` is seeded anew for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.kube import Kube
from support.project import Project
from support.specs import Specs

MIXED = """
TWO = pytest.mark.kind({'nodes': [{'role': 'control-plane'}, {'role': 'worker'}]})
def test_a(kind_cluster): assert len(kind_cluster.nodes) == 1
@TWO
def test_b(kind_cluster): assert len(kind_cluster.nodes) == 2
class TestC:
    def test_c(self, kind_cluster): assert len(kind_cluster.nodes) == 1
    @TWO
    def test_d(self, kind_cluster): assert len(kind_cluster.nodes) == 2
def test_e(kind_cluster): assert len(kind_cluster.nodes) == 1
"""


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_each_cluster_is_made_once_in_any_order(project: Project, seed: int) -> None:
    project.tests(MIXED)
    project.run(f"--randomly-seed={seed}").assert_outcomes(passed=5)
    assert len(project.engine.made("create")) == 3  # machines
    assert project.left == []


def test_workers(project: Project) -> None:
    project.tests(MIXED)
    project.run_apart("--randomly-seed=5", "-n2").assert_outcomes(passed=5)
    assert project.left == []


def test_names_differ_although_each_test_has_the_same_seed(project: Project, kube: Kube, api_server: ApiServer) -> None:
    project.tests("@pytest.mark.parametrize('x', ['a b', 'a/b'])\ndef test_a(kind_namespace, x): pass\n")
    project.run("--randomly-seed=1").assert_outcomes(passed=2)
    names = [body["metadata"]["name"] for method, path, body in api_server.requests if method == "POST" and path == "/api/v1/namespaces"]
    assert len(set(names)) == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_specs_beside_python_tests(project: Project, tmp_path: Path, seed: int) -> None:
    project.tests("def test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n")
    specs = Specs(project, tmp_path)
    specs.run("--kind-focus=sig-", ".", f"--randomly-seed={seed}").assert_outcomes(passed=4, failed=1, skipped=1)
    assert len(project.engine.made("create")) == 1
    assert project.left == []
