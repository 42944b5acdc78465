"""A web server in the cluster, asked from here: no kubectl, no published port; and a program that reads KUBECONFIG."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_kind import KindCluster

LISTS_NODES = "from kubernetes import client, config; config.load_kube_config(); print(len(client.CoreV1Api().list_node().items))"


def test_a_web_server_answers(kind_cluster: KindCluster, kind_namespace: str, busybox: str) -> None:
    serve = ["httpd", "-f", "-p", "8080", "-h", "/etc"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "web", "image": busybox, "command": serve}]},
    }
    kind_cluster.kubectl("create", "-n", kind_namespace, "-f", "-", input=json.dumps(pod))
    with (
        kind_cluster.port_forward("pod/web", 8080, "-n", kind_namespace, retries=60) as port,
        urllib.request.urlopen(f"http://localhost:{port}/hostname", timeout=60) as answer,
    ):
        assert answer.read() == b"web\n"


def test_a_program_finds_the_cluster(kind_environment: Path, kind_cluster: KindCluster) -> None:
    assert kind_environment == kind_cluster.kubeconfig_path
    listed = subprocess.run([sys.executable, "-c", LISTS_NODES], check=True, capture_output=True, text=True)
    assert int(listed.stdout) == len(kind_cluster.nodes)
