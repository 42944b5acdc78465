"""``--kind-gc``: removes what dead runs left, and exits."""

from __future__ import annotations

import pytest

from pytest_kind.lease.session import Session
from support.project import Project


def test_what_is_dead_goes_what_is_alive_stays_and_no_test_runs(project: Project) -> None:
    dead, alive = Session.open(project.cache), Session.open(project.cache)
    dead._lock.release()
    project.engine.add_container("left", dead.labels(), volume=True)
    project.engine.add_container("busy", alive.labels())
    project.engine.add_container("kept", dead.labels(keep=True))
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run("--kind-gc")
    assert result.ret == 0
    assert sorted(result.outlines) == ["kind: left container busy (in use)", "kind: left container kept (kept)", "kind: removed container left"]
    assert project.engine.names == ["busy", "kept"]
    assert [one.name for one in (project.cache / "sessions").iterdir()] == [alive.id]
    alive.close()


def test_nothing_to_remove(project: Project) -> None:
    result = project.run("--kind-gc")
    assert (result.ret, result.outlines) == (0, ["kind: nothing to remove"])


def test_where_no_engine_answers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    result = project.run("--kind-gc")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: no container engine answers at unix:///fake*"])
    assert "Traceback" not in result.stderr.str()


def test_a_bad_value_is_told(project: Project) -> None:
    result = project.run("--kind-gc", "--kind-lease=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.engine.calls == []
