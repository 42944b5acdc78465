"""kubeadm's documents: what they say, and how patches change them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from pytest_kind.boot.kubeadm import ClusterFacts, check_patches, init_documents, initial_documents, join_documents, uncopied
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import ConfigError
from pytest_kind.provision.places import machines
from support.clusters import LINK, config_of, facts_of

KINDS = ["ClusterConfiguration", "InitConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"]
KNOWN = ", ".join([*KINDS[:2], "JoinConfiguration", *KINDS[2:]])


def documents(facts: ClusterFacts, config: ClusterConfig | None = None) -> dict[str, Any]:
    config = config or ClusterConfig()
    return {
        document["kind"]: document for document in yaml.safe_load_all(init_documents(config, replace(facts, machines=machines(config, "c", LINK))))
    }


def arguments(values: list[dict[str, str]]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in values}


def test_the_documents_and_their_versions(facts: ClusterFacts) -> None:
    assert [(kind, document["apiVersion"]) for kind, document in documents(facts).items()] == [
        ("ClusterConfiguration", "kubeadm.k8s.io/v1beta4"),
        ("InitConfiguration", "kubeadm.k8s.io/v1beta4"),
        ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1"),
        ("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1"),
    ]


def test_the_cluster_document(facts: ClusterFacts) -> None:
    found = documents(facts)["ClusterConfiguration"]
    assert found["clusterName"] == "c"
    assert found["kubernetesVersion"] == "v1.37.1"
    assert found["controlPlaneEndpoint"] == "c-control-plane:6443"
    assert found["apiServer"]["certSANs"] == ["localhost", "198.19.255.1", "127.0.0.1"]
    assert arguments(found["apiServer"]["extraArgs"]) == {"permit-port-sharing": "true"}  # while its port is held for it
    assert found["networking"] == {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/16"}
    assert arguments(found["controllerManager"]["extraArgs"]) == {
        "enable-hostpath-provisioner": "true",
        "leader-elect": "false",
        "kube-api-qps": "1000",
        "kube-api-burst": "2000",
    }
    assert arguments(found["scheduler"]["extraArgs"]) == {"leader-elect": "false", "kube-api-qps": "1000", "kube-api-burst": "2000"}


def test_etcd_waits_for_the_disk_only_when_the_cluster_is_kept(facts: ClusterFacts) -> None:
    def etcd(durable: bool) -> dict[str, str]:
        return arguments(documents(replace(facts, durable=durable))["ClusterConfiguration"]["etcd"]["local"]["extraArgs"])

    assert etcd(durable=False) == {"heartbeat-interval": "20", "election-timeout": "100", "unsafe-no-fsync": "true"}
    assert etcd(durable=True) == {"heartbeat-interval": "20", "election-timeout": "100"}


def test_the_init_document(facts: ClusterFacts) -> None:
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


def test_the_configuration_reaches_every_document(facts: ClusterFacts) -> None:
    config = ClusterConfig(
        nodes=(Node(labels={"b": "2", "a": "1"}),),
        networking=Networking(pod_subnet="10.1.0.0/16", service_subnet="10.2.0.0/16", kube_proxy_mode="nftables"),
        feature_gates={"B": False, "A": True},
        runtime_config={"batch/v2": "true", "api/alpha": "false"},
    )
    found = documents(facts, config)
    cluster = found["ClusterConfiguration"]
    assert cluster["networking"] == {"podSubnet": "10.1.0.0/16", "serviceSubnet": "10.2.0.0/16"}
    assert arguments(cluster["apiServer"]["extraArgs"]) == {
        "runtime-config": "api/alpha=false,batch/v2=true",
        "feature-gates": "A=true,B=false",
        "permit-port-sharing": "true",
    }
    assert arguments(cluster["controllerManager"]["extraArgs"])["feature-gates"] == "A=true,B=false"
    assert arguments(cluster["scheduler"]["extraArgs"])["feature-gates"] == "A=true,B=false"
    assert arguments(found["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"])["node-labels"] == "a=1,b=2"
    assert found["KubeletConfiguration"]["featureGates"] == {"A": True, "B": False}
    assert found["KubeProxyConfiguration"]["featureGates"] == {"A": True, "B": False}
    assert found["KubeProxyConfiguration"]["mode"] == "nftables"


def test_the_kubelet_leaves_the_hosts_disk_and_swap_alone(facts: ClusterFacts) -> None:
    found = documents(facts)["KubeletConfiguration"]
    assert found["failSwapOn"] is False
    assert found["imageGCHighThresholdPercent"] == 100
    assert found["evictionHard"] == {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"}


def test_the_kubelet_looks_after_itself_often_and_tells_of_no_change_seldom(facts: ClusterFacts) -> None:
    found = documents(facts)["KubeletConfiguration"]
    assert (found["nodeStatusUpdateFrequency"], found["nodeStatusReportFrequency"]) == ("1s", "5m")


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_changes_the_document_of_its_kind_alone(facts: ClusterFacts, kind: str) -> None:
    before = documents(facts)
    after = documents(facts, ClusterConfig(kubeadm_config_patches=(f"kind: {kind}\nfresh: {{deep: 1}}",)))
    assert after.pop(kind) == {**before.pop(kind), "fresh": {"deep": 1}}
    assert after == before


def test_a_patch_merges_mappings_replaces_lists_and_removes_what_is_null(facts: ClusterFacts) -> None:
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
def test_arguments_are_added_to_by_name_in_either_form(facts: ClusterFacts, arguments_of_patch: str) -> None:
    patch = f"kind: ClusterConfiguration\nscheduler: {{extraArgs: {arguments_of_patch}}}"
    found = documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))["ClusterConfiguration"]["scheduler"]["extraArgs"]
    assert found == [
        {"name": "leader-elect", "value": "true"},
        {"name": "kube-api-burst", "value": "2000"},
        {"name": "v", "value": "4"},
    ]


def test_kubelet_arguments_are_added_to_by_name_too(facts: ClusterFacts) -> None:
    patch = "kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: {v: 2}}"
    found = documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"]
    assert arguments(found) == {"node-ip": "198.19.255.1", "provider-id": "kind://docker/c/c-control-plane", "v": "2"}


def test_a_nodes_patch_comes_after_the_clusters(facts: ClusterFacts) -> None:
    config = ClusterConfig(
        kubeadm_config_patches=("kind: KubeletConfiguration\nmaxPods: 1", "kind: KubeletConfiguration\nmaxPods: 2"),
        nodes=(Node(kubeadm_config_patches=("kind: KubeletConfiguration\nmaxPods: 3",)),),
    )
    assert documents(facts, config)["KubeletConfiguration"]["maxPods"] == 3


def test_a_patch_for_nodes_that_join_is_no_error(facts: ClusterFacts) -> None:
    assert documents(facts, ClusterConfig(kubeadm_config_patches=("kind: JoinConfiguration\na: b",))) == documents(facts)


def test_patches_that_fit_nothing_are_refused_all_at_once(facts: ClusterFacts) -> None:
    config = ClusterConfig(kubeadm_config_patches=("kind: Pod", "kind: InitConfiguration", "kind: Service"))
    with pytest.raises(ConfigError) as caught:
        documents(facts, config)
    assert caught.value.problems == tuple(
        f"kubeadmConfigPatches[{index}]: matches nothing: kind '{kind}' is none of {KNOWN}" for index, kind in ((0, "Pod"), (2, "Service"))
    )


def test_a_nodes_patch_that_fits_nothing_names_the_node(facts: ClusterFacts) -> None:
    with pytest.raises(ConfigError, match=r"nodes\[0\]\.kubeadmConfigPatches\[0\]: matches nothing"):
        documents(facts, ClusterConfig(nodes=(Node(kubeadm_config_patches=("kind: Pod",)),)))


@pytest.mark.parametrize("wrong", ["[1]", "[{name: v}]", "text", "7"])
def test_arguments_without_names_are_refused(facts: ClusterFacts, wrong: str) -> None:
    patch = f"kind: ClusterConfiguration\napiServer: {{extraArgs: {wrong}}}"
    with pytest.raises(ConfigError) as caught:
        documents(facts, ClusterConfig(kubeadm_config_patches=(patch,)))
    said = f"arguments must be a mapping, or a list of `name` and `value`, found {yaml.safe_load(wrong)!r}"
    assert caught.value.problems == (f"kubeadmConfigPatches[0]: {said}",)


class TestJoining:
    def documents(self, config: ClusterConfig, at: int) -> dict[str, Any]:
        facts = facts_of(config)
        return {document["kind"]: document for document in yaml.safe_load_all(join_documents(config, facts, facts.machines[at]))}

    def test_a_worker(self) -> None:
        found = self.documents(ClusterConfig(nodes=(Node(), Node(role="worker", labels={"b": "2", "a": "1"}))), 1)
        assert list(found) == ["JoinConfiguration"]  # kubeadm has a joining node read the rest from the cluster
        assert found["JoinConfiguration"] == {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "JoinConfiguration",
            "discovery": {"file": {"kubeConfigPath": "/kind/pytest-kind/discovery.conf"}, "tlsBootstrapToken": "abcdef.0123456789abcdef"},
            "nodeRegistration": {
                "name": "c-worker",
                "criSocket": "unix:///run/containerd/containerd.sock",
                "kubeletExtraArgs": [
                    {"name": "node-ip", "value": "198.19.255.2"},
                    {"name": "provider-id", "value": "kind://docker/c/c-worker"},
                    {"name": "node-labels", "value": "a=1,b=2"},
                ],
            },
            "skipPhases": ["preflight"],
        }

    def test_a_control_plane_says_where_its_own_api_is(self) -> None:
        found = self.documents(config_of(2), 1)["JoinConfiguration"]
        assert found["controlPlane"] == {"localAPIEndpoint": {"advertiseAddress": "198.19.255.2", "bindPort": 6443}}

    def test_patches_are_for_it_as_well_and_its_own_come_last(self) -> None:
        patch = "kind: JoinConfiguration\nnodeRegistration: {{kubeletExtraArgs: {}}}"
        config = ClusterConfig(
            kubeadm_config_patches=(patch.format("{v: 2, w: 2}"),),
            nodes=(Node(), Node(role="worker", kubeadm_config_patches=(patch.format("{w: 3}"),))),
        )
        found = arguments(self.documents(config, 1)["JoinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"])
        assert (found["v"], found["w"]) == ("2", "3")

    def test_one_that_joins_later_has_its_own_patches_and_the_clusters(self) -> None:
        patch = "kind: JoinConfiguration\nnodeRegistration: {{kubeletExtraArgs: {{{}: 1}}}}"
        config = replace(config_of(1, 1), kubeadm_config_patches=(patch.format("v"),))
        facts, late = facts_of(config), Node(role="worker", kubeadm_config_patches=(patch.format("w"),))
        machine = replace(facts.machines[1], node=late, index=None)
        (found,) = yaml.safe_load_all(join_documents(config, facts, machine))
        assert {"v", "w"} <= arguments(found["nodeRegistration"]["kubeletExtraArgs"]).keys()


class TestInitial:
    """Another control plane that a cluster begins with."""

    def documents(self, config: ClusterConfig, at: int = 1) -> dict[str, Any]:
        facts = facts_of(config)
        return {document["kind"]: document for document in yaml.safe_load_all(initial_documents(config, facts, facts.machines[at]))}

    def test_it_has_the_first_ones_documents_and_a_place_of_its_own(self) -> None:
        first, found = documents(facts_of(config_of(2)), config_of(2)), self.documents(config_of(2))
        own = found["InitConfiguration"]
        assert {kind: one for kind, one in found.items() if kind != "InitConfiguration"} == {
            kind: one for kind, one in first.items() if kind != "InitConfiguration"
        }
        assert own["localAPIEndpoint"] == {"advertiseAddress": "198.19.255.2", "bindPort": 6443}
        assert own["nodeRegistration"]["name"] == "c-control-plane2"
        assert {name: own[name] for name in ("bootstrapTokens", "skipPhases")} == {
            name: first["InitConfiguration"][name] for name in ("bootstrapTokens", "skipPhases")
        }

    def test_what_patches_make_of_its_joining_is_its_own(self) -> None:
        patch = "kind: {}\nnodeRegistration: {{kubeletExtraArgs: {{{}: {}}}}}"
        config = ClusterConfig(
            kubeadm_config_patches=(patch.format("JoinConfiguration", "v", "2"), patch.format("InitConfiguration", "first", "1")),
            nodes=(
                Node(),
                Node(kubeadm_config_patches=(patch.format("JoinConfiguration", "w", "3"), "kind: JoinConfiguration\npatches: {directory: /p}")),
            ),
        )
        found = self.documents(config)["InitConfiguration"]
        given = arguments(found["nodeRegistration"]["kubeletExtraArgs"])
        assert (given["v"], given["w"], found["patches"]) == ("2", "3", {"directory": "/p"})
        assert "first" not in given

    def test_as_one_that_joins_it_takes_the_clusters_settings_from_the_first(self) -> None:
        patch = "kind: KubeletConfiguration\nmaxPods: {}"
        config = ClusterConfig(nodes=(Node(kubeadm_config_patches=(patch.format(11),)), Node(kubeadm_config_patches=(patch.format(22),))))
        assert self.documents(config)["KubeletConfiguration"]["maxPods"] == 11


class TestSeveral:
    @pytest.mark.parametrize(("config", "tainted"), [(config_of(1), False), (config_of(1, 1), True), (config_of(2), True)])
    def test_only_a_single_node_is_for_everything(self, config: ClusterConfig, tainted: bool) -> None:
        found = documents(facts_of(config), config)["InitConfiguration"]["nodeRegistration"]
        assert ("taints" not in found) is tainted

    def test_control_planes_are_reached_through_the_load_balancer(self) -> None:
        found = documents(facts_of(config_of(3, 2)), config_of(3, 2))["ClusterConfiguration"]
        assert found["controlPlaneEndpoint"] == "c-external-load-balancer:6443"
        assert found["apiServer"]["certSANs"] == ["localhost", "198.19.255.254", "127.0.0.1"]

    def test_of_several_control_planes_one_leads_and_etcd_keeps_to_its_defaults(self) -> None:
        found = documents(facts_of(config_of(2)), config_of(2))["ClusterConfiguration"]
        assert arguments(found["scheduler"]["extraArgs"])["leader-elect"] == "true"
        assert arguments(found["controllerManager"]["extraArgs"])["leader-elect"] == "true"
        assert arguments(found["etcd"]["local"]["extraArgs"]) == {"unsafe-no-fsync": "true"}

    def test_workers_change_nothing_of_that(self) -> None:
        found = documents(facts_of(config_of(1, 2)), config_of(1, 2))["ClusterConfiguration"]
        assert found["controlPlaneEndpoint"] == "c-control-plane:6443"
        assert arguments(found["scheduler"]["extraArgs"])["leader-elect"] == "false"


class TestFamilies:
    def documents(self, family: str, **more: Any) -> dict[str, Any]:
        config = ClusterConfig(networking=Networking(ip_family=family, **more))  # type: ignore[arg-type]
        return documents(facts_of(config), config)

    @pytest.mark.parametrize(
        ("family", "pods", "services", "node", "advertised", "ports"),
        [
            ("ipv4", "10.244.0.0/16", "10.96.0.0/16", "198.19.255.1", "198.19.255.1", ["0.0.0.0/0"]),
            ("ipv6", "fd00:10:244::/56", "fd00:10:96::/112", "fd00:198:19:255::1", "fd00:198:19:255::1", ["::/0"]),
            (
                "dual",
                "10.244.0.0/16,fd00:10:244::/56",
                "10.96.0.0/16,fd00:10:96::/112",
                "198.19.255.1,fd00:198:19:255::1",
                "198.19.255.1",
                ["0.0.0.0/0", "::/0"],
            ),
        ],
    )
    def test_networks_and_addresses(self, family: str, pods: str, services: str, node: str, advertised: str, ports: list[str]) -> None:
        found = self.documents(family)
        assert found["ClusterConfiguration"]["networking"] == {"podSubnet": pods, "serviceSubnet": services}
        assert found["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"] == advertised
        assert arguments(found["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"])["node-ip"] == node
        assert found["KubeProxyConfiguration"]["nodePortAddresses"] == ports

    def test_an_ipv6_kubelet_listens_there(self) -> None:
        assert self.documents("ipv6")["KubeletConfiguration"]["address"] == "::"
        assert self.documents("ipv6")["KubeletConfiguration"]["healthzBindAddress"] == "::"
        assert "address" not in self.documents("ipv4")["KubeletConfiguration"]
        assert "address" not in self.documents("dual")["KubeletConfiguration"]

    def test_the_certificate_is_for_every_address(self) -> None:
        names = self.documents("dual")["ClusterConfiguration"]["apiServer"]["certSANs"]
        assert names == ["localhost", "198.19.255.1", "fd00:198:19:255::1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("mode", "kubeadms", "liberal"),
    [("iptables", "iptables", False), ("ipvs", "ipvs", False), ("nftables", "nftables", True), ("none", "iptables", False)],
)
def test_each_mode_of_kube_proxy(mode: str, kubeadms: str, liberal: bool) -> None:
    config = ClusterConfig(networking=Networking(kube_proxy_mode=mode))  # type: ignore[arg-type]
    found = documents(facts_of(config), config)["KubeProxyConfiguration"]
    assert found["mode"] == kubeadms
    assert found["conntrack"] == {"maxPerCore": 0, **({"tcpBeLiberal": True} if liberal else {})}


class TestUncopied:
    """What a copy of the cluster would not have."""

    @pytest.mark.parametrize(
        "patch", ["kind: InitConfiguration", "kind: ClusterConfiguration\napiServer: null", "kind: InitConfiguration\npatches: odd"]
    )
    def test_most_clusters_can_be_copied(self, patch: str) -> None:
        config = replace(config_of(1, 1), kubeadm_config_patches=(patch,))
        assert uncopied(config, facts_of(config)) is None

    @pytest.mark.parametrize("kind", ["InitConfiguration", "JoinConfiguration"])
    def test_a_folder_of_patches(self, kind: str) -> None:
        config = replace(config_of(2), kubeadm_config_patches=(f"kind: {kind}\npatches: {{directory: /patches}}",))
        assert "a folder of its nodes, /patches," in str(uncopied(config, facts_of(config)))

    @pytest.mark.parametrize("arguments", ["{encryption-provider-config: /e.yaml}", "[{name: encryption-provider-config, value: /e.yaml}]"])
    def test_encryption_at_rest(self, arguments: str) -> None:
        config = ClusterConfig(kubeadm_config_patches=(f"kind: ClusterConfiguration\napiServer: {{extraArgs: {arguments}}}",))
        assert "--encryption-provider-config" in str(uncopied(config, facts_of(config)))


class TestCheckingPatches:
    """All of them, of every node, before anything is made."""

    def test_those_that_fit_are_fine(self) -> None:
        config = replace(config_of(2, 1), kubeadm_config_patches=("kind: JoinConfiguration\na: b", "kind: KubeletConfiguration\na: b"))
        check_patches(config, facts_of(config))

    def test_of_every_node_at_once(self) -> None:
        config = ClusterConfig(
            kubeadm_config_patches=("kind: Pod",),
            nodes=(Node(), Node(role="worker", kubeadm_config_patches=("kind: Service",)), Node(role="worker")),
        )
        with pytest.raises(ConfigError) as caught:
            check_patches(config, facts_of(config))
        found = [problem.split(":")[0] for problem in caught.value.problems]
        assert "kubeadmConfigPatches[0]" in found
        assert "nodes[1].kubeadmConfigPatches[0]" in found

    def test_one_for_the_first_node_alone_is_no_error_of_others(self) -> None:
        config = replace(config_of(1, 1), kubeadm_config_patches=("kind: ClusterConfiguration\na: b", "kind: InitConfiguration\nc: d"))
        check_patches(config, facts_of(config))
