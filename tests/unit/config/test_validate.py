"""The rules across fields: each has its message, and all speak at once."""

from __future__ import annotations

import pytest

from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping
from pytest_kind.config.validate import problems


def with_node(node: Node) -> ClusterConfig:
    return ClusterConfig(nodes=(node,))


def with_ports(*ports: PortMapping) -> ClusterConfig:
    return with_node(Node(extra_port_mappings=ports))


def test_the_default_cluster_has_no_problem() -> None:
    assert problems(ClusterConfig()) == []


@pytest.mark.parametrize(
    "config",
    [
        with_node(Node(labels={"a": "", "example.com/a_b.c": "x" * 63, "x" * 63: "1"})),
        with_ports(PortMapping(container_port=1, host_port=0), PortMapping(container_port=65535, host_port=65535)),
        with_ports(PortMapping(container_port=80), PortMapping(container_port=81)),
        with_ports(PortMapping(container_port=80, host_port=80), PortMapping(container_port=80, host_port=80, protocol="UDP")),
        with_ports(PortMapping(container_port=80, host_port=80), PortMapping(container_port=80, host_port=80, listen_address="0.0.0.0")),  # noqa: S104
        ClusterConfig(networking=Networking(pod_subnet="10.1.2.0/24", service_subnet="10.2.0.0/28", api_server_address="::1")),
        ClusterConfig(networking=Networking(service_subnet="10.96.0.0/12")),
        ClusterConfig(kubeadm_config_patches=("kind: ClusterConfiguration\napiServer: {}",)),
    ],
)
def test_what_is_just_inside_the_rules_passes(config: ClusterConfig) -> None:
    assert problems(config) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            ClusterConfig(name="Bad"),
            "name: 'Bad' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
        ),
        (ClusterConfig(nodes=()), "nodes: this version makes clusters of one control-plane node, found 0 nodes: none"),
        (
            ClusterConfig(nodes=(Node(), Node(role="worker"))),
            "nodes: this version makes clusters of one control-plane node, found 2 nodes: control-plane, worker",
        ),
        (with_node(Node(role="worker")), "nodes: this version makes clusters of one control-plane node, found 1 nodes: worker"),
        (with_node(Node(labels={"a b": "c"})), "nodes[0].labels: 'a b' is no label key"),
        (with_node(Node(labels={"": "c"})), "nodes[0].labels: '' is no label key"),
        (with_node(Node(labels={"a": "b c"})), "nodes[0].labels.a: 'b c' is no label value"),
        (with_node(Node(labels={"a": "x" * 64})), f"nodes[0].labels.a: '{'x' * 64}' is no label value"),
        (with_ports(PortMapping(container_port=0)), "nodes[0].extraPortMappings[0].containerPort: must be from 1 to 65535, found 0"),
        (with_ports(PortMapping(container_port=65536)), "nodes[0].extraPortMappings[0].containerPort: must be from 1 to 65535, found 65536"),
        (
            with_ports(PortMapping(container_port=1, host_port=-1)),
            "nodes[0].extraPortMappings[0].hostPort: must be from 0 (the engine chooses) to 65535, found -1",
        ),
        (
            with_ports(PortMapping(container_port=1, listen_address="localhost")),
            "nodes[0].extraPortMappings[0].listenAddress: 'localhost' is no IP address",
        ),
        (
            with_ports(PortMapping(container_port=1, host_port=80), PortMapping(container_port=2, host_port=80)),
            "nodes[0].extraPortMappings[1].hostPort: 80/TCP is taken by extraPortMappings[0]",
        ),
        (
            with_node(Node(extra_mounts=(Mount(host_path="data", container_path="/mnt"),))),
            "nodes[0].extraMounts[0].hostPath: must be absolute, found 'data'",
        ),
        (
            with_node(Node(extra_mounts=(Mount(host_path="/data", container_path="mnt"),))),
            "nodes[0].extraMounts[0].containerPath: must be absolute, found 'mnt'",
        ),
        (with_node(Node(kubeadm_config_patches=("[",))), None),
        (
            with_node(Node(kubeadm_config_patches=("a: b",))),
            "nodes[0].kubeadmConfigPatches[0]: must be a mapping with a `kind` (such as ClusterConfiguration)",
        ),
        (
            ClusterConfig(kubeadm_config_patches=("kind: ClusterConfiguration", "text")),
            "kubeadmConfigPatches[1]: must be a mapping with a `kind` (such as ClusterConfiguration)",
        ),
        (
            ClusterConfig(networking=Networking(pod_subnet="10.244.0.1/16")),
            "networking.podSubnet: 10.244.0.1/16 has host bits set",
        ),
        (ClusterConfig(networking=Networking(service_subnet="fd00::/108")), None),
        (
            ClusterConfig(networking=Networking(pod_subnet="10.96.0.0/12")),
            "networking.podSubnet: 10.96.0.0/12 overlaps serviceSubnet 10.96.0.0/16",
        ),
        (
            ClusterConfig(networking=Networking(pod_subnet="10.1.2.0/25")),
            "networking.podSubnet: must be /24 or larger, found 10.1.2.0/25",
        ),
        (
            ClusterConfig(networking=Networking(service_subnet="10.0.0.0/11")),
            "networking.serviceSubnet: must be from /12 to /28, found 10.0.0.0/11",
        ),
        (
            ClusterConfig(networking=Networking(service_subnet="10.0.0.0/29")),
            "networking.serviceSubnet: must be from /12 to /28, found 10.0.0.0/29",
        ),
        (ClusterConfig(networking=Networking(api_server_address="here")), "networking.apiServerAddress: 'here' is no IP address"),
        (
            ClusterConfig(networking=Networking(api_server_port=65536)),
            "networking.apiServerPort: must be from 0 (the engine chooses) to 65535, found 65536",
        ),
    ],
)
def test_each_rule_names_the_field_and_what_it_found(config: ClusterConfig, problem: str | None) -> None:
    found = problems(config)
    assert len(found) == 1
    if problem is not None:
        assert found == [problem]


@pytest.mark.parametrize("text", ["[", "a: 2024-13-45", "a: !!timestamp x"])
def test_a_patch_that_is_no_yaml_is_one_problem_in_one_line(text: str) -> None:
    (problem,) = problems(ClusterConfig(kubeadm_config_patches=(text,)))
    assert problem.startswith("kubeadmConfigPatches[0]: is no YAML: ")
    assert "\n" not in problem


def test_problems_of_all_fields_come_at_once() -> None:
    config = ClusterConfig(
        name="-",
        nodes=(Node(labels={"?": "?"}), Node(role="worker", extra_mounts=(Mount(host_path="a", container_path="b"),))),
        networking=Networking(pod_subnet="x", service_subnet="y", api_server_address="z", api_server_port=-1),
        kubeadm_config_patches=("1",),
    )
    assert [problem.split(":")[0] for problem in problems(config)] == [
        "name",
        "nodes",
        "nodes[0].labels",
        "nodes[0].labels.?",
        "nodes[1].extraMounts[0].hostPath",
        "nodes[1].extraMounts[0].containerPath",
        "networking.podSubnet",
        "networking.serviceSubnet",
        "networking.apiServerAddress",
        "networking.apiServerPort",
        "kubeadmConfigPatches[0]",
    ]
