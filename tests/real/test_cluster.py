"""A default cluster, as its users and its own kubectl see it. All tests here share one."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from kubernetes.client import ApiClient, CoreV1Api, StorageV1Api, VersionApi

from pytest_kind import labels
from pytest_kind.image.inputs import read_inputs
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_kind import KindCluster

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"


def test_kubectl_on_the_node_and_the_client_agree(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    wanted = read_inputs("amd64").kubernetes
    versions = json.loads(kind_cluster.kubectl("version", "-o", "json"))
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"] == wanted
    assert VersionApi(kind_client).get_code().git_version == wanted
    node = CoreV1Api(kind_client).list_node().items[0]
    assert node.status.node_info.kubelet_version == wanted
    assert {one.type: one.status for one in node.status.conditions}["Ready"] == "True"
    assert "Ready" in kind_cluster.kubectl("get", "nodes")


def test_the_node_is_a_control_plane_that_takes_pods(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    node = CoreV1Api(kind_client).read_node(kind_cluster.nodes[0].name)
    assert node.metadata.name == f"{kind_cluster.name}-control-plane"
    assert "node-role.kubernetes.io/control-plane" in node.metadata.labels
    assert not node.spec.taints
    assert node.spec.provider_id == f"kind://docker/{kind_cluster.name}/{node.metadata.name}"
    assert "node.kubernetes.io/exclude-from-external-load-balancers" not in node.metadata.labels


def test_dns_answers_pods_and_is_ready(kind_cluster: KindCluster, kind_namespace: str) -> None:
    script = "nslookup kubernetes.default.svc.cluster.local && nslookup kubernetes.default.svc.cluster.local | grep -q 10.96.0.1"
    kind_cluster.kubectl("run", "asker", "-n", kind_namespace, f"--image={BUSYBOX}", "--restart=Never", "--", "sh", "-c", script)
    kind_cluster.kubectl("wait", "-n", kind_namespace, "pod/asker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    kind_cluster.wait_for("deployment/coredns", "{.status.readyReplicas}=1", namespace="kube-system")  # which the API says later


def test_the_first_pods_did_not_have_to_restart(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    pods = CoreV1Api(kind_client).list_pod_for_all_namespaces(label_selector="k8s-app in (kube-dns, kube-proxy)").items
    pods += CoreV1Api(kind_client).list_namespaced_pod("local-path-storage").items
    assert len(pods) == 3
    # A copy's ran in the cluster that was frozen, but the provisioner, which begins when DNS has answered (boot/node/ipam).
    ran = {"kube-system"} if "keys" in dict(kind_cluster.phases) else set()
    assert {
        pod.metadata.name: [one.restart_count for one in pod.status.container_statuses or []] for pod in pods if pod.status.container_statuses
    } == {pod.metadata.name: [int(pod.metadata.namespace in ran)] for pod in pods}


# In the place of the plugin: notes which way there still is to an address in the moment before that is given back.
WATCHED_PTP = r"""#!/bin/bash
if [ "$CNI_COMMAND" = DEL ] && [[ "$CNI_CONTAINERID" = pytest-kind-probe* ]]; then
  address=$(grep -l "$CNI_CONTAINERID" /run/cni-ipam/pytest-kind/10.*)
  echo "${address##*/} $(ip route show "${address##*/}")" >/run/given-back
fi
exec /opt/cni/bin/ptp.real
"""


def test_nothing_of_our_probe_is_left_when_its_address_is_a_pods_to_have(kind_cluster: KindCluster) -> None:
    node = kind_cluster.nodes[0]
    server = kind_cluster.kubectl("get", "service", "-n", "kube-system", "kube-dns", "-o", "jsonpath={.spec.clusterIP}")

    def over() -> bool | NotYet:
        return NotYet(found) if (found := node.exec("sh", "-c", "ls /run/netns | grep probe || true")) else True

    wait_for("the cluster's own probe, if it is new, is over", over, Deadline(30))
    node.exec("mv", "/opt/cni/bin/ptp", "/opt/cni/bin/ptp.real")
    try:
        node.exec(
            "sh", "-c", 'echo "$1" >/opt/cni/bin/ptp.new; chmod 755 /opt/cni/bin/ptp.new; mv /opt/cni/bin/ptp.new /opt/cni/bin/ptp', "sh", WATCHED_PTP
        )
        node.exec("/kind/pytest-kind/pod-dns", server, "kubernetes.default.svc.cluster.local", "10")
    finally:
        node.exec("mv", "/opt/cni/bin/ptp.real", "/opt/cni/bin/ptp")
    address, _, way = node.exec("cat", "/run/given-back").strip().partition(" ")
    assert address.startswith("10.244.0.")
    assert not way, "the next pod with this address would take the probe's way for its own, and lose it with the probe"


def test_nothing_is_done_twice_for_a_family_that_the_cluster_lacks(kind_cluster: KindCluster) -> None:
    said = kind_cluster.kubectl("logs", "-n", "kube-system", "daemonset/kube-proxy")
    assert '"kube-proxy running in single-stack mode" ipFamily="IPv4"' in said
    assert "::1/128" in kind_cluster.nodes[0].exec("ip", "-6", "address", "show", "dev", "lo")  # nothing is taken from anybody


def test_what_cannot_be_had_is_not_tried_twice(kind_cluster: KindCluster) -> None:
    """Kubelet and kube-proxy would wait two tenths of a second each for what only CAP_SYS_RESOURCE gives (boot/node/begin)."""
    node = kind_cluster.nodes[0]
    permitted = "(echo -999 >/proc/self/oom_score_adj) 2>/dev/null && echo -999 || cat /proc/self/oom_score_adj"
    allowed = node.exec("bash", "-c", permitted).strip()
    found = {name: node.exec("bash", "-c", f"cat /proc/$(pgrep -x {name})/oom_score_adj").strip() for name in ("kubelet", "kube-proxy")}
    assert found == {"kubelet": allowed, "kube-proxy": allowed}
    told = kind_cluster.kubectl("get", "configmap", "-n", "kube-system", "kube-proxy", "-o", "jsonpath={.data}")
    assert f"oomScoreAdj: {allowed}\\n" in told
    assert "ApplyOOMScoreAdj" not in node.exec("journalctl", "--unit", "kubelet", "--no-pager")


def test_kubeadm_finished(kind_cluster: KindCluster) -> None:
    kind_cluster.nodes[0].exec("/kind/pytest-kind/settle")
    assert "ClusterConfiguration" in kind_cluster.kubectl("get", "configmap", "-n", "kube-system", "kubeadm-config", "-o", "yaml")
    assert "kubeconfig" in kind_cluster.kubectl("get", "configmap", "-n", "kube-public", "cluster-info", "-o", "yaml")
    assert kind_cluster.nodes[0].exec("kubeadm", "token", "list", "-o", "jsonpath={.token}").strip()


def test_one_default_storage_class(kind_client: ApiClient) -> None:
    classes = StorageV1Api(kind_client).list_storage_class().items
    assert [(one.metadata.name, one.volume_binding_mode) for one in classes] == [("standard", "WaitForFirstConsumer")]
    assert classes[0].metadata.annotations["storageclass.kubernetes.io/is-default-class"] == "true"


def test_the_kubeconfig_is_private_and_speaks_to_loopback(kind_kubeconfig: Path, kind_client: ApiClient) -> None:
    assert stat.S_IMODE(kind_kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(kind_kubeconfig.parent.stat().st_mode) == 0o700
    assert "server: https://127.0.0.1:" in kind_kubeconfig.read_text(encoding="utf-8")
    assert kind_client.configuration.host.startswith("https://127.0.0.1:")


def test_a_namespace_has_its_service_account(kind_client: ApiClient, kind_namespace: str) -> None:
    assert CoreV1Api(kind_client).read_namespaced_service_account("default", kind_namespace).metadata.name == "default"


def test_no_secret_is_in_a_label_or_in_the_environment(kind_cluster: KindCluster) -> None:
    provider = docker_engine.connect()
    try:
        config = provider.inspect(kind_cluster.nodes[0].container)["Config"]
        token = kind_cluster.nodes[0].exec("kubeadm", "token", "list", "-o", "jsonpath={.token}").split()[0]
        assert token not in json.dumps(config)
        assert "BEGIN" not in json.dumps(config)
    finally:
        provider.close()


def test_kinds_own_labels_are_on_the_node(kind_cluster: KindCluster) -> None:
    provider = docker_engine.connect()
    try:
        found = provider.container(kind_cluster.nodes[0].container)
        assert found is not None
        assert found.labels["io.x-k8s.kind.cluster"] == kind_cluster.name
        assert found.labels["io.x-k8s.kind.role"] == "control-plane"
        assert labels.is_ours(found.labels)
        assert not labels.is_kept(found.labels)
        assert len(found.volumes) == 1
        assert {one.name for one in provider.volumes({labels.CLUSTER: kind_cluster.name})} == set(found.volumes)
    finally:
        provider.close()


def test_kubectl_takes_a_manifest_of_any_size(kind_cluster: KindCluster, kind_namespace: str) -> None:
    data = "x" * 300_000
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata: {{key: {data}}}\n"
    kind_cluster.kubectl("create", "-n", kind_namespace, "-f", "-", input=manifest)
    assert kind_cluster.kubectl("get", "configmap", "large", "-n", kind_namespace, "-o", "jsonpath={.data.key}") == data
    assert "input-" not in kind_cluster.nodes[0].exec("ls", "/kind")


def test_nobody_inherits_from_the_image_whose_it_is(kind_cluster: KindCluster) -> None:
    provider = docker_engine.connect()
    try:
        found = provider.container(kind_cluster.nodes[0].container)
        assert found is not None
        image = provider.image(found.image)
        assert image is not None
        assert not labels.is_ours(image.labels)
        assert not image.labels.get(labels.OWNER)
    finally:
        provider.close()
