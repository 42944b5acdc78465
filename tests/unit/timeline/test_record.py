"""The files: refused beforehand where they cannot be, written at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.errors import UsageError
from pytest_kind.provision import docker_engine
from pytest_kind.timeline.record import Record, check, trace_of
from support.engine import FakeEngine
from support.processes import ASKED, listed


@pytest.fixture
def record(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Record:
    """One in which a cluster of a load balancer, a control plane and one that is off did not boot."""
    monkeypatch.setattr(docker_engine, "connect", lambda: engine)
    engine.answer(ASKED, listed())
    for name, role, state in (
        ("c-control-plane", labels.ROLE_CONTROL_PLANE, "running"),
        ("c-external-load-balancer", labels.ROLE_LOAD_BALANCER, "running"),
        ("c-worker", "worker", "created"),
    ):
        engine.add_container(name, {labels.CLUSTER: "c", labels.ROLE: role}, state)
    made = Record()
    made.failed("c")
    return made


@pytest.mark.parametrize("name", ["t.svg", "t.html", "T.SVG", "deep/er/t.svg"])
def test_a_file_that_can_be_is_accepted_and_not_yet_made(tmp_path: Path, name: str) -> None:
    check(tmp_path / name, "--timeline")
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_what_is_there_stays_until_it_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "t.svg").write_text("earlier", encoding="utf-8")
    check(tmp_path / "t.svg", "--timeline")
    assert (tmp_path / "t.svg").read_text(encoding="utf-8") == "earlier"


@pytest.mark.parametrize("name", ["t", "t.png", "t.svg.gz", ".svg", ""])
def test_another_form_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(tmp_path / name, "--timeline")
    assert str(caught.value) == f"--timeline: '{tmp_path / name}' is not accepted; accepted is a file that ends in .svg or .html"


@pytest.mark.parametrize(("path", "why"), [("file/t.svg", "File exists"), ("folder.svg", "Is a directory"), ("trace.svg", "Is a directory")])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "trace.trace.json").mkdir()
    with pytest.raises(UsageError, match=rf"^--timeline: {tmp_path}/.*: it cannot be written: {why}$"):
        check(tmp_path / path, "--timeline")


def test_a_cluster_that_did_not_boot_has_the_nodes_that_ran(record: Record, tmp_path: Path) -> None:
    assert record.problems == []
    assert record.write(tmp_path / "t.svg") == [tmp_path / "t.svg", tmp_path / "t.trace.json"]
    drawn = (tmp_path / "t.svg").read_text(encoding="utf-8")
    assert "cluster c: did not boot" in drawn
    assert "kube-apiserver at 1.11" in drawn
    found = json.loads((tmp_path / "t.trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert [one["args"]["name"] for one in found if one["name"] == "thread_name"] == ["c-control-plane"]


def test_the_form_is_the_files(record: Record, tmp_path: Path) -> None:
    record.write(tmp_path / "t.HTML")
    assert (tmp_path / "t.HTML").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "t.trace.json").exists()


def test_an_engine_that_is_gone_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> FakeEngine:
        raise UsageError("no engine answers\nand so on")

    monkeypatch.setattr(docker_engine, "connect", gone)
    record = Record()
    record.failed("c")
    assert record.problems == ["cluster c: no engine answers"]


def test_what_cannot_be_written_after_all_is_a_line(record: Record, tmp_path: Path) -> None:
    (tmp_path / "t.svg").mkdir()
    assert record.write(tmp_path / "t.svg") == [tmp_path / "t.trace.json"]
    assert record.problems == [f"{tmp_path}/t.svg: Is a directory"]


def test_without_a_cluster_nothing_is_written(tmp_path: Path) -> None:
    assert Record().write(tmp_path / "t.svg") == []
    assert list(tmp_path.iterdir()) == []


def test_the_trace_has_the_pictures_name() -> None:
    assert trace_of(Path("a/b.c.svg")) == Path("a/b.c.trace.json")
