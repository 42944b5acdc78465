"""From a file or a mapping to a configuration, or to all its problems."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.config.load import checked, from_file, from_mapping
from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PatchJSON6902, PortMapping
from pytest_kind.errors import ConfigError

HEADER = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
NETWORKING = "apiServerAddress, apiServerPort, disableDefaultCNI, dnsSearch, ipFamily, kubeProxyMode, podSubnet, serviceSubnet"
CLUSTER = (
    "apiVersion, caCertificates, containerdConfigPatches, containerdConfigPatchesJSON6902, featureGates, kind, kubeadmConfigPatches, "
    "kubeadmConfigPatchesJSON6902, manifests, name, networking, nodes, registryMirrors, runtimeConfig"
)
EVERYTHING = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: full
nodes:
- role: control-plane
  image: localhost/node:1
  labels: {tier: test, example.com/zone: a}
  extraMounts:
  - {hostPath: /data, containerPath: /mnt, readOnly: true, selinuxRelabel: true, propagation: HostToContainer}
  extraPortMappings:
  - {containerPort: 30080, hostPort: 8080, listenAddress: "::1", protocol: UDP}
  kubeadmConfigPatches:
  - "kind: InitConfiguration"
  kubeadmConfigPatchesJSON6902:
  - {group: kubeadm.k8s.io, version: v1beta4, kind: InitConfiguration, patch: "[]"}
  cpus: 1.5
  memory: 2Gi
- role: worker
networking:
  ipFamily: dual
  podSubnet: 10.1.0.0/16,fd00:1::/56
  serviceSubnet: 10.2.0.0/16,fd00:2::/112
  apiServerAddress: 127.0.0.2
  apiServerPort: 6443
  disableDefaultCNI: true
  kubeProxyMode: nftables
  dnsSearch: [example.com]
featureGates: {SomeGate: true}
runtimeConfig: {api/alpha: "false"}
kubeadmConfigPatches:
- "kind: ClusterConfiguration"
kubeadmConfigPatchesJSON6902:
- {kind: ClusterConfiguration, patch: "[]"}
containerdConfigPatches: ["a = 1"]
containerdConfigPatchesJSON6902: ["[]"]
registryMirrors: {docker.io: ["http://mirror:5000"]}
caCertificates: []
manifests: []
"""

