"""kubeadm's documents: what they say, and how patches change them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from pytest_kind.boot.kubeadm import NodeFacts, init_documents
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import ConfigError

KINDS = ["ClusterConfiguration", "InitConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"]


def documents(facts: NodeFacts, config: ClusterConfig | None = None) -> dict[str, Any]:
    config = config or ClusterConfig()
    return {document["kind"]: document for document in yaml.safe_load_all(init_documents(config, config.nodes[0], facts))}


def arguments(values: list[dict[str, str]]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in values}


def test_the_documents_and_their_versions(facts: NodeFacts) -> None:
    assert [(kind, document["apiVersion"]) for kind, document in documents(facts).items()] == [
        ("ClusterConfiguration", "kubeadm.k8s.io/v1beta4"),
        ("InitConfiguration", "kubeadm.k8s.io/v1beta4"),
        ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1"),
        ("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1"),
    ]


def test_the_cluster_document(facts: NodeFacts) -> None:
    found = documents(facts)["ClusterConfiguration"]
    assert found["clusterName"] == "c"
    assert found["kubernetesVersion"] == "v1.37.1"
    assert found["controlPlaneEndpoint"] == "c-control-plane:6443"
    assert found["apiServer"]["certSANs"] == ["localhost", "127.0.0.1"]
    assert found["apiServer"]["extraArgs"] == []
    assert found["networking"] == {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/16"}
    assert arguments(found["controllerManager"]["extraArgs"]) == {
        "enable-hostpath-provisioner": "true",
        "leader-elect": "false",
        "kube-api-qps": "1000",
        "kube-api-burst": "2000",
    }
    assert arguments(found["scheduler"]["extraArgs"]) == {"leader-elect": "false", "kube-api-qps": "1000", "kube-api-burst": "2000"}


def test_etcd_waits_for_the_disk_only_when_the_cluster_is_kept(facts: NodeFacts) -> None:
    def etcd(durable: bool) -> dict[str, str]:
        return arguments(documents(replace(facts, durable=durable))["ClusterConfiguration"]["etcd"]["local"]["extraArgs"])

    assert etcd(durable=False) == {"heartbeat-interval": "20", "election-timeout": "100", "unsafe-no-fsync": "true"}
    assert etcd(durable=True) == {"heartbeat-interval": "20", "election-timeout": "100"}


def test_the_init_document(facts: NodeFacts) -> None:
    found = documents(facts)["InitConfiguration"]
    assert found["bootstrapTokens"] == [{"token": "abcdef.0123456789abcdef"}]
    assert found["localAPIEndpoint"] == {"advertiseAddress": "198.19.255.1", "bindPort": 6443}
    assert found["nodeRegistration"] == {
        "name": "c-control-plane",
        "criSocket": "unix:///run/containerd/containerd.sock",
        "taints": [],
        "kubeletExtraArgs": [
            {"name": "node-ip", "value": "198.19.255.1"},
            {"name": "provider-id", "value": "kind://docker/c/c-control-plane"},
        ],
    }
    assert found["skipPhases"] == ["preflight"]


def test_the_configuration_reaches_every_document(facts: NodeFacts) -> None:
    config = ClusterConfig(
        nodes=(Node(labels={"b": "2", "a": "1"}),),
        networking=Networking(pod_subnet="10.1.0.0/16", service_subnet="10.2.0.0/16", kube_proxy_mode="nftables"),
        feature_gates={"B": False, "A": True},
        runtime_config={"batch/v2": "true", "api/alpha": "false"},
    )
    found = documents(facts, config)
    cluster = found["ClusterConfiguration"]
    assert cluster["networking"] == {"podSubnet": "10.1.0.0/16", "serviceSubnet": "10.2.0.0/16"}
    assert arguments(cluster["apiServer"]["extraArgs"]) == {"runtime-config": "api/alpha=false,batch/v2=true", "feature-gates": "A=true,B=false"}
    assert arguments(cluster["controllerManager"]["extraArgs"])["feature-gates"] == "A=true,B=false"
    assert arguments(cluster["scheduler"]["extraArgs"])["feature-gates"] == "A=true,B=false"
    assert arguments(found["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"])["node-labels"] == "a=1,b=2"
    assert found["KubeletConfiguration"]["featureGates"] == {"A": True, "B": False}
    assert found["KubeProxyConfiguration"]["featureGates"] == {"A": True, "B": False}
    assert found["KubeProxyConfiguration"]["mode"] == "nftables"


def test_the_kubelet_leaves_the_hosts_disk_and_swap_alone(facts: NodeFacts) -> None:
    found = documents(facts)["KubeletConfiguration"]
    assert found["failSwapOn"] is False
    assert found["imageGCHighThresholdPercent"] == 100
    assert found["evictionHard"] == {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_changes_the_document_of_its_kind_alone(facts: NodeFacts, kind: str) -> None:
    before = documents(facts)
    after = documents(facts, ClusterConfig(kubeadm_config_patches=(f"kind: {kind}\napiVersion: any/v1\nfresh: {{deep: 1}}",)))
    assert after.pop(kind) == {**before.pop(kind), "fresh": {"deep": 1}}
    assert after == before


def test_a_patch_merges_mappings_replaces_lists_and_removes_what_is_null(facts: NodeFacts) -> None:
    patch = """
        kind: KubeletConfiguration
        evictionHard: {nodefs.available: 5%, imagefs.available: null}
        failSwapOn: null
        clusterDNS: [10.0.0.10]
    """
    found = documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))["KubeletConfiguration"]
    assert found["evictionHard"] == {"nodefs.available": "5%", "nodefs.inodesFree": "0%"}
    assert found["clusterDNS"] == ["10.0.0.10"]
    assert "failSwapOn" not in found


@pytest.mark.parametrize(
    "arguments_of_patch",
    [
        "{v: 4, leader-elect: 'true', kube-api-qps: null}",
        "[{name: v, value: 4}, {name: leader-elect, value: 'true'}, {name: kube-api-qps, value: null}]",
    ],
    ids=["mapping", "list"],
)
def test_arguments_are_added_to_by_name_in_either_form(facts: NodeFacts, arguments_of_patch: str) -> None:
    patch = f"kind: ClusterConfiguration\nscheduler: {{extraArgs: {arguments_of_patch}}}"
    found = documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))["ClusterConfiguration"]["scheduler"]["extraArgs"]
    assert found == [
        {"name": "leader-elect", "value": "true"},
        {"name": "kube-api-burst", "value": "2000"},
        {"name": "v", "value": "4"},
    ]


def test_kubelet_arguments_are_added_to_by_name_too(facts: NodeFacts) -> None:
    patch = "kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: {v: 2}}"
    found = documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"]
    assert arguments(found) == {"node-ip": "198.19.255.1", "provider-id": "kind://docker/c/c-control-plane", "v": "2"}


def test_a_nodes_patch_comes_after_the_clusters(facts: NodeFacts) -> None:
    config = ClusterConfig(
        kubeadm_config_patches=("kind: KubeletConfiguration\nmaxPods: 1", "kind: KubeletConfiguration\nmaxPods: 2"),
        nodes=(Node(kubeadm_config_patches=("kind: KubeletConfiguration\nmaxPods: 3",)),),
    )
    assert documents(facts, config)["KubeletConfiguration"]["maxPods"] == 3


def test_a_patch_for_nodes_that_join_is_no_error(facts: NodeFacts) -> None:
    assert documents(facts, ClusterConfig(kubeadm_config_patches=("kind: JoinConfiguration\na: b",))) == documents(facts)


def test_patches_that_fit_nothing_are_refused_all_at_once(facts: NodeFacts) -> None:
    config = ClusterConfig(kubeadm_config_patches=("kind: Pod", "kind: InitConfiguration", "kind: Service"))
    with pytest.raises(ConfigError) as caught:
        documents(facts, config)
    assert caught.value.problems == tuple(
        f"kubeadmConfigPatches[{index}]: matches nothing: kind '{kind}' is none of {', '.join(KINDS)}" for index, kind in ((0, "Pod"), (2, "Service"))
    )


def test_a_nodes_patch_that_fits_nothing_names_the_node(facts: NodeFacts) -> None:
    with pytest.raises(ConfigError, match=r"nodes\[0\]\.kubeadmConfigPatches\[0\]: matches nothing"):
        documents(facts, ClusterConfig(nodes=(Node(kubeadm_config_patches=("kind: Pod",)),)))


@pytest.mark.parametrize("wrong", ["[1]", "[{name: v}]", "text", "7"])
def test_arguments_without_names_are_refused(facts: NodeFacts, wrong: str) -> None:
    patch = f"kind: ClusterConfiguration\napiServer: {{extraArgs: {wrong}}}"
    with pytest.raises(ConfigError) as caught:
        documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))
    assert caught.value.problems == ("kubeadmConfigPatches[0]: arguments must be a mapping, or a list of `name` and `value`",)
