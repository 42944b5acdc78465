"""pytest-xdist: every worker has a cluster of its own, and the controller cleans up after those that die."""

from __future__ import annotations

import pytest

from support.project import Project


def test_each_worker_makes_and_removes_its_own(project: Project) -> None:
    project.tests("@pytest.mark.parametrize('x', range(6))\ndef test_a(kind_cluster, x): assert kind_cluster.name\n")
    result = project.run_apart("-n2", "--dist=load")
    result.assert_outcomes(passed=6)
    created = project.engine.made("create")
    assert 1 <= len(created) <= 2
    assert sorted(created) == sorted(project.engine.made("remove"))
    assert "kind:" not in result.stdout.str()
    assert project.left == []


def test_what_a_worker_that_died_left_is_removed_at_the_end(project: Project) -> None:
    project.tests("def test_a(kind_cluster): os.kill(os.getpid(), signal.SIGKILL)\n")
    result = project.run_apart("-n1", "--max-worker-restart=0")
    result.assert_outcomes(failed=1)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


def test_a_dead_session_without_an_engine_is_left_for_another_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project.cache / "sessions/0123"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests("def test_b(): pass\n")
    result = project.run_apart("-n1")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert project.left == ["0123"]
