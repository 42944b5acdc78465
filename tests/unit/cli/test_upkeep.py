"""``gc``, ``build``, ``version``, ``schema``, and how the command ends."""

from __future__ import annotations

import json
import os
import signal
from importlib import metadata
from pathlib import Path

import pytest

from pytest_kind import cli, labels
from pytest_kind.config.schema import json_schema
from pytest_kind.errors import Conflict, EngineError, EngineUnavailable
from pytest_kind.image import go_modules
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine
from support.engine import FakeEngine


def test_gc_removes_what_is_dead_and_says_what_it_left(engine: FakeEngine, session: Session, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = Session.open(cache)
    dead._lock.release()
    engine.add_container("left", dead.labels())
    engine.add_container("busy", session.labels())
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 0
    assert capsys.readouterr().out == "kind: removed container left\nkind: left container busy (in use)\n"
    assert engine.names == ["busy"]


def test_gc_for_scripts(engine: FakeEngine, session: Session, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = Session.open(cache)
    dead._lock.release()
    engine.add_container("left", dead.labels())
    engine.add_container("busy", session.labels())
    assert cli.main(["gc", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": ["container left"], "left": ["container busy (in use)"]}


def test_gc_with_nothing_to_do_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 0
    assert capsys.readouterr().out == "kind: nothing to remove\n"


def test_build_finds_the_image_that_is_there(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = engine.add_node_image()
    assert cli.main(["--cache-dir", str(cache), "build"]) == 0
    assert capsys.readouterr().out == f"kind: node image {read_inputs('amd64').tag} ({image.id[7:19]})\n"
    assert list(cache.glob("sessions/*")) == []


def test_build_for_scripts(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    image, wanted = engine.add_node_image(), read_inputs("amd64")
    assert cli.main(["build", "node-image", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"kubernetes": wanted.kubernetes, "image": wanted.tag, "id": image.id}


def test_build_of_the_suite_makes_no_image(
    engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_nothing(_: object, inputs: Inputs, module: go_modules.Module, target: Path) -> None:
        for program in module.programs:
            (target / program.name).write_text(inputs.kubernetes, encoding="utf-8")

    monkeypatch.setattr(go_modules, "_compile", compile_nothing)
    assert cli.main(["--cache-dir", str(cache), "build", "--suite", "--version", "v1.36.0"]) == 0
    made = {file.name: file for file in cache.glob("parts/*/*")}
    assert {name: file.read_text(encoding="utf-8") for name, file in made.items()} == dict.fromkeys(("e2e.test", "ginkgo", "agnhost"), "v1.36.0")
    files = ", ".join(str(made[name]) for name in ("e2e.test", "ginkgo", "agnhost"))
    assert capsys.readouterr().out.endswith(f"kind: upstream suite of Kubernetes v1.36.0: {files}\n")
    assert cli.main(["--cache-dir", str(cache), "build", "--suite", "--version", "v1.36.0", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"kubernetes": "v1.36.0", "suite": str(made["e2e.test"].parent), **{name: str(file) for name, file in made.items()}}
    assert engine.made("image") == []


def test_build_of_the_suite_takes_a_source_or_a_version(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "build", "--suite", "--version", "v1.36.0", "--source", "release:v1.36.1"]) == 2
    said = "pytest-kind: --source release:v1.36.1: given together with --version v1.36.0; only one can say what is built\n"
    assert capsys.readouterr().err == said


def test_build_takes_a_version_and_refuses_what_is_none(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "build", "--version", "1.37"]) == 2
    assert capsys.readouterr().err == "pytest-kind: --version: '1.37' is not accepted; accepted is the form v1.37.1, from v1.31.0 on\n"
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


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["delete"], ["create"], ["export"], ["load"], ["delete", "--all", "x"]])
def test_a_command_line_that_is_wrong_is_exit_code_two(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert "usage: pytest-kind" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    ours, kubernetes = metadata.version("pytest-kind-native"), read_inputs("amd64").kubernetes
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"pytest-kind-native {ours} (Kubernetes {kubernetes}, Python 3.")
    assert cli.main(["version", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out).items() >= {"version": ours, "kubernetes": kubernetes}.items()


def test_schema_is_the_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


class TestEnds:
    def test_an_interrupt_is_130(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        engine.fail("containers", KeyboardInterrupt())
        assert cli.main(["get"]) == 130
        assert capsys.readouterr().err == "pytest-kind: interrupted\n"

    def test_sigterm_cleans_up_and_is_143(self, engine: FakeEngine, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeEngine, "images", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit) as caught:
            cli.main(["build"])
        assert caught.value.code == 143
        assert list(cache.glob("sessions/*")) == []
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    def test_a_folder_that_cannot_be_written(self, engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        assert cli.main(["--cache-dir", str(tmp_path / "file"), "build"]) == 2
        assert capsys.readouterr().err.startswith(f"pytest-kind: --cache-dir: {tmp_path / 'file'} cannot be used: ")


def test_gc_removes_images_that_nothing_needs(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    current = engine.add_node_image()
    facts = json.dumps({"kubernetes": "v1.37.1", "made": 0})
    old = engine.add_image("pytest-kind/node:old", {labels.KIND: "node-image", labels.IMAGE_DIGEST: "old", labels.FACTS: facts})
    assert cli.main(["--cache-dir", str(cache), "gc"]) == 0
    assert engine.made("remove_image") == []
    assert cli.main(["--cache-dir", str(cache), "gc", "--images"]) == 0
    assert engine.made("remove_image") == [old.id]
    assert capsys.readouterr().out.endswith("kind: removed image pytest-kind/node:old\n")
    assert current.id not in engine.made("remove_image")


def test_gc_leaves_an_image_that_others_are_made_of(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.dumps({"kubernetes": "v1.37.1", "made": 0})
    for name in ("one", "two"):
        engine.add_image(f"pytest-kind/node:{name}", {labels.KIND: "node-image", labels.IMAGE_DIGEST: name, labels.FACTS: facts})
    engine.fail("remove_image", Conflict("image has dependent child images"))
    assert cli.main(["--cache-dir", str(cache), "gc", "--images"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "kind: left image pytest-kind/node:one: image has dependent child images" in lines
    assert "kind: removed image pytest-kind/node:two" in lines


def test_a_source_beside_a_version_is_refused(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--cache-dir", str(cache), "build", "--version", "v1.37.1", "--source", "release:v1.37.1"]) == 2
    assert "only one of them can say what is in the node image" in capsys.readouterr().err
