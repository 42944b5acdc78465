"""The look at the machine before a run's first cluster."""

from __future__ import annotations

import pytest

from pytest_kind.errors import EngineError
from support.project import Project

USES = "def test_a(kind_cluster): pass\ndef test_b(): pass\n"
CPUS = "cpus: Fake 1.0 has 1 processor; give the machine (Docker Desktop: its VM) two, or more time: --kind-timeout=300"
USERNS = 'engine-userns: Fake 1.0 at unix:///fake; take "userns-remap" out of /etc/docker/daemon.json and restart the engine'
LACKS = "cgroup-controllers: missing: memory; *"


def test_where_nothing_is_wrong_nothing_is_said(project: Project) -> None:
    project.tests(USES)
    result = project.run()
    result.assert_outcomes(passed=2)
    assert "preflight" not in result.stdout.str()
    assert project.engine.calls.count("survey") == 1


def test_errors_end_the_tests_with_all_reasons_before_anything_is_made(project: Project) -> None:
    project.engine.say(userns=True, lacks=["memory"], cpus=1)
    project.tests(USES)
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "no cluster would come up here (`pytest-kind doctor` says why each matters; --kind-preflight=no-ID leaves one out)",
            f"  - {USERNS}",
            f"  - {LACKS}",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_kind/" not in result.stdout.str()
    assert project.engine.made("create") == []
    assert project.left == []


def test_each_test_that_wants_another_cluster_is_told(project: Project) -> None:
    project.engine.say(userns=True)
    project.tests('@pytest.mark.kind({"featureGates": {"A": True}})\ndef test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n')
    result = project.run()
    result.assert_outcomes(errors=2)
    assert result.outlines.count(f"  - {USERNS}") == 2
    assert project.engine.calls.count("survey") == 1


def test_warnings_are_in_the_last_lines_once(project: Project) -> None:
    project.engine.say(cpus=1)
    project.tests('@pytest.mark.kind({"featureGates": {"A": True}})\ndef test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n')
    result = project.run()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*= kind =*", f"preflight: {CPUS}"])
    assert result.outlines.count(f"preflight: {CPUS}") == 1


@pytest.mark.parametrize("said", ["off", "no-cpus", "no-cpus,no-memory"])
def test_what_is_left_out_is_not_said(project: Project, said: str) -> None:
    project.engine.say(cpus=1)
    project.tests(USES)
    result = project.run(f"--kind-preflight={said}")
    result.assert_outcomes(passed=2)
    assert "preflight:" not in result.stdout.str()


def test_an_error_can_be_left_out_too(project: Project) -> None:
    project.engine.say(userns=True)
    project.tests(USES)
    project.run("--kind-preflight=no-engine-userns").assert_outcomes(passed=2)


@pytest.mark.parametrize("said", ["sometimes", "no-such-finding", "no-memory,cpus", "no-open-files", ""])
def test_another_word_is_refused_with_all_that_are_accepted(project: Project, said: str) -> None:
    project.tests(USES)
    result = project.run(f"--kind-preflight={said}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = next(line for line in result.errlines if "--kind-preflight" in line)
    assert line.startswith(
        f"ERROR: --kind-preflight: {said!r} is not accepted; accepted is on, off, or a list such as no-memory,no-cpus; of engine-remote,"
    )


def test_an_engine_that_fails_then_is_met_by_who_makes_the_cluster(project: Project) -> None:
    project.engine.fail("survey", EngineError("connection lost"))
    project.tests(USES)
    project.run().assert_outcomes(passed=2)


def test_clusters_of_workers_beside_each_other_are_reckoned_with(project: Project) -> None:
    project.engine.say(memory=1 << 30)
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart("-n2", "--kind-per-worker", "--kind-max-clusters=2")
    assert "preflight: memory-of-workers: 2 clusters (--kind-max-clusters=2) of 1 nodes, the machine has 1.0 GiB; *" in "\n".join(
        line.partition("; ")[0] + "; *" for line in result.outlines
    )


def test_another_run_is_not_slowed_down_by_it(project: Project) -> None:
    project.tests("def test_b(): pass\n")
    project.run().assert_outcomes(passed=1)
    assert project.engine.calls == []
