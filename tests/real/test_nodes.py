"""A cluster of one control plane and two workers. All tests here share one."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

import pytest
from kubernetes.client import ApiClient, CoreV1Api

from pytest_kind import labels
from pytest_kind.provision import docker_engine
from support import mesh

if TYPE_CHECKING:
    from pytest_kind import KindCluster

pytestmark = pytest.mark.kind(
    {
        "nodes": [
            {"role": "control-plane"},
            {"role": "worker", "labels": {"tier": "front"}},
            {"role": "worker", "cpus": 1.5, "memory": "4Gi"},
        ]
    }
)

WRITER = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: common}
spec:
  storageClassName: shared
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Mi}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: writer}
spec:
  selector: {matchLabels: {app: writer}}
  template:
    metadata: {labels: {app: writer}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers:
      - name: writer
        image: localhost/pytest-kind/busybox:1.35.0
        command:
        - sh
        - -c
        - |
          echo "$NODE" >"/common/$NODE"
          while [ "$(ls /common | wc -l)" -lt 3 ]; do sleep 0.1; done
          cat /common/*
          touch /tmp/read
          exec sleep 3600
        readinessProbe: {exec: {command: [test, -e, /tmp/read]}, periodSeconds: 1}
        env:
        - name: NODE
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        volumeMounts: [{name: common, mountPath: /common}]
      volumes:
      - name: common
        persistentVolumeClaim: {claimName: common}
"""

CALLERS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: callers}
spec:
  selector: {matchLabels: {app: callers}}
  template:
    metadata: {labels: {app: callers}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers:
      - name: caller
        image: localhost/pytest-kind/busybox:1.35.0
        command: [sh, -c, "until [ $(wget -q -O- http://greeter/) = hello ]; do sleep 0.2; done; touch /tmp/heard; exec sleep 3600"]
        readinessProbe: {exec: {command: [test, -e, /tmp/heard]}, periodSeconds: 1}
"""


def test_who_is_there(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    assert [(node.name.removeprefix(f"{kind_cluster.name}-"), node.role) for node in kind_cluster.nodes] == [
        ("control-plane", "control-plane"),
        ("worker", "worker"),
        ("worker2", "worker"),
    ]
    found = {node.metadata.name: node for node in CoreV1Api(kind_client).list_node().items}
    assert set(found) == {node.name for node in kind_cluster.nodes}
    first, front, second = (found[node.name] for node in kind_cluster.nodes)
    assert [taint.key for taint in first.spec.taints] == ["node-role.kubernetes.io/control-plane"]
    assert front.metadata.labels["tier"] == "front"
    assert not front.spec.taints
    assert len({node.spec.pod_cidr for node in (first, front, second)}) == 3


def test_limits_of_a_node(kind_cluster: KindCluster) -> None:
    provider = docker_engine.connect()
    try:
        limited = provider.inspect(kind_cluster.nodes[2].container)["HostConfig"]
    finally:
        provider.close()
    assert limited["NanoCpus"] == 1_500_000_000
    assert limited["Memory"] == 4 << 30


def test_pods_on_every_node_reach_each_other(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


def test_a_shared_volume_is_written_and_read_on_three_nodes_at_once(kind_cluster: KindCluster, kind_namespace: str) -> None:
    kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=WRITER)
    kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "daemonset/writer", "--timeout=90s")
    names = json.loads(kind_cluster.kubectl("get", "pods", "-n", kind_namespace, "-l", "app=writer", "-o", "json"))["items"]
    wanted = sorted(node.name for node in kind_cluster.nodes)
    for pod in names:
        assert sorted(kind_cluster.kubectl("logs", "-n", kind_namespace, pod["metadata"]["name"]).split()) == wanted


class Greeter(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keeps standard error clean."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")


def test_a_server_of_the_tests_is_reached_from_every_node_and_again_after_a_restart(kind_cluster: KindCluster, kind_namespace: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server, kind_cluster.expose(server, "greeter", namespace=kind_namespace) as exposed:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=CALLERS)
            kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "daemonset/callers", "--timeout=60s")  # each has called
            kind_cluster.nodes[0].stop()
            kind_cluster.nodes[0].start()
            kind_cluster.wait_until_well()
            for node in kind_cluster.nodes:
                argv = ["--silent", "--max-time", "5", "--retry", "20", "--retry-all-errors", "--retry-delay", "1"]
                assert node.exec("curl", *argv, f"http://{exposed.cluster_ip}/") == "hello"
        finally:
            server.shutdown()
            thread.join()


def test_nodes_come_and_go_and_addresses_change(
    kind_cluster: KindCluster, kind_namespace: str, kind_as_user: Callable[..., ApiClient], kind_port_forward: Callable[..., int]
) -> None:
    alice, port = kind_as_user("alice", rules=["list pods"]), kind_port_forward("svc/kube-dns", 9153, namespace="kube-system")
    added = kind_cluster.add_node()
    assert added.name.endswith("-worker3")
    mesh.check(kind_cluster, kind_namespace)
    provider = docker_engine.connect()
    try:
        before = _engine_addresses(kind_cluster)
        kind_cluster.stop()
        for node in reversed(kind_cluster.nodes):  # the engine gives addresses in the order of starting
            provider.start(node.container)
        kind_cluster.start()
        assert _engine_addresses(kind_cluster) != before
    finally:
        provider.close()
    pods = ([pod.metadata.name for pod in CoreV1Api(client).list_namespaced_pod(kind_namespace).items] for client in (alice, kind_cluster.client))
    assert next(pods) == next(pods) != []
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert b"coredns_build_info" in answer.read()
    mesh.check(kind_cluster, kind_namespace)
    kind_cluster.remove_node(added.name)
    assert len(kind_cluster.nodes) == 3
    mesh.check(kind_cluster, kind_namespace)


def test_the_shared_volume_goes_with_the_cluster(kind_cluster: KindCluster) -> None:
    provider = docker_engine.connect()
    try:
        assert f"{kind_cluster.name}-shared" in {one.name for one in provider.volumes({labels.CLUSTER: kind_cluster.name})}
        kind_cluster.delete()
        assert provider.volumes({labels.CLUSTER: kind_cluster.name}) == []
    finally:
        provider.close()


def _engine_addresses(cluster: KindCluster) -> list[IPv4Interface]:
    return [IPv4Interface(node.exec("sh", "-c", "ip -o -4 address show eth0 | awk '{print $4}'").strip()) for node in cluster.nodes]
