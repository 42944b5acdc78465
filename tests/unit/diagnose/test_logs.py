"""The export of logs: everything that is there, and a line for what is not."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.diagnose import logs
from pytest_kind.diagnose.logs import export_logs, unpack
from pytest_kind.errors import EngineError
from pytest_kind.provision.provider import ContainerSpec
from support.engine import FakeEngine

LOG = "pods/kube-system_etcd_1/etcd/0.log"
IN_A_NODE = {
    "journal.log",
    "kubelet.log",
    "containerd.log",
    "kubernetes-version.txt",
    "images.log",
    "inspect.json",
    "serial.log",
    "pods",
    "containers",
}
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 - in a bootstrap token's form


def packed(*members: tuple[str, str | bytes], at: str = "") -> bytes:
    """An archive: a name and its content, or what it links to."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(f"{at}{name}")
            if isinstance(content, str):
                member.type, member.linkname = (tarfile.DIRTYPE, "") if not content else (tarfile.SYMTYPE, content)
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.fixture(autouse=True)
def _node(engine: FakeEngine) -> None:
    engine.offer("/var/log/pods", packed(("pods", ""), (LOG, b"etcd says\n")))
    engine.offer("/var/log/containers", packed(("containers", ""), ("containers/etcd.log", f"/var/log/{LOG}")))
    engine.answer(["cat", "/kind/version"], "v1.37.1\n")
    engine.answer(["journalctl", "--no-pager"], f"all of it, token {TOKEN}\n")
    engine.answer(["journalctl", "--no-pager", "--unit", "kubelet.service"], "kubelet\n")
    engine.answer(["journalctl", "--no-pager", "--quiet"], "")  # no such unit


def add(engine: FakeEngine, name: str, role: str = "control-plane", state: str = "running") -> None:
    engine.add_container(name, {labels.CLUSTER: "c", labels.ROLE: role}, state)


