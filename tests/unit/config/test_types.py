"""The defaults that are promised, and the digest that decides whether a kept cluster fits."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PatchJSON6902, PortMapping


def test_every_default_of_a_cluster() -> None:
    assert asdict(ClusterConfig()) == {
        "kind": "Cluster",
        "api_version": "kind.x-k8s.io/v1alpha4",
        "name": None,
        "nodes": (
            {
                "role": "control-plane",
                "image": None,
                "labels": {},
                "extra_mounts": (),
                "extra_port_mappings": (),
                "kubeadm_config_patches": (),
                "kubeadm_config_patches_json6902": (),
                "cpus": None,
                "memory": None,
            },
        ),
        "networking": {
            "ip_family": "ipv4",
            "pod_subnet": "",
            "service_subnet": "",
            "api_server_address": "127.0.0.1",
            "api_server_port": 0,
            "disable_default_cni": False,
            "kube_proxy_mode": "iptables",
            "dns_search": None,
        },
        "feature_gates": {},
        "runtime_config": {},
        "kubeadm_config_patches": (),
        "kubeadm_config_patches_json6902": (),
        "containerd_config_patches": (),
        "containerd_config_patches_json6902": (),
        "registry_mirrors": {},
        "ca_certificates": (),
        "manifests": (),
    }


def test_every_default_of_a_mount() -> None:
    assert asdict(Mount(host_path="/a", container_path="/b")) == {
        "host_path": "/a",
        "container_path": "/b",
        "read_only": False,
        "selinux_relabel": False,
        "propagation": "None",
    }


def test_every_default_of_a_port_mapping() -> None:
    assert asdict(PortMapping(container_port=80)) == {"container_port": 80, "host_port": 0, "listen_address": "127.0.0.1", "protocol": "TCP"}


def test_every_default_of_a_patch() -> None:
    assert asdict(PatchJSON6902(kind="A", patch="[]")) == {"group": "", "version": "", "kind": "A", "patch": "[]"}


@pytest.mark.parametrize(
    ("family", "pods", "services", "address"),
    [
        ("ipv4", ("10.244.0.0/16",), ("10.96.0.0/16",), "127.0.0.1"),
        ("ipv6", ("fd00:10:244::/56",), ("fd00:10:96::/112",), "::1"),
        ("dual", ("10.244.0.0/16", "fd00:10:244::/56"), ("10.96.0.0/16", "fd00:10:96::/112"), "127.0.0.1"),
    ],
)
def test_the_defaults_of_an_ip_family_are_kinds(family: str, pods: tuple[str, ...], services: tuple[str, ...], address: str) -> None:
    found = Networking(ip_family=family)  # type: ignore[arg-type]
    assert (found.pod_subnets, found.service_subnets, found.api_server_address) == (pods, services, address)


def test_subnets_are_split_at_the_comma() -> None:
    found = Networking(ip_family="dual", pod_subnet="10.1.0.0/16, fd00::/56", service_subnet="10.2.0.0/16,fd01::/112")
    assert (found.pod_subnets, found.service_subnets) == (("10.1.0.0/16", "fd00::/56"), ("10.2.0.0/16", "fd01::/112"))


def test_an_address_stands_for_its_network_as_in_kind() -> None:
    found = Networking(ip_family="dual", pod_subnet="10.1.2.3/16,fd00::1/56", service_subnet="10.2.3.4/16,nonsense")
    assert (found.pod_subnets, found.service_subnets) == (("10.1.0.0/16", "fd00::/56"), ("10.2.0.0/16", "nonsense"))


def test_kinds_minus_one_is_the_engines_choice_too() -> None:
    assert Networking(api_server_port=-1) == Networking()
    assert PortMapping(container_port=1, host_port=-1) == PortMapping(container_port=1)


@pytest.mark.parametrize(
    ("text", "count"),
    [(None, None), ("512Mi", 512 * 2**20), ("2Gi", 2**31), ("1.5Gi", 1610612736), ("1500M", 1_500_000_000), ("2147483648", 2**31), ("1k", 1000)],
)
def test_memory_in_bytes(text: str | None, count: int | None) -> None:
    assert Node(memory=text).memory_bytes == count


@pytest.mark.parametrize("text", ["", "2gi", "2 Gi", "Gi", "2GiB", "-1Gi", "1e9", "٣Gi", "1.Gi", "inf", "2Gi\n", "9" * 30])
def test_what_is_no_quantity_of_memory(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its message is the text
        _ = Node(memory=text).memory_bytes


def test_equal_configurations_have_equal_digests_whatever_the_name() -> None:
    assert ClusterConfig().digest == ClusterConfig(name="other").digest
    assert ClusterConfig(feature_gates={"A": True, "B": False}).digest == ClusterConfig(feature_gates={"B": False, "A": True}).digest
    assert len(ClusterConfig().digest) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": (Node(labels={"a": "b"}),)},
        {"nodes": (Node(image="other"),)},
        {"nodes": (Node(), Node(role="worker"))},
        {"nodes": (Node(cpus=1),)},
        {"nodes": (Node(extra_port_mappings=(PortMapping(container_port=80),)),)},
        {"nodes": (Node(extra_mounts=(Mount(host_path="/a", container_path="/b"),)),)},
        {"networking": Networking(pod_subnet="10.1.0.0/16")},
        {"networking": Networking(dns_search=())},
        {"feature_gates": {"A": True}},
        {"runtime_config": {"api/all": "true"}},
        {"kubeadm_config_patches": ("kind: ClusterConfiguration",)},
        {"kubeadm_config_patches_json6902": (PatchJSON6902(kind="ClusterConfiguration", patch="[]"),)},
        {"containerd_config_patches": ("a = 1",)},
        {"containerd_config_patches_json6902": ("[]",)},
        {"registry_mirrors": {"docker.io": ("http://a",)}},
        {"ca_certificates": ("/a",)},
        {"manifests": ("/a",)},
    ],
)
def test_every_field_but_the_name_changes_the_digest(change: dict[str, object]) -> None:
    assert replace(ClusterConfig(), **change).digest != ClusterConfig().digest  # type: ignore[arg-type]
