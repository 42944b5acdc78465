"""``delete``: ours alone, and the kubeconfig as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pytest_kind import cli
from pytest_kind.api import kubeconfig, kubeconfig_file
from pytest_kind.lease.session import Session
from support.credentials import admin_conf
from support.engine import FakeEngine

pytestmark = pytest.mark.usefixtures("clusters")


def entry(name: str) -> dict[str, object]:
    return kubeconfig.outside(admin_conf(), name, "https://127.0.0.1:6000")


@pytest.mark.parametrize("argv", [["b", "c"], ["cluster", "b", "c"], ["clusters", "b", "c"], ["c", "--name", "b"], ["b", "c", "b"]])
def test_clusters_of_ours_kept_or_not(argv: list[str], engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["delete", *argv]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == ["kind: removed cluster b", "kind: removed cluster c"]
    assert engine.names == ["a-control-plane", "database"]


@pytest.mark.parametrize("name", ["a", "nobody"])
def test_what_is_not_ours_is_refused(engine: FakeEngine, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.main(["delete", name]) == 2
    assert capsys.readouterr().err == f"pytest-kind: delete: there is no cluster '{name}' of ours\n"
    assert len(engine.names) == 4


def test_all_that_is_wrong_is_told_before_anything_is_removed(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["delete", "a", "b", "nobody"]) == 2
    assert capsys.readouterr().err.count("there is no cluster") == 2
    assert len(engine.names) == 4


def test_without_a_name_it_is_the_default_one(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIND_CLUSTER_NAME", "c")
    assert cli.main(["delete", "cluster"]) == 0
    assert "c-control-plane" not in engine.names


def test_one_that_is_not_there_may_be_no_error(engine: FakeEngine) -> None:
    assert cli.main(["delete", "cluster", "nobody", "c", "--ignore-not-found"]) == 0
    assert cli.main(["delete", "cluster", "a", "--ignore-not-found"]) == 2
    assert engine.names == ["a-control-plane", "b-control-plane", "database"]


class TestAll:
    def test_it_is_what_is_kept(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["delete", "cluster", "--all"]) == 0
        assert engine.names == ["a-control-plane", "b-control-plane", "database"]
        assert capsys.readouterr().out == "kind: removed cluster c\n"
        assert cli.main(["delete", "--all"]) == 0
        assert capsys.readouterr().out == "kind: no cluster is kept\n"

    def test_but_not_what_a_run_uses(self, engine: FakeEngine, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
        (session.folder / "c").mkdir()
        assert cli.main(["delete", "cluster", "--all"]) == 0
        assert len(engine.names) == 4
        assert capsys.readouterr().err == "pytest-kind: left cluster c: a test run uses it\n"


class TestKubeconfig:
    def test_its_entries_go_from_every_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        files = [tmp_path / name for name in ("one", "two", "three")]
        monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
        for file in files[:2]:
            kubeconfig_file.merge(file, entry("b"))
            kubeconfig_file.merge(file, entry("c"))
        assert cli.main(["delete", "c"]) == 0
        for file in files[:2]:
            assert [one["name"] for one in yaml.safe_load(file.read_text(encoding="utf-8"))["contexts"]] == ["kind-b"]
        assert not files[2].exists()
        assert f"kind: removed context kind-c from {files[1]}\n" in capsys.readouterr().out

    def test_one_that_is_broken_stops_nothing_and_is_told(
        self, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broken, fine = tmp_path / "broken", tmp_path / "fine"
        broken.write_text("- nonsense", encoding="utf-8")
        kubeconfig_file.merge(fine, entry("c"))
        monkeypatch.setenv("KUBECONFIG", f"{broken}:{fine}")
        assert cli.main(["delete", "b", "c"]) == 2
        assert engine.names == ["a-control-plane", "database"]
        assert capsys.readouterr().err.count(f"{broken}: is no kubeconfig") == 1
        assert not yaml.safe_load(fine.read_text(encoding="utf-8"))["contexts"]

    def test_the_file_that_is_named_alone(self, tmp_path: Path, kubectl_file: Path) -> None:
        for file in (tmp_path / "mine", kubectl_file):
            kubeconfig_file.merge(file, entry("c"))
        assert cli.main(["delete", "c", "--kubeconfig", str(tmp_path / "mine")]) == 0
        assert "kind-c" not in (tmp_path / "mine").read_text(encoding="utf-8")
        assert "kind-c" in kubectl_file.read_text(encoding="utf-8")
