"""Items that are no test functions, and tests that get the cluster by its name: unittest's, doctest's, ``getfixturevalue``."""

from __future__ import annotations

import pytest

from support.kube import Kube
from support.project import Project

UNITTEST = """
import unittest

@pytest.fixture(scope='class')
def on_class(request, kind_cluster):
    request.cls.cluster = kind_cluster

"""
CASES = """
@pytest.mark.usefixtures('on_class')
class TestOne(unittest.TestCase):
    def test_a(self): assert len(self.cluster.nodes) == 1
    def test_b(self):
        for number in range(2):
            with self.subTest(number=number): assert self.cluster.name

def test_function(kind_cluster): pass

@pytest.mark.usefixtures('on_class')
class TestTwo(unittest.TestCase):
    def test_a(self): assert len(self.cluster.nodes) == 1

def test_by_name(request): assert len(request.getfixturevalue('kind_cluster').nodes) == 1
def test_subtests(kind_cluster, subtests):
    with subtests.test('x'): pass
"""
MARKED = """
@pytest.mark.kind({'nodes': [{'role': 'control-plane'}, {'role': 'worker'}]})
@pytest.mark.usefixtures('on_class')
class TestMarked(unittest.TestCase):
    def test_a(self): assert len(self.cluster.nodes) == 2
    def test_b(self): assert len(self.cluster.nodes) == 2
"""


def test_all_share_one_cluster(project: Project) -> None:
    project.tests(UNITTEST + CASES)
    project.pytester.makepyfile(test_doc='"""\n>>> assert len(getfixture("kind_cluster").nodes) == 1\n"""\n')
    result = project.run("-p", "no:randomly", "--doctest-modules")
    result.assert_outcomes(passed=7)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_class_has_the_cluster_that_its_marker_says(project: Project, seed: int) -> None:
    one = "def test_function(kind_cluster): assert len(kind_cluster.nodes) == 1\n"
    project.tests(UNITTEST + MARKED + one + MARKED.replace("Marked", "More"))
    project.run(f"--randomly-seed={seed}").assert_outcomes(passed=5)
    assert len(project.engine.made("create")) == 3  # machines: those who want the same are grouped
    assert project.left == []


def test_a_test_that_gets_it_by_its_name_has_what_its_marker_says(project: Project) -> None:
    project.tests(
        "@pytest.mark.kind({'nodes': [{'role': 'control-plane'}, {'role': 'worker'}]})\n"
        "def test_a(request): assert len(request.getfixturevalue('kind_cluster').nodes) == 2\n"
    )
    project.run().assert_outcomes(passed=1)
    assert project.left == []


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_wrong_marker_of_a_class_is_said_before_any_test_runs(project: Project, workers: tuple[str, ...]) -> None:
    project.tests(
        UNITTEST
        + "@pytest.mark.kind(version=7)\n@pytest.mark.usefixtures('on_class')\nclass TestIt(unittest.TestCase):\n    def test_a(self): pass\n"
    )
    result = project.run_apart(*workers)
    assert result.ret != 0
    said = result.stdout.str() + result.stderr.str()
    assert "@pytest.mark.kind(version=…) of test_it.py::TestIt::test_a: 7 is not accepted" in said
    assert "Traceback" not in said
    assert "crashed" not in said
    assert project.lives == []


def test_fresh_by_its_name_comes_too_late(project: Project, kube: Kube) -> None:
    project.tests("@pytest.mark.kind(fresh=True)\ndef test_a(request): request.getfixturevalue('kind_cluster')\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        ["@pytest.mark.kind(fresh=True)* of test_it.py::test_a: needs kind_cluster among the arguments of the test or of its fixtures"]
    )
