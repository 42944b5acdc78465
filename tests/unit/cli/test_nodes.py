"""``load`` and what changes a cluster's machines: on a handle that only remembers, and on which clusters at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pytest_kind import cli, labels
from pytest_kind.api import kubeconfig, kubeconfig_file
from pytest_kind.cli import work
from pytest_kind.lease.session import Session
from pytest_kind.progress import Progress
from pytest_kind.provision.provider import Provider
from support.credentials import admin_conf
from support.engine import FakeEngine

done: list[tuple[str, ...]] = []


@dataclass
class Handle:
    """Stands in for a KindCluster: remembers what it was asked for."""

    name: str
    kept: bool = True
    _machines: tuple[Any, ...] = field(default_factory=lambda: (SimpleNamespace(name="kind-control-plane"), SimpleNamespace(name="kind-worker")))

    @property
    def nodes(self) -> tuple[Any, ...]:
        return self._machines

    def load_image(self, reference: str) -> None:
        done.append(("load_image", reference, *(node.name for node in self.nodes)))

    def load_archive(self, path: Path) -> None:
        done.append(("load_archive", str(path), *(node.name for node in self.nodes)))

    def add_node(self, role: str) -> Any:
        done.append(("add_node", role))
        return SimpleNamespace(name=f"{self.name}-{role}2", role=role)

    def remove_node(self, name: str) -> None:
        done.append(("remove_node", name))

    def stop(self) -> None:
        done.append(("stop", self.name))

    def start(self) -> None:
        done.append(("start", self.name))

    def pause(self) -> None:
        done.append(("pause", self.name))

    def unpause(self) -> None:
        done.append(("unpause", self.name))


@pytest.fixture(autouse=True)
def _handles(running: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def attach(provider: Provider, name: str, folder: Path, progress: Progress) -> Handle:
        assert folder.is_dir()
        return Handle(name, labels.is_kept(provider.containers({labels.CLUSTER: name})[0].labels))

    done.clear()
    monkeypatch.setattr(work, "attach", attach)


def test_images_are_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["load", "docker-image", "app:1", "app:2"]) == 0
    assert done == [("load_image", f"app:{number}", "kind-control-plane", "kind-worker") for number in (1, 2)]
    assert capsys.readouterr().out == "kind: app:1 is on kind-control-plane, kind-worker\nkind: app:2 is on kind-control-plane, kind-worker\n"


def test_archives_are_loaded_onto_some_nodes(tmp_path: Path) -> None:
    (tmp_path / "a.tar").touch()
    assert cli.main(["load", "image-archive", str(tmp_path / "a.tar"), "--nodes", "kind-worker,"]) == 0
    assert done == [("load_archive", str(tmp_path / "a.tar"), "kind-worker")]


def test_archives_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["load", "image-archive", str(tmp_path / "a.tar"), str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"pytest-kind: load image-archive: {tmp_path / 'a.tar'}: there is no such file\nload image-archive: {tmp_path}: there is no such file\n"
    )
    assert done == []


@pytest.mark.parametrize(("given", "found"), [("x,kind-worker,y", "x, y"), (",", "node of no name")])
def test_nodes_that_are_not_there(given: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["load", "docker-image", "app", "--nodes", given]) == 2
    assert capsys.readouterr().err == (f"pytest-kind: --nodes: cluster kind has no {found}; its nodes are kind-control-plane, kind-worker\n")
    assert done == []


def test_a_node_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["add-node", "-q"]) == 0
    assert cli.main(["add-node", "--role", "control-plane", "-o", "json"]) == 0
    assert done == [("add_node", "worker"), ("add_node", "control-plane")]
    assert json.loads(capsys.readouterr().out) == {"name": "kind-control-plane2", "role": "control-plane"}


def test_a_node_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["remove-node", "kind-worker"]) == 0
    assert done == [("remove_node", "kind-worker")]
    assert capsys.readouterr().out == "kind: removed node kind-worker\n"


@pytest.mark.parametrize("name", ["nobody", "database"])
def test_no_node_to_remove(name: str, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.add_container("database", {})
    assert cli.main(["remove-node", name]) == 2
    assert capsys.readouterr().err == f"pytest-kind: remove-node: there is no node '{name}'; `pytest-kind get` lists them\n"


@pytest.mark.parametrize(("verb", "said"), [("stop", "is stopped"), ("start", "runs"), ("pause", "is paused"), ("unpause", "goes on")])
def test_the_whole_cluster(verb: str, said: str, cache: Path, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--name", "kind"]) == 0
    assert done == [(verb, "kind")]
    assert capsys.readouterr().out == f"kind: cluster kind {said}\n"
    assert list(cache.glob("sessions/*")) == [session.folder]


class TestStart:
    def test_a_kubeconfig_that_has_the_cluster_follows_its_port(self, kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        kubeconfig_file.merge(kubectl_file, kubeconfig.outside(admin_conf(), "other", "https://127.0.0.1:1"))
        kubeconfig_file.merge(kubectl_file, kubeconfig.outside(admin_conf(), "kind", "https://127.0.0.1:5999"))
        kubeconfig_file.merge(kubectl_file, kubeconfig.outside(admin_conf(), "other", "https://127.0.0.1:1"))
        assert cli.main(["start"]) == 0
        document = yaml.safe_load(kubectl_file.read_text(encoding="utf-8"))
        assert [one["cluster"]["server"] for one in document["clusters"]] == ["https://127.0.0.1:1", "https://127.0.0.1:6000"]
        assert document["current-context"] == "kind-other"
        assert f"the API's new address is in {kubectl_file}\n" in capsys.readouterr().out
        assert cli.main(["start"]) == 0
        assert "new address" not in capsys.readouterr().out

    def test_one_that_is_broken_is_told_and_is_no_error(self, kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        kubectl_file.parent.mkdir(parents=True)
        kubectl_file.write_text("3", encoding="utf-8")
        assert cli.main(["start"]) == 0
        assert f"pytest-kind: {kubectl_file}: is no kubeconfig" in capsys.readouterr().err


@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize(
    "argv",
    [
        *([verb, "--name", "a"] for verb in ("stop", "start", "pause", "unpause", "add-node")),
        ["load", "docker-image", "app", "--name", "a"],
        ["remove-node", "a-control-plane"],
    ],
)
def test_a_cluster_of_kinds_is_not_changed(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err == "pytest-kind: cluster 'a' is not ours to change; the tool that made it can\n"
    assert done == []


@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize("argv", [["stop", "--name", "b"], ["add-node", "--name", "b"], ["remove-node", "b-control-plane"]])
def test_a_cluster_of_a_run_is_not_changed_under_its_feet(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith("pytest-kind: cluster 'b' belongs to a test run, which may be using it; ")
    assert done == []
