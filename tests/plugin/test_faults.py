"""Faults and pytest-xdist: a cluster that workers share has none."""

from __future__ import annotations

import pytest

from support.project import Project

REFUSED = """
from pytest_kind.errors import UsageError

def test_a(kind_cluster):
    with pytest.raises(UsageError, match=r"^killed\\\\(\\\\) of .*-control-plane: other workers of xdist use cluster "):
        kind_cluster.nodes[0].killed(wait=False).__enter__()
"""
CAUSED = """
def test_a(kind_cluster):
    with kind_cluster.nodes[0].killed(wait=False):
        pass
"""
FACTORY = """
def test_a(kind_cluster_factory):
    with kind_cluster_factory().nodes[0].killed(wait=False):
        pass
"""


@pytest.mark.parametrize(
    ("tests", "arguments"),
    [(REFUSED, ["-n", "1"]), (CAUSED, ["-n", "1", "--kind-per-worker"]), (FACTORY, ["-n", "1"]), (CAUSED, [])],
    ids=["shared", "per-worker", "factory", "no-workers"],
)
def test_they_are_for_a_cluster_of_ones_own(project: Project, tests: str, arguments: list[str]) -> None:
    project.tests(tests.replace("\\\\", "\\"))
    project.run_apart(*arguments).assert_outcomes(passed=1)
    assert [call.split()[0] for call in project.engine.calls if call.startswith(("kill", "start"))].count("kill") == (tests is not REFUSED)
