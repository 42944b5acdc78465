"""PyPI's KindCluster on a real cluster: port-forward first of all."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import os
import socket
import subprocess
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest

from pytest_kind.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_kind import KindCluster

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
SERVES = "mkdir /w; echo hello >/w/index.html; (sleep 1; exec httpd -f -p 8080 -h /w) & nc -ll -p 9000 -e cat & exec sleep 10000"
WEB = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {{name: web, image: {BUSYBOX}, command: [sh, -c, "{SERVES}"], ports: [{{name: http, containerPort: 8080}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{name: front, port: 80, targetPort: http}}]}}
"""
SIZE = 10 << 20


@pytest.fixture
def web(kind_cluster: KindCluster, kind_namespace: str, tmp_path: Path) -> str:
    """A namespace with a web server that listens a second late, and an echo."""
    (tmp_path / "web.yaml").write_text(WEB, encoding="utf-8")
    kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "web.yaml", cwd=tmp_path)
    return kind_namespace


@pytest.fixture
def echo(kind_cluster: KindCluster, web: str) -> Iterator[socket.socket]:
    """A connection to the echo."""
    with kind_cluster.port_forward("deployment/web", 9000, "-n", web) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"there?")
        assert client.recv(6) == b"there?"
        yield client


def get(port: int) -> bytes:
    with urllib.request.urlopen(f"http://localhost:{port}/", timeout=30) as answer:
        return bytes(answer.read())


def test_a_server_that_is_not_up_yet_is_reached_and_then_at_once(kind_cluster: KindCluster, web: str) -> None:
    with kind_cluster.port_forward("svc/web", "front", "-n", web, retries=60) as port:
        assert get(port) == b"hello\n"  # the pod was not even there when this began
    with kind_cluster.port_forward("service/web", 80, f"--namespace={web}", retries=0) as port:  # now there is nothing to wait for
        assert get(port) == b"hello\n"


def test_many_connections_at_once(kind_cluster: KindCluster, web: str) -> None:
    with kind_cluster.port_forward("svc/web", 80, "-n", web, retries=60) as port, concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(get, [port] * 40)) == [b"hello\n"] * 40


def test_much_in_both_directions(echo: socket.socket) -> None:
    data = os.urandom(SIZE)
    sending = threading.Thread(target=echo.sendall, args=(data,))
    sending.start()
    got = hashlib.sha256()
    left = SIZE
    while left and (piece := echo.recv(1 << 16)):
        got.update(piece)
        left -= len(piece)
    sending.join()
    assert (left, got.digest()) == (0, hashlib.sha256(data).digest())


def test_a_pod_that_dies_ends_its_connections_and_the_next_goes_to_the_next_pod(kind_cluster: KindCluster, web: str) -> None:
    with kind_cluster.port_forward("deployment/web", 9000, "-n", web, retries=60) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            kind_cluster.kubectl("delete", "pod", "-n", web, "-l", "app=web", "--wait=false")
            with contextlib.suppress(ConnectionResetError):  # an end as well
                assert client.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"y")
            assert client.recv(1) == b"y"


def test_nothing_is_left(kind_cluster: KindCluster, web: str) -> None:
    with kind_cluster.port_forward("deployment/web", 9000, "-n", web, retries=60) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-kind-port-forward"]


def test_what_is_not_there_is_told(kind_cluster: KindCluster) -> None:
    with pytest.raises(WaitTimeout, match="there is no Service nonsense"), kind_cluster.port_forward("svc/nonsense", 80, retries=0):
        pass


def test_kubectl_takes_files_and_says_what_is_wrong(kind_cluster: KindCluster, kind_namespace: str, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [map.yaml]\n", encoding="utf-8")
    (tmp_path / "base" / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n", encoding="utf-8")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kustomization.yaml").write_text(f"namespace: {kind_namespace}\nresources: [../base]\n", encoding="utf-8")
    kind_cluster.kubectl("apply", "-k", tmp_path / "dev")
    kind_cluster.kubectl("create", "configmap", "two", "-n", kind_namespace, "--from-file=map.yaml", cwd=tmp_path / "base")
    assert "one" in kind_cluster.kubectl("get", "configmap", "-n", kind_namespace)
    assert "ConfigMap" in kind_cluster.kubectl("get", "configmap", "two", "-n", kind_namespace, "-o", "jsonpath={.data.map\\.yaml}")
    with pytest.raises(subprocess.CalledProcessError, match='configmaps "three" not found'):
        kind_cluster.kubectl("get", "configmap", "three", "-n", kind_namespace)
    assert "input-" not in kind_cluster.nodes[0].exec("ls", "/kind")
