"""Faults on a cluster that notices them in seconds: the one of the example, which all tests here share with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api
from urllib3.exceptions import HTTPError

from pytest_kind.errors import CommandError, UsageError
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support import mesh

if TYPE_CHECKING:
    from pytest_kind import KindCluster, KindNode

pytestmark = [pytest.mark.alone, pytest.mark.kind(Path(__file__).parents[2] / "examples" / "rescheduling" / "cluster.yaml")]

SECONDS = 60.0


PINNED = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: waits}}
spec:
  selector: {{matchLabels: {{app: waits}}}}
  template:
    metadata: {{labels: {{app: waits}}}}
    spec:
      nodeSelector: {{kubernetes.io/hostname: {node}}}
      terminationGracePeriodSeconds: 0
      containers: [{{name: waits, image: "{image}", command: [sleep, "3600"]}}]
"""


def condition(cluster: KindCluster, node: KindNode, name: str = "Ready") -> str:
    conditions = json.loads(cluster.kubectl("get", "node", node.name, "-o", "json"))["status"]["conditions"]
    return str(next(one["status"] for one in conditions if one["type"] == name))


def until(what: str, probe: Callable[[], bool]) -> None:
    """Waits for something that a test expects to happen."""
    wait_for(what, lambda: probe() or NotYet("not yet"), Deadline(SECONDS), every=0.2)


def reaches(node: KindNode, address: str, port: int = 10250) -> bool:
    """Whether a node opens a connection to another one's kubelet."""
    try:
        node.exec("timeout", "1", "bash", "-c", f"</dev/tcp/{address}/{port}")
    except CommandError:
        return False
    return True


def address_of(cluster: KindCluster, node: KindNode) -> str:
    return cluster.kubectl("get", "node", node.name, "-o", "jsonpath={.status.addresses[?(@.type=='InternalIP')].address}")


def test_a_frozen_node_and_then_it_goes_on(kind_cluster: KindCluster) -> None:
    worker = kind_cluster.nodes[1]
    boot = worker.exec("cat", "/proc/1/stat").split()[21]
    with worker.paused():
        until("the node is lost", lambda: condition(kind_cluster, worker) == "Unknown")
    assert condition(kind_cluster, worker) == "True"
    assert worker.exec("cat", "/proc/1/stat").split()[21] == boot


def test_two_workers_apart_each_of_which_reaches_the_control_plane(kind_cluster: KindCluster, kind_namespace: str) -> None:
    first, one, other = kind_cluster.nodes
    addresses = {node.name: address_of(kind_cluster, node) for node in kind_cluster.nodes}
    members = {member.node: member for member in mesh.deploy(kind_cluster, kind_namespace)}

    def pod_reaches(node: KindNode, to: KindNode) -> bool:
        fetch = ["timeout", "2", "wget", "-qO-", f"http://{members[to.name].addresses[0]}:8080/node"]
        try:
            return kind_cluster.kubectl("exec", "-n", kind_namespace, members[node.name].name, "--", *fetch).strip() == to.name
        except CommandError:
            return False

    assert pod_reaches(one, other)
    with kind_cluster.partition(one, other.name):
        assert not reaches(one, addresses[other.name])
        assert not reaches(other, addresses[one.name])
        assert not pod_reaches(one, other)
        for node in (one, other):
            assert reaches(node, addresses[first.name], 6443)
            assert reaches(first, addresses[node.name])
        assert pod_reaches(one, first)
        assert condition(kind_cluster, one) == condition(kind_cluster, other) == "True"
    assert reaches(one, addresses[other.name])
    assert pod_reaches(one, other)
    assert pod_reaches(other, one)


