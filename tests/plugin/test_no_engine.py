"""What goes wrong between a run and its engine: one clear error for each test that needs it, and the others run."""

from __future__ import annotations

import pytest

from pytest_kind.errors import Conflict, EngineError
from support.project import Project

USES = "def test_a(kind_cluster): pass\ndef test_b(): pass\n"


def has_no_traceback(result: pytest.RunResult) -> bool:
    return not any(word in result.stdout.str() + result.stderr.str() for word in ("Traceback", "pytest_kind/", "INTERNALERROR"))


def test_where_no_engine_answers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests(USES)
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    assert has_no_traceback(result)
    message = "no container engine answers at unix:///fake: no such file; start an engine, or name one that runs (DOCKER_HOST, `docker context use`)"
    assert [line for line in result.outlines if "no container engine" in line and not line.startswith("ERROR")] == [f"kind: {message}", message]
    assert project.left == []


def test_every_test_that_needs_it_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests("def test_a(kind_client): pass\ndef test_b(kind_namespace): pass\ndef test_c(kind_cluster_factory): kind_cluster_factory()\n")
    result = project.run()
    result.assert_outcomes(errors=2, failed=1)
    assert "pytest_kind/" not in result.stdout.str()


def test_a_cluster_that_does_not_boot(project: Project) -> None:
    project.engine.answer(["fake-boot"], "kernel too old", code=3)
    project.engine.answer(["systemctl"], "kubelet.service failed")
    project.tests(USES)
    result = project.run("--kind-name=mine")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "kind: creating cluster mine: failed in *",
            "cluster 'mine' did not boot, phase 'fake': mine-control-plane: `fake-boot` ended with 3:",
            "kernel too old",
            "--- mine-control-plane: units that failed",
            "kubelet.service failed",
        ]
    )
    assert has_no_traceback(result)
    assert project.left == []


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        ("create", EngineError("the engine's disk is full"), "*phase 'create': the engine's disk is full"),
        ("start", Conflict("port is already allocated"), "*phase 'fake': port is already allocated"),
        ("containers", EngineError("connection lost"), "connection lost"),
        ("info", EngineError("connection lost"), "kind: connection lost"),
    ],
)
def test_an_engine_that_refuses(project: Project, method: str, error: Exception, message: str) -> None:
    project.engine.fail(method, error, times=2 if method == "info" else 1)
    project.tests(USES)
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([message])
    assert has_no_traceback(result)
    assert project.left == []


def test_an_image_that_nobody_has(project: Project) -> None:
    project.tests(USES)
    result = project.run("--kind-image=nobody/has:it")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["--kind-image: nobody/has:it is not in the engine and cannot be pulled: pulling nobody/has:it: no registry answers"])
    assert has_no_traceback(result)


def test_a_name_that_something_else_has(project: Project) -> None:
    project.engine.add_container("mine-control-plane", {})
    project.tests(USES)
    result = project.run("--kind-name=mine")
    result.assert_outcomes(passed=1, errors=1)
    assert has_no_traceback(result)
    assert project.left == ["mine-control-plane"]


def test_a_cluster_that_cannot_be_removed_is_told_and_removed_at_the_end(project: Project) -> None:
    project.engine.fail("remove", EngineError("driver failed"))
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["driver failed"])
    assert has_no_traceback(result)
    assert project.left == []


def test_an_engine_that_goes_away_for_good_is_told_without_a_traceback(project: Project) -> None:
    project.engine.fail("remove", EngineError("connection lost"), times=100)
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["connection lost", "*= kind =*", "not everything is removed: connection lost; the next run does it, or `pytest --kind-gc`"]
    )
    assert has_no_traceback(result)


def test_a_project_that_uses_no_cluster_does_not_notice(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests("def test_b(): pass\n")
    result = project.run()
    result.assert_outcomes(passed=1)
    assert "kind:" not in result.stdout.str()
