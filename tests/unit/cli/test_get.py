"""``get`` and ``export``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pytest_kind import cli, labels
from pytest_kind.errors import EngineError
from support.engine import FakeEngine


@pytest.mark.usefixtures("clusters")
class TestLists:
    def test_all_clusters_and_whose_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get"]) == 0
        assert capsys.readouterr().out == (
            "a\ta-control-plane\trunning\tnot ours\nb\tb-control-plane\trunning\tof a run\nc\tc-control-plane\texited\tkept\n"
        )

    @pytest.mark.parametrize("argv", [["-o", "json"], ["clusters", "-o", "json"], ["-o", "json", "clusters"]])
    def test_for_scripts(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", *argv]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [(one["name"], one["whose"]) for one in found] == [("a", "not ours"), ("b", "of a run"), ("c", "kept")]
        assert found[2]["nodes"] == [{"name": "c-control-plane", "role": "control-plane", "state": "exited", "image": "sha256:any"}]

    def test_names_of_clusters(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", "clusters"]) == 0
        assert capsys.readouterr().out == "a\nb\nc\n"

    def test_nodes(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", "nodes", "--name", "a"]) == 0
        assert capsys.readouterr().out == "a-control-plane\n"
        assert cli.main(["get", "nodes", "-A", "-o", "json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 3

    def test_nodes_of_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", "nodes"]) == 2
        assert capsys.readouterr().err == "pytest-kind: there is no cluster 'kind'; there are: a, b, c\n"


def test_no_clusters(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["get", "clusters"]) == 0
    assert capsys.readouterr() == ("", "no clusters\n")
    assert cli.main(["-q", "get", "clusters"]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["get", "kubeconfig"]) == 2
    assert capsys.readouterr().err == "pytest-kind: there is no cluster 'kind'; there is none at all\n"


@pytest.mark.usefixtures("running")
class TestKubeconfig:
    def test_it_is_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", "kubeconfig"]) == 0
        document = yaml.safe_load(capsys.readouterr().out)
        assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6000"
        assert document["current-context"] == "kind-kind"

    def test_for_containers_it_names_the_node(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["get", "kubeconfig", "--internal"]) == 0
        found = yaml.safe_load(capsys.readouterr().out)["clusters"][0]["cluster"]
        assert (found["server"], found["tls-server-name"]) == ("https://172.17.0.9:6443", "kind-control-plane")

    def test_a_cluster_that_is_stopped_has_none(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        engine.stop(_id(engine, "kind-control-plane"), 1)
        assert cli.main(["get", "kubeconfig"]) == 1
        assert capsys.readouterr().err == ("pytest-kind: cluster 'kind': kind-control-plane is exited; `pytest-kind start --name kind` starts it\n")

    def test_one_that_cannot_be_read(self, offer: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
        offer("clusters: 3")
        assert cli.main(["get", "kubeconfig"]) == 1
        assert capsys.readouterr().err.startswith("pytest-kind: node kind-control-plane of cluster 'kind' has no kubeconfig that can be read (")

    def test_it_is_exported(self, kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["export", "kubeconfig"]) == 0
        assert yaml.safe_load(kubectl_file.read_text(encoding="utf-8"))["current-context"] == "kind-kind"
        assert capsys.readouterr().out == f"kind: context kind-kind is the current one in {kubectl_file}\n"


@pytest.mark.usefixtures("running")
class TestLogs:
    @pytest.fixture(autouse=True)
    def _logs(self, engine: FakeEngine) -> None:
        for name in ("pods", "containers"):
            engine.offer(f"/var/log/{name}", b"\0" * 10240)  # an empty archive

    def test_they_are_where_one_wants_them(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["export", "logs", str(tmp_path / "out")]) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
        assert {one.name for one in (tmp_path / "out").iterdir()} == {"engine.json", "versions.json", "kind-control-plane", "kind-worker"}

    def test_without_a_folder_they_are_in_a_new_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["export", "logs", "-q"]) == 0
        said = capsys.readouterr()
        folder = Path(said.out.strip())
        assert (folder / "kind-worker" / "serial.log").exists()
        assert said.err == ""
        shutil.rmtree(folder)

    def test_what_is_missing_is_told_and_is_exit_code_one(self, engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        engine.fail("logs", EngineError("no console"))
        assert cli.main(["export", "logs", "-q", str(tmp_path / "out")]) == 1
        said = capsys.readouterr()
        assert "/serial.log: no console\n" in said.err
        assert f"pytest-kind: export logs: 1 not to be had, listed in {tmp_path / 'out' / 'failures.txt'}; the rest is there\n" in said.err
        assert said.out == f"{tmp_path / 'out'}\n"

    def test_a_folder_that_cannot_be(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        assert cli.main(["export", "logs", "-q", str(tmp_path / "file")]) == 1
        assert capsys.readouterr().err == f"pytest-kind: {tmp_path / 'file'}: File exists\n"

    def test_of_no_cluster(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["export", "logs", "--name", "x", str(tmp_path / "out")]) == 2
        assert capsys.readouterr().err == "pytest-kind: there is no cluster 'x'; there are: kind\n"
        assert not (tmp_path / "out").exists()


def _id(engine: FakeEngine, name: str) -> str:
    (found,) = (one for one in engine.containers({labels.CLUSTER: None}) if one.name == name)
    return found.id
