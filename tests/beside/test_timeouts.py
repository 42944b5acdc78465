"""pytest-timeout in both its methods, while a cluster boots, in a wait, in a test, in a spec: what is said, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_suite import spec
from support.kube import Kube
from support.project import Project
from support.specs import Specs

BOOTS_FOREVER = """
from pytest_kind.waiting import NotYet, wait_for
class Hangs:
    name = 'hangs'
    def __call__(self, context):
        wait_for('Godot', lambda: NotYet('he is not there'), context.deadline)
def pytest_kind_boot_actions(cluster_config):
    return [Hangs()]
"""
TWO = "def test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n"
HANGS = (
    "import time\ndef test_a(kind_cluster): pass\n@pytest.mark.timeout(1)\ndef test_b(kind_cluster): time.sleep(60)\ndef test_c(kind_cluster): pass\n"
)
ORDER = ("-p", "no:randomly")


def test_while_a_cluster_boots(project: Project) -> None:
    project.conftest(BOOTS_FOREVER)
    project.tests(TWO)
    result = project.run("--timeout=2", *ORDER)
    result.assert_outcomes(errors=2)  # pytest has a session's fixture fail once for all
    result.stdout.fnmatch_lines(
        [
            "E *Timeout (>2.0s) from pytest-timeout.",
            "E *Godot: broken off; last seen: he is not there",
            "E *broken off while creating cluster *, in its phase hangs; nothing of it is left",
        ]
    )
    assert project.left == []


def test_fixtures_may_be_left_out(project: Project) -> None:
    project.conftest(BOOTS_FOREVER)
    project.tests(TWO)
    result = project.run("--timeout=1", "-o", "timeout_func_only=true", "--kind-timeout=5", *ORDER)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*Godot: not within 5*he is not there*"])
    assert project.left == []


def test_while_an_object_is_waited_for(project: Project, kube: Kube) -> None:
    project.tests(
        "@pytest.mark.timeout(2)\ndef test_a(kind_cluster): kind_cluster.wait_for('configmap/godot', 'exists')\ndef test_b(kind_cluster): pass\n"
    )
    result = project.run(*ORDER)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *Timeout (>2.0s) from pytest-timeout.", "E *wait_for *godot*: broken off; last seen: there is no * godot"])
    result.stdout.fnmatch_lines(["*kind: why*"])
    assert project.left == []


def test_in_a_test(project: Project, kube: Kube) -> None:
    project.tests(HANGS)
    project.run(*ORDER).assert_outcomes(passed=2, failed=1)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


def test_the_thread_method_ends_the_process_and_the_next_run_removes_what_is_left(project: Project) -> None:
    project.tests(HANGS)
    result = project.run_apart("--timeout-method=thread", *ORDER)
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*3 passed*")
    assert len(project.engine.names) == 1
    project.tests(TWO)
    project.run_apart().assert_outcomes(passed=2)
    assert project.left == []


def test_the_thread_method_while_a_cluster_boots(project: Project) -> None:
    project.conftest(BOOTS_FOREVER)
    project.tests(TWO)
    assert project.run_apart("--timeout=2", "--timeout-method=thread").ret == 1
    assert len(project.engine.names) == 1
    assert project.run_apart("--kind-gc").ret == 0
    assert project.left == []


def test_the_thread_method_on_a_worker_ends_that_worker_alone(project: Project) -> None:
    project.tests(HANGS + "@pytest.mark.parametrize('x', range(6))\ndef test_d(kind_cluster, x): pass\n")
    result = project.run_apart("--timeout-method=thread", "-n2", *ORDER)
    result.assert_outcomes(passed=8, failed=1)
    result.stdout.fnmatch_lines(["*worker 'gw*' crashed while running 'test_it.py::test_b'*"])
    assert project.left == []


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_specs_have_their_own_limit(project: Project, tmp_path: Path, method: str) -> None:
    # They run beside each other: one's time would be counted as another's.
    specs = Specs(project, tmp_path)
    specs.suite = specs.has(spec("[sig-network] first"), spec("[sig-network] hangs", "hang"), spec("[sig-network] last"))
    limits = ("--timeout=1", f"--timeout-method={method}", "--kind-spec-timeout=4")
    result = specs.run("--kind-focus=sig-", "--kind-procs=1", *limits, *ORDER, apart=True)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.no_fnmatch_line("*pytest-timeout.")
    assert project.left == []