def test_an_isolated_node_is_lost_and_the_api_is_reached(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    worker = kind_cluster.nodes[2]
    with kind_cluster.isolated(worker):
        until("the node is lost", lambda: condition(kind_cluster, worker) == "Unknown")
        assert len(CoreV1Api(kind_client).list_node().items) == 3
    assert condition(kind_cluster, worker) == "True"


def test_without_a_scheduler_pods_wait_for_one(kind_cluster: KindCluster, kind_namespace: str) -> None:
    with kind_cluster.component_down("kube-scheduler"):
        kind_cluster.kubectl("run", "-n", kind_namespace, "waits", f"--image={mesh.BUSYBOX}", "--", "sleep", "3600")
        with pytest.raises(CommandError, match="timed out"):
            kind_cluster.kubectl("wait", "-n", kind_namespace, "pod/waits", "--for=condition=PodScheduled", "--timeout=1s")
    kind_cluster.kubectl("wait", "-n", kind_namespace, "pod/waits", "--for=condition=PodScheduled", "--timeout=30s")


def test_an_api_server_that_is_down_and_one_that_begins_anew(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    api = CoreV1Api(kind_client)
    with kind_cluster.api_server_down(), pytest.raises(HTTPError):
        api.list_node(_request_timeout=2)
    assert len(api.list_node().items) == 3

    def started() -> str:
        return kind_cluster.nodes[0].exec("sh", "-c", "cat /proc/$(pgrep -ox kube-apiserver)/stat").split()[21]

    before = started()
    with kind_cluster.api_server_restarted():
        pass
    assert started() != before
    assert len(api.list_node().items) == 3


def test_without_dns_a_name_has_no_address(kind_cluster: KindCluster) -> None:
    server = kind_cluster.kubectl("get", "service", "-n", "kube-system", "kube-dns", "-o", "jsonpath={.spec.clusterIP}")
    ask = ["/kind/pytest-kind/pod-dns", server, "kubernetes.default.svc.cluster.local", "2"]
    with kind_cluster.dns_down(), pytest.raises(CommandError, match=r"no answer|refused"):
        kind_cluster.nodes[1].exec(*ask)
    kind_cluster.nodes[1].exec(*ask)


def test_certificates_and_one_that_has_expired(kind_cluster: KindCluster) -> None:
    found = {one.name: one for one in kind_cluster.certificates()}
    assert {"admin.conf", "apiserver", "ca", "etcd-server"} <= {*found}
    assert found["apiserver"].authority == "ca"
    assert datetime.now(UTC) + timedelta(days=300) < found["apiserver"].expires < found["ca"].expires
    logs = ["logs", "-n", "kube-system", "daemonset/kube-proxy", "--tail=1"]
    with kind_cluster.expired("apiserver-kubelet-client"), pytest.raises(CommandError, match="You must be logged in to the server"):
        kind_cluster.kubectl(*logs)
    kind_cluster.kubectl(*logs)


FULL: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "writer"},
    "spec": {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "writer",
                "image": mesh.BUSYBOX,
                "command": ["sh", "-c", "cat /data/before; head -c 1048576 /dev/zero >/data/fits && dd if=/dev/zero of=/data/more bs=1M count=64"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        "volumes": [{"name": "data", "hostPath": {"path": "/srv/data"}}],
    },
}


def test_a_full_disk_takes_what_is_left_and_no_more(kind_cluster: KindCluster, kind_namespace: str) -> None:
    worker = kind_cluster.nodes[1]
    worker.exec("sh", "-c", "mkdir -p /srv/data && echo here before >/srv/data/before")
    pod = {**FULL, "spec": {**FULL["spec"], "nodeName": worker.name}}
    with worker.disk_full("/srv/data", leave="10Mi"):
        kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=json.dumps(pod))
        kind_cluster.kubectl("wait", "-n", kind_namespace, "pod/writer", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
        said = kind_cluster.kubectl("logs", "-n", kind_namespace, "writer")
        assert "here before" in said
        assert "No space left on device" in said
        sizes = worker.exec("stat", "-c", "%s", "/srv/data/fits", "/srv/data/more").split()
        assert sum(map(int, sizes)) <= 10 << 20
    assert worker.exec("ls", "/srv/data").split() == ["before"]
    assert "pytest-kind-full" not in worker.exec("cat", "/proc/self/mounts")


def test_a_kubelet_that_is_short_of_disk_says_so_and_takes_no_pods(kind_cluster: KindCluster, kind_namespace: str) -> None:
    worker = kind_cluster.nodes[2]
    images = worker.exec("ctr", "--namespace", "k8s.io", "images", "list", "--quiet")
    with worker.disk_pressure():
        assert condition(kind_cluster, worker, "DiskPressure") == "True"
        assert "node.kubernetes.io/disk-pressure" in kind_cluster.kubectl("get", "node", worker.name, "-o", "jsonpath={.spec.taints[*].key}")
        kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=PINNED.format(image=mesh.BUSYBOX, node=worker.name))

        def unscheduled() -> bool:
            # One that is scheduled a moment before the scheduler hears of the taint is refused by the kubelet, and another one is made.
            pods = json.loads(kind_cluster.kubectl("get", "pods", "-n", kind_namespace, "-o", "json"))["items"]
            said = [(one["type"], one["status"]) for pod in pods for one in pod["status"].get("conditions", ())]
            return ("PodScheduled", "False") in said and all(pod["status"]["phase"] != "Running" for pod in pods)

        until("a pod that nobody takes", unscheduled)
    assert condition(kind_cluster, worker, "DiskPressure") == "False"
    assert kind_cluster.kubectl("get", "node", worker.name, "-o", "jsonpath={.spec.taints[*].key}") == ""
    kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "deployment/waits", "--timeout=60s")
    assert worker.exec("ctr", "--namespace", "k8s.io", "images", "list", "--quiet") == images


def test_a_slow_network_takes_a_kernel_that_has_it(kind_cluster: KindCluster) -> None:
    worker = kind_cluster.nodes[1]
    try:
        with worker.slow(delay=0.2):
            begin = time.monotonic()
            assert reaches(worker, address_of(kind_cluster, kind_cluster.nodes[0]))
            assert time.monotonic() - begin > 0.2
    except UsageError as error:
        assert "has no netem (module sch_netem, CONFIG_NET_SCH_NETEM)" in str(error)  # noqa: PT017 - what this kernel says
    assert "netem" not in worker.exec("tc", "qdisc", "show")