def export(engine: FakeEngine, folder: Path) -> list[str]:
    return export_logs(lambda: engine, engine.containers({labels.CLUSTER: "c"}), folder)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_control_plane_of_units_has_a_file_for_each(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane")
    add(engine, "c-worker", "worker")
    engine.answer(["journalctl", "--no-pager", "--quiet", "--unit", "etcd.service"], "etcd says\n")
    assert export(engine, tmp_path) == []
    assert read(tmp_path / "c-control-plane" / "etcd.log") == "etcd says\n"
    assert {one.name for one in (tmp_path / "c-control-plane").iterdir()} == {*IN_A_NODE, "etcd.log"}
    assert {one.name for one in (tmp_path / "c-worker").iterdir()} == IN_A_NODE


def test_everything_of_every_node(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane")
    add(engine, "c-worker", "worker")
    out = tmp_path / "a" / "out"
    assert export(engine, out) == []
    assert {one.name for one in out.iterdir()} == {"engine.json", "versions.json", "c-control-plane", "c-worker"}
    for node in ("c-control-plane", "c-worker"):
        assert {one.name for one in (out / node).iterdir()} == IN_A_NODE  # its control plane runs as pods
    first = out / "c-control-plane"
    assert read(first / LOG) == read(first / "containers" / "etcd.log") == "etcd says\n"
    assert (first / "containers" / "etcd.log").readlink() == Path("..") / LOG
    assert read(first / "kubernetes-version.txt") == "v1.37.1\n"
    assert read(first / "kubelet.log") == "kubelet\n"
    assert read(first / "serial.log") == "the console's last words\n"
    assert json.loads(read(out / "engine.json"))["name"] == "Fake 1.0"
    assert "pytest-kind-native" in json.loads(read(out / "versions.json"))


def test_no_secrets(engine: FakeEngine, tmp_path: Path) -> None:
    environment = {"HTTP_PROXY": "http://me:hush@proxy", "KUBECONFIG": "/etc/kubernetes/admin.conf"}
    engine.create(ContainerSpec(name="c-control-plane", image="i", labels={labels.CLUSTER: "c"}, environment=environment))
    (container,) = engine.containers({labels.CLUSTER: "c"})
    engine.start(container.id)
    export(engine, tmp_path)
    assert TOKEN not in read(tmp_path / "c-control-plane" / "journal.log")
    environment_in = json.loads(read(tmp_path / "c-control-plane" / "inspect.json"))[0]["Config"]["Env"]
    assert environment_in == ["HTTP_PROXY=[removed]", "KUBECONFIG=/etc/kubernetes/admin.conf"]


def test_again_into_the_same_folder(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane")
    engine.fail("logs", EngineError("no console"))
    assert export(engine, tmp_path) == ["c-control-plane/serial.log: no console"]
    assert read(tmp_path / "failures.txt") == "c-control-plane/serial.log: no console\n"
    assert export(engine, tmp_path) == []
    assert not (tmp_path / "failures.txt").exists()


def test_what_fails_is_noted_and_the_rest_is_there(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane")
    engine.answer(["ctr"], "cannot connect\n", code=1)
    engine.fail("inspect", EngineError("gone"))
    engine.fail("info", EngineError("busy"))
    engine.offer("/var/log/pods", b"no archive")
    found = export(engine, tmp_path)
    assert [one.split(":")[0] for one in found] == ["engine.json", *(f"c-control-plane/{name}" for name in ("inspect.json", "images.log", "pods"))]
    assert found[2].endswith("`ctr --namespace k8s.io images list` ended with 1")
    assert read(tmp_path / "c-control-plane" / "images.log") == "cannot connect\n"  # what it said is part of the evidence
    assert read(tmp_path / "c-control-plane" / "kubelet.log") == "kubelet\n"


def test_a_node_that_is_off_still_has_its_console_and_its_pods_logs(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane", state="exited")
    (line,) = export(engine, tmp_path)
    assert line.startswith("c-control-plane: its container is exited, so no journal.log, ")
    assert {one.name for one in (tmp_path / "c-control-plane").iterdir()} == {"inspect.json", "serial.log", "pods", "containers"}


def test_a_load_balancer_has_a_console_alone(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-external-load-balancer", "external-load-balancer")
    assert export(engine, tmp_path) == []
    assert {one.name for one in (tmp_path / "c-external-load-balancer").iterdir()} == {"inspect.json", "serial.log"}


def test_an_engine_that_goes_away(engine: FakeEngine, tmp_path: Path) -> None:
    add(engine, "c-control-plane")

    def gone() -> FakeEngine:
        raise EngineError("connection lost")

    machines = engine.containers({labels.CLUSTER: "c"})
    assert export_logs(gone, machines, tmp_path) == ["engine.json: connection lost", "c-control-plane: connection lost"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../outside", b"x"),
        ("pods/../../outside", b"x"),
        ("/pods/outside", b"x"),
        ("elsewhere/outside", b"x"),
        ("containers/outside", "/etc/passwd"),
        ("containers/outside", "/var/log/../../etc/passwd"),
        ("containers/outside", "../../../outside"),
    ],
)
def test_nothing_gets_out_of_the_folder(tmp_path: Path, name: str, content: str | bytes) -> None:
    (tmp_path / "in").mkdir()
    archive = packed((name, content), ("pods/fine", b"fine"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        unpack(tar, tmp_path / "in")
    assert [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.name in {"outside", "passwd", "fine"}] == ["in/pods/fine"]


def test_a_link_in_the_place_of_a_folder_is_not_followed_out(tmp_path: Path) -> None:
    archive = packed(("pods/a", "/var/log/pods"), ("pods/a/b", b"x"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        unpack(tar, tmp_path / "in")
    assert all((tmp_path / "in").resolve() in one.resolve().parents for one in (tmp_path / "in" / "pods").iterdir())


def test_the_files_have_kinds_names() -> None:
    assert set(logs._COMMANDS) == {"journal.log", "kubelet.log", "containerd.log", "kubernetes-version.txt", "images.log"}
