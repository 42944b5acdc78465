"""The ``pytest-kind`` command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind import cli, labels
from pytest_kind.errors import EngineError, EngineUnavailable
from pytest_kind.image import go_modules
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine
from support.engine import FakeEngine


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> None:
    monkeypatch.setattr(docker_engine, "connect", lambda *_: engine)


@pytest.fixture
def clusters(engine: FakeEngine, session: Session) -> None:
    engine.add_container("b-control-plane", {**session.labels(), labels.CLUSTER: "b"})
    engine.add_container("c-control-plane", {**session.labels(keep=True), labels.CLUSTER: "c"}, "exited")
    engine.add_container("a-control-plane", {labels.CLUSTER: "a"})
    engine.add_container("database", {})


@pytest.mark.usefixtures("clusters")
def test_get_lists_all_clusters_and_whose_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["get"]) == 0
    assert capsys.readouterr().out == (
        "a\ta-control-plane\trunning\tnot ours\nb\tb-control-plane\trunning\tof a run\nc\tc-control-plane\texited\tkept\n"
    )


@pytest.mark.usefixtures("clusters")
def test_delete_removes_clusters_of_ours_kept_or_not(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["delete", "b", "c"]) == 0
    assert capsys.readouterr().out == "kind: removed cluster b\nkind: removed cluster c\n"
    assert engine.names == ["a-control-plane", "database"]


@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize("name", ["a", "nobody"])
def test_delete_refuses_what_is_not_ours(engine: FakeEngine, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.main(["delete", name]) == 2
    assert capsys.readouterr().err == f"pytest-kind: delete: there is no cluster '{name}' of ours\n"
    assert len(engine.names) == 4


def test_gc_removes_what_is_dead_and_says_what_it_left(engine: FakeEngine, session: Session, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = Session.open(cache)
    dead._lock.release()
    engine.add_container("left", dead.labels())
    engine.add_container("busy", session.labels())
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 0
    assert capsys.readouterr().out == "kind: removed container left\nkind: left container busy (in use)\n"
    assert engine.names == ["busy"]


def test_gc_with_nothing_to_do_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 0
    assert capsys.readouterr().out == "kind: nothing to remove\n"


def test_build_finds_the_image_that_is_there(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = engine.add_node_image()
    assert cli.main(["--cache-dir", str(cache), "build"]) == 0
    assert capsys.readouterr().out == f"kind: node image {read_inputs('amd64').tag} ({image.id[7:19]})\n"
    assert list(cache.glob("sessions/*")) == []


def test_build_of_the_suite_makes_no_image(
    engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_nothing(_: object, inputs: Inputs, module: go_modules.Module, target: Path) -> None:
        (target / "made").write_text(" ".join(program.name for program in module.programs) + inputs.kubernetes, encoding="utf-8")

    monkeypatch.setattr(go_modules, "_compile", compile_nothing)
    assert cli.main(["--cache-dir", str(cache), "build", "--suite", "--version", "v1.36.0"]) == 0
    (part,) = cache.glob("parts/suite-*")
    assert (part / "made").read_text(encoding="utf-8") == "e2e.test ginkgo agnhostv1.36.0"
    assert capsys.readouterr().out.endswith(f"kind: upstream suite in {part}\n")
    assert engine.made("image") == []


def test_build_takes_a_version_and_refuses_what_is_none(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "build", "--version", "1.37"]) == 2
    assert capsys.readouterr().err == "pytest-kind: --kind-version: '1.37' is not accepted; accepted is the form v1.37.1, from v1.31.0 on\n"
    assert list(cache.glob("sessions/*")) == []


def test_an_error_of_the_engine_is_exit_code_one(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine.fail("containers", EngineError("connection lost"))
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 1
    assert capsys.readouterr().err == "pytest-kind: connection lost\n"


def test_no_engine_is_exit_code_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def unavailable(*_: object) -> FakeEngine:
        raise EngineUnavailable("no container engine answers")

    monkeypatch.setattr(docker_engine, "connect", unavailable)
    assert cli.main(["get"]) == 2
    assert capsys.readouterr().err == "pytest-kind: no container engine answers\n"


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["delete"]])
def test_a_command_line_that_is_wrong_is_exit_code_two(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert "usage: pytest-kind" in capsys.readouterr().err