FULL = ClusterConfig(
    name="full",
    nodes=(
        Node(
            role="control-plane",
            image="localhost/node:1",
            labels={"tier": "test", "example.com/zone": "a"},
            extra_mounts=(Mount(host_path="/data", container_path="/mnt", read_only=True, selinux_relabel=True, propagation="HostToContainer"),),
            extra_port_mappings=(PortMapping(container_port=30080, host_port=8080, listen_address="::1", protocol="UDP"),),
            kubeadm_config_patches=("kind: InitConfiguration",),
            kubeadm_config_patches_json6902=(PatchJSON6902(group="kubeadm.k8s.io", version="v1beta4", kind="InitConfiguration", patch="[]"),),
            cpus=1.5,
            memory="2Gi",
        ),
        Node(role="worker"),
    ),
    networking=Networking(
        ip_family="dual",
        pod_subnet="10.1.0.0/16,fd00:1::/56",
        service_subnet="10.2.0.0/16,fd00:2::/112",
        api_server_address="127.0.0.2",
        api_server_port=6443,
        disable_default_cni=True,
        kube_proxy_mode="nftables",
        dns_search=("example.com",),
    ),
    feature_gates={"SomeGate": True},
    runtime_config={"api/alpha": "false"},
    kubeadm_config_patches=("kind: ClusterConfiguration",),
    kubeadm_config_patches_json6902=(PatchJSON6902(kind="ClusterConfiguration", patch="[]"),),
    containerd_config_patches=("a = 1",),
    containerd_config_patches_json6902=("[]",),
    registry_mirrors={"docker.io": ("http://mirror:5000",)},
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


@pytest.mark.parametrize(
    "text",
    [
        "name:\nnodes:\nnetworking:\nfeatureGates:\nkubeadmConfigPatches:\nregistryMirrors:\n",
        "nodes: []\nnetworking: {ipFamily: '', podSubnet: '', apiServerAddress: '', kubeProxyMode: ~, dnsSearch: null}\n",
        "nodes: [{role: '', image: '', labels: , extraMounts: , memory: ''}]",
    ],
)
def test_an_empty_field_is_one_that_is_not_given_as_in_kind(file: Path, text: str) -> None:
    file.write_text(HEADER + text, encoding="utf-8")
    assert from_file(file) == ClusterConfig()


def test_nothing_as_a_value_of_a_mapping_is_the_values_empty_one_as_in_kind(file: Path) -> None:
    file.write_text(f"{HEADER}nodes: [{{labels: {{gpu: }}}}]\nruntimeConfig: {{api/all: ~}}\nfeatureGates: {{A: }}\n", encoding="utf-8")
    found = from_file(file)
    assert (found.nodes[0].labels, found.runtime_config, found.feature_gates) == ({"gpu": ""}, {"api/all": ""}, {"A": False})


def test_no_search_domains_is_not_the_engines_search_domains() -> None:
    assert from_mapping({"networking": {"dnsSearch": []}}, "").networking.dns_search == ()


def test_empty_fields_of_mounts_and_ports_are_their_defaults_or_missing() -> None:
    node = {"extraMounts": [{"hostPath": "/a", "containerPath": "", "propagation": ""}], "extraPortMappings": [{"containerPort": 1, "protocol": ""}]}
    assert problems_of({"nodes": [node]}) == ("nodes[0].extraMounts[0].containerPath: is required",)
    node["extraMounts"] = []
    assert from_mapping({"nodes": [node]}, "").nodes[0].extra_port_mappings == (PortMapping(container_port=1),)


def test_a_field_of_text_keeps_what_a_file_says(file: Path) -> None:
    file.write_text(
        f"{HEADER}nodes: [{{labels: {{a: true, b: 1.10, c: 0x1, d: 2024-01-01, yes: no}}}}]\nruntimeConfig: {{api/all: true}}\n", encoding="utf-8"
    )
    found = from_file(file)
    assert found.nodes[0].labels == {"a": "true", "b": "1.10", "c": "0x1", "d": "2024-01-01", "yes": "no"}
    assert found.runtime_config == {"api/all": "true"}


def test_a_protocol_may_be_in_any_case() -> None:
    ports = [{"containerPort": 1, "protocol": "udp"}, {"containerPort": 1, "protocol": "Sctp"}]
    assert [one.protocol for one in from_mapping({"nodes": [{"extraPortMappings": ports}]}, "").nodes[0].extra_port_mappings] == ["UDP", "SCTP"]


def test_a_relative_folder_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = from_mapping({"nodes": [{"extraMounts": [{"hostPath": "./data", "containerPath": "/a"}]}]}, "")
    assert found.nodes[0].extra_mounts[0].host_path == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("nodes: []", ("kind: is required in a file: Cluster", "apiVersion: is required in a file: kind.x-k8s.io/v1alpha4")),
        ("kind: Cluster\nname: x-", ("apiVersion: is required in a file: kind.x-k8s.io/v1alpha4", "name: ")),
        (
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha3",
            ("apiVersion: input should be 'kind.x-k8s.io/v1alpha4', found 'kind.x-k8s.io/v1alpha3'",),
        ),
    ],
)
def test_a_file_says_what_it_is(file: Path, text: str, problems: tuple[str, ...]) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert len(caught.value.problems) == len(problems)
    assert all(found.startswith(wanted) for found, wanted in zip(caught.value.problems, problems, strict=True))


