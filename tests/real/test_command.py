"""The command as a process of its own, on a cluster of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import config
from kubernetes.client import CoreV1Api

from pytest_kind import labels
from pytest_kind.image.archive import texts_archive
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine

NAME = "command-test"
NODE = f"{NAME}-control-plane"
THEIRS = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "theirs", "cluster": {"server": "https://theirs.invalid"}}],
    "users": [{"name": "theirs", "user": {"token": "hush"}}],
    "contexts": [{"name": "theirs", "context": {"cluster": "theirs", "user": "theirs"}}],
    "current-context": "theirs",
    "preferences": {},
}
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's, who has a kubeconfig."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".kube").mkdir()
    (folder / ".kube" / "config").write_text(yaml.safe_dump(THEIRS), encoding="utf-8")
    (folder / ".kube" / "config").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def command(home: Path, pytestconfig: pytest.Config) -> Iterator[Command]:
    """Runs ``pytest-kind``; what a failed test leaves is removed."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    environment |= {"HOME": str(home), "KIND_CLUSTER_NAME": NAME, "PYTEST_KIND_CACHE_DIR": str(resolve(pytestconfig).cache_dir)}

    def run(*argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest_kind.cli", *argv], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended

    yield run
    run("delete", "cluster", "--ignore-not-found")


def kubeconfig(home: Path) -> dict[str, object]:
    return dict(yaml.safe_load((home / ".kube" / "config").read_text(encoding="utf-8")))


def names_through(document: dict[str, object]) -> list[str]:
    """The nodes, by the API that a kubeconfig leads to."""
    with config.new_client_from_config_dict(document) as client:
        return [str(one.metadata.name) for one in CoreV1Api(client).list_node().items]


def test_a_clusters_life(command: Command, home: Path, tmp_path: Path) -> None:
    made = json.loads(command("create", "cluster", "-o", "json").stdout)
    assert (made["name"], made["context"], made["kubeconfig"]) == (NAME, f"kind-{NAME}", str(home / ".kube" / "config"))
    assert made["nodes"] == [{"name": NODE, "role": "control-plane"}]
    assert f"there is a cluster '{NAME}' already" in command("create", "cluster", code=2).stderr

    assert NAME in command("get", "clusters").stdout.splitlines()
    assert command("get", "nodes").stdout == f"{NODE}\n"
    assert f"{NAME}\t{NODE}\trunning\tkept\n" in command("get").stdout

    found = kubeconfig(home)
    assert found["current-context"] == f"kind-{NAME}"
    assert (home / ".kube" / "config").stat().st_mode & 0o777 == 0o600
    assert names_through(found) == [NODE]
    assert names_through(yaml.safe_load(command("get", "kubeconfig").stdout)) == [NODE]
    command("export", "kubeconfig", "--kubeconfig", str(tmp_path / "mine"))
    assert names_through(yaml.safe_load((tmp_path / "mine").read_text(encoding="utf-8"))) == [NODE]

    logs(command, tmp_path / "out")
    inside(command)

    assert f"removed cluster {NAME}" in command("delete", "cluster").stdout
    assert kubeconfig(home) == THEIRS
    assert list((home / ".kube").iterdir()) == [home / ".kube" / "config"]
    provider = docker_engine.connect()
    try:
        assert provider.containers({labels.CLUSTER: NAME}) == []
        assert provider.volumes({labels.CLUSTER: NAME}) == []
    finally:
        provider.close()
    assert f"there is no cluster '{NAME}' of ours" in command("delete", "cluster", code=2).stderr


def logs(command: Command, folder: Path) -> None:
    assert command("export", "logs", str(folder)).stdout == f"{folder}\n"
    node = folder / NODE
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    here = {name.removeprefix(f"{NODE}/"): text for name, text in texts.items() if name.startswith(NODE)}
    assert "Kubernetes" in here["kubelet.log"] or "kubelet" in here["kubelet.log"]
    assert "containerd" in here["containerd.log"]
    assert len(here["journal.log"]) > len(here["kubelet.log"]) > 1000
    assert here["kubernetes-version.txt"].startswith("v1.")
    assert "registry.k8s.io/kube-apiserver:v1." in here["images.log"]
    assert here["serial.log"]
    assert json.loads(here["inspect.json"])[0]["Name"] == f"/{NODE}"
    assert json.loads(texts["engine.json"])["name"].startswith("Docker")
    assert "pytest-kind-native" in json.loads(texts["versions.json"])
    assert "failures.txt" not in texts
    pods = {path.name.split("_")[1] for path in (node / "pods").iterdir()}
    assert {name.rsplit("-", 1)[0] for name in pods if name.startswith("kube-proxy")} == {"kube-proxy"}
    (proxy,) = (node / "containers").glob("kube-proxy-*.log")
    assert proxy.read_text(encoding="utf-8")
    assert {"etcd.log", "kube-apiserver.log", "kube-controller-manager.log", "kube-scheduler.log"} <= here.keys()
    assert "Version: v1." in here["kube-apiserver.log"]
    assert not any("PRIVATE KEY-----\n" in text for text in texts.values())


def inside(command: Command) -> None:
    """The internal kubeconfig leads a container of the nodes' network to the API; here the node itself is one."""
    text = command("get", "kubeconfig", "--internal").stdout
    assert "127.0.0.1" not in text
    provider = docker_engine.connect()
    try:
        (node,) = provider.containers({labels.CLUSTER: NAME})
        with texts_archive({"kind/internal": (text.encode(), 0o600)}) as archive:
            provider.put(node.id, "/", archive)
        found = provider.exec(node.id, ["kubectl", "--kubeconfig", "/kind/internal", "get", "nodes", "-o", "name"])
        assert (found.code, found.stdout) == (0, f"node/{NODE}\n"), found.output
    finally:
        provider.close()
