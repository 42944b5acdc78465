"""The defaults that are promised, and the digest that decides whether a kept cluster fits."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping


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
            },
        ),
        "networking": {
            "pod_subnet": "10.244.0.0/16",
            "service_subnet": "10.96.0.0/16",
            "api_server_address": "127.0.0.1",
            "api_server_port": 0,
            "kube_proxy_mode": "iptables",
        },
        "feature_gates": {},
        "runtime_config": {},
        "kubeadm_config_patches": (),
    }


def test_every_default_of_a_mount() -> None:
    assert asdict(Mount(host_path="/a", container_path="/b")) == {
        "host_path": "/a",
        "container_path": "/b",
        "read_only": False,
        "propagation": "None",
    }


def test_every_default_of_a_port_mapping() -> None:
    assert asdict(PortMapping(container_port=80)) == {"container_port": 80, "host_port": 0, "listen_address": "127.0.0.1", "protocol": "TCP"}


def test_equal_configurations_have_equal_digests_whatever_the_name() -> None:
    assert ClusterConfig().digest == ClusterConfig(name="other").digest
    assert ClusterConfig(feature_gates={"A": True, "B": False}).digest == ClusterConfig(feature_gates={"B": False, "A": True}).digest
    assert len(ClusterConfig().digest) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": (Node(labels={"a": "b"}),)},
        {"nodes": (Node(image="other"),)},
        {"nodes": (Node(extra_port_mappings=(PortMapping(container_port=80),)),)},
        {"nodes": (Node(extra_mounts=(Mount(host_path="/a", container_path="/b"),)),)},
        {"networking": Networking(pod_subnet="10.1.0.0/16")},
        {"feature_gates": {"A": True}},
        {"runtime_config": {"api/all": "true"}},
        {"kubeadm_config_patches": ("kind: ClusterConfiguration",)},
    ],
)
def test_every_field_but_the_name_changes_the_digest(change: dict[str, object]) -> None:
    assert replace(ClusterConfig(), **change).digest != ClusterConfig().digest  # type: ignore[arg-type]