def test_all_problems_come_at_once_with_their_paths() -> None:
    mapping = {
        "kind": "Pod",
        "color": "blue",
        "nodes": [
            {"role": "boss", "extraPortMappings": [{"hostPort": "many"}], "labels": {"a b": "c", "d": 1}},
            {"extraMounts": [{"hostPath": "/a"}], "memory": "much", "extraPortMappings": [{"containerPort": 0, "protocol": "ip"}]},
        ],
        "networking": {"podSubnet": 7, "serviceSubnet": "x", "api": 1},
        "featureGates": ["A"],
        "kubeadmConfigPatches": ["kind: Pod", 7],
    }
    copied = copy.deepcopy(mapping)
    assert problems_of(mapping) == (
        "kind: input should be 'Cluster', found 'Pod'",
        "nodes[0].role: input should be 'control-plane' or 'worker', found 'boss'",
        "nodes[0].labels.d: input should be a valid string, found 1",
        "nodes[0].extraPortMappings[0].containerPort: is required",
        "nodes[0].extraPortMappings[0].hostPort: input should be a valid integer, unable to parse string as an integer, found 'many'",
        "nodes[1].extraMounts[0].containerPath: is required",
        "nodes[1].extraPortMappings[0].protocol: input should be 'TCP', 'UDP' or 'SCTP', found 'IP'",
        "networking.podSubnet: input should be a valid string, found 7",
        f"networking.api: no such field; accepted: {NETWORKING}",
        "featureGates: input should be a valid mapping, found ['A']",
        "kubeadmConfigPatches[1]: input should be a valid string, found 7",
        f"color: no such field; accepted: {CLUSTER}",
        "nodes[0].labels: 'a b' is no label key",
        "nodes[1].memory: must be a quantity such as 2Gi, 1500M or 2147483648, found 'much'",
        "networking.serviceSubnet: 'x' does not appear to be an IPv4 or IPv6 network",
        "nodes[1].extraPortMappings[0].containerPort: must be from 1 to 65535, found 0",
    )
    assert mapping == copied


def test_subnets_of_an_unknown_family_are_not_judged() -> None:
    assert problems_of({"networking": {"ipFamily": "ipv5", "podSubnet": "fd00::/56"}}) == (
        "networking.ipFamily: input should be 'ipv4', 'ipv6' or 'dual', found 'ipv5'",
    )


def test_one_field_by_both_of_its_names_is_too_much() -> None:
    (problem,) = problems_of({"nodes": [{"extraMounts": [], "extra_mounts": []}]})
    assert problem.startswith("nodes[0].extra_mounts: no such field; accepted: ")


def test_names_of_fields_are_text() -> None:
    mapping: dict[Any, Any] = {"nodes": [{True: 1}], 7: 2, "name": "-"}
    assert problems_of(mapping) == (
        "nodes[0][1]: keys should be strings, found True",
        "[7]: keys should be strings, found 7",
        "name: '-' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
    )


def test_an_object_is_checked_like_a_mapping() -> None:
    wrong = ClusterConfig(nodes=[Node(role="boss", memory=3), {"role": "worker"}, 7], name="-")  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        checked(wrong, "@pytest.mark.kind")
    assert str(caught.value).splitlines() == [
        "@pytest.mark.kind: 4 problems",
        "  - nodes[0].role: input should be 'control-plane' or 'worker', found 'boss'",
        "  - nodes[0].memory: input should be a valid string, found 3",
        "  - nodes[2]: input should be a mapping or an instance of Node, found 7",
        "  - name: '-' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
    ]


def test_an_object_may_have_lists_and_mappings_in_it() -> None:
    assert checked(ClusterConfig(nodes=[Node(), {"role": "worker"}]), "") == ClusterConfig(nodes=(Node(), Node(role="worker")))  # type: ignore[arg-type]


def test_a_good_object_stays_what_it_is() -> None:
    assert checked(FULL, "") == FULL
    assert checked(FULL, "").digest == FULL.digest


def test_what_is_no_mapping_is_refused() -> None:
    assert problems_of([]) == ("must be a mapping, found []",)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_a_config_error(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert str(caught.value) == f"{file}: 1 problem\n  - cannot be read: [Errno 2] No such file or directory: '{file}'"


def test_a_file_that_is_no_text_is_a_config_error(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec can't decode byte 0xff"):
        from_file(file)


@pytest.mark.parametrize(
    "text", ["a: [", "\x00", "a: b: c", "- a\nb: c", "!!python/object:os.system {}", "? {a: b}\n: c", "a: 1\na: 2", "nodes: [{role: x, role: y}]"]
)
def test_what_is_no_yaml_is_a_config_error_in_one_line(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("is no YAML: ")
    assert "\n" not in caught.value.problems[0]


@pytest.mark.parametrize("text", ["a: !!int x", "a: !!float x", "a: !!timestamp x", "[" * 5000])
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
    file.write_text(f"---\n---\n{HEADER}---\n", encoding="utf-8")
    assert from_file(file) == ClusterConfig()
