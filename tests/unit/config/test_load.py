"""From a file or a mapping to a configuration, or to all its problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_kind.config.load import checked, from_file, from_mapping
from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping
from pytest_kind.errors import ConfigError

EVERYTHING = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: full
nodes:
- role: control-plane
  image: localhost/node:1
  labels: {tier: test, example.com/zone: a}
  extraMounts:
  - {hostPath: /data, containerPath: /mnt, readOnly: true, propagation: HostToContainer}
  extraPortMappings:
  - {containerPort: 30080, hostPort: 8080, listenAddress: "::1", protocol: UDP}
  kubeadmConfigPatches:
  - "kind: InitConfiguration"
networking:
  podSubnet: 10.1.0.0/16
  serviceSubnet: 10.2.0.0/16
  apiServerAddress: 127.0.0.2
  apiServerPort: 6443
  kubeProxyMode: nftables
featureGates: {SomeGate: true}
runtimeConfig: {api/alpha: "false"}
kubeadmConfigPatches:
- "kind: ClusterConfiguration"
"""

FULL = ClusterConfig(
    name="full",
    nodes=(
        Node(
            role="control-plane",
            image="localhost/node:1",
            labels={"tier": "test", "example.com/zone": "a"},
            extra_mounts=(Mount(host_path="/data", container_path="/mnt", read_only=True, propagation="HostToContainer"),),
            extra_port_mappings=(PortMapping(container_port=30080, host_port=8080, listen_address="::1", protocol="UDP"),),
            kubeadm_config_patches=("kind: InitConfiguration",),
        ),
    ),
    networking=Networking(
        pod_subnet="10.1.0.0/16",
        service_subnet="10.2.0.0/16",
        api_server_address="127.0.0.2",
        api_server_port=6443,
        kube_proxy_mode="nftables",
    ),
    feature_gates={"SomeGate": True},
    runtime_config={"api/alpha": "false"},
    kubeadm_config_patches=("kind: ClusterConfiguration",),
)


def problems_of(mapping: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        from_mapping(mapping, "here")
    assert caught.value.source == "here"
    return caught.value.problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kind.yaml"


def test_every_field_of_a_file_by_kinds_name(file: Path) -> None:
    file.write_text(EVERYTHING, encoding="utf-8")
    assert from_file(file) == FULL


def test_a_mapping_may_use_pythons_names() -> None:
    mapping = {"api_version": "kind.x-k8s.io/v1alpha4", "nodes": [{"extra_mounts": [{"host_path": "/a", "container_path": "/b"}]}]}
    assert from_mapping(mapping, "") == ClusterConfig(nodes=(Node(extra_mounts=(Mount(host_path="/a", container_path="/b"),)),))


def test_an_empty_mapping_is_the_default_cluster() -> None:
    assert from_mapping({}, "") == ClusterConfig()


def test_all_problems_of_shape_come_at_once_with_their_paths() -> None:
    assert problems_of(
        {
            "kind": "Pod",
            "color": "blue",
            "nodes": [{"role": "boss", "extraPortMappings": [{"hostPort": "many"}]}, {"extraMounts": [{"hostPath": "/a"}]}],
            "networking": {"podSubnet": 7},
            "featureGates": ["A"],
        }
    ) == (
        "kind: input should be 'Cluster', found 'Pod'",
        "nodes[0].role: input should be 'control-plane' or 'worker', found 'boss'",
        "nodes[0].extraPortMappings[0].containerPort: is required",
        "nodes[0].extraPortMappings[0].hostPort: input should be a valid integer, unable to parse string as an integer, found 'many'",
        "nodes[1].extraMounts[0].containerPath: is required",
        "networking.podSubnet: input should be a valid string, found 7",
        "featureGates: input should be a valid dictionary, found ['A']",
        "color: no such field",
    )


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"kubeadmConfigPatchesJSON6902": []}, "kubeadmConfigPatchesJSON6902: not supported by this version (JSON 6902 patches)"),
        ({"containerdConfigPatches": []}, "containerdConfigPatches: not supported by this version (containerd patches)"),
        ({"containerdConfigPatchesJSON6902": []}, "containerdConfigPatchesJSON6902: not supported by this version (containerd patches)"),
        ({"networking": {"ipFamily": "ipv6"}}, "networking.ipFamily: not supported by this version (IP families other than ipv4)"),
        ({"networking": {"disableDefaultCNI": True}}, "networking.disableDefaultCNI: not supported by this version (a CNI of your own)"),
        ({"networking": {"dnsSearch": []}}, "networking.dnsSearch: not supported by this version (DNS search domains)"),
        (
            {"nodes": [{"kubeadmConfigPatchesJSON6902": []}]},
            "nodes[0].kubeadmConfigPatchesJSON6902: not supported by this version (JSON 6902 patches)",
        ),
    ],
)
def test_fields_of_kinds_that_are_not_carried_out_are_refused_by_name(mapping: dict[str, Any], problem: str) -> None:
    assert problems_of(mapping) == (problem,)


def test_a_mapping_whose_values_do_not_fit_together_is_refused() -> None:
    assert problems_of({"name": "Bad", "networking": {"apiServerPort": 70000}}) == (
        "name: 'Bad' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
        "networking.apiServerPort: must be from 0 (the engine chooses) to 65535, found 70000",
    )


def test_an_object_is_checked_like_a_mapping() -> None:
    with pytest.raises(ConfigError) as caught:
        checked(ClusterConfig(nodes=()), "@pytest.mark.kind")
    assert str(caught.value) == (
        "@pytest.mark.kind: 1 problem\n  - nodes: this version makes clusters of one control-plane node, found 0 nodes: none"
    )


def test_a_good_object_is_returned_as_it_is() -> None:
    assert checked(FULL, "") is FULL


def test_a_file_that_is_not_there_is_a_config_error(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert str(caught.value) == f"{file}: 1 problem\n  - cannot be read: [Errno 2] No such file or directory: '{file}'"


def test_a_file_that_is_no_text_is_a_config_error(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec can't decode byte 0xff"):
        from_file(file)


@pytest.mark.parametrize("text", ["a: [", "\x00", "a: b: c", "- a\nb: c", "!!python/object:os.system {}", "? {a: b}\n: c"])
def test_what_is_no_yaml_is_a_config_error_in_one_line(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("is no YAML: ")
    assert "\n" not in caught.value.problems[0]


@pytest.mark.parametrize("text", ["a: 2024-13-45", "a: !!int x", "a: !!float x", "a: !!timestamp x", "[" * 5000])
def test_yaml_whose_values_cannot_be_made_is_a_config_error_too(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="is no YAML: "):
        from_file(file)


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("---\n---\n", 0), ("kind: Cluster\n---\nkind: Cluster\n", 2), ("[kind, Cluster]", 1), ("Cluster", 1)]
)
def test_a_file_holds_one_mapping(file: Path, text: str, count: int) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert caught.value.problems == (f"must hold one YAML mapping (kind: Cluster), found {count} documents",)


def test_empty_documents_of_a_file_do_not_count(file: Path) -> None:
    file.write_text("---\n---\nkind: Cluster\n---\n", encoding="utf-8")
    assert from_file(file) == ClusterConfig()
