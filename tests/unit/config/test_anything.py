"""Whatever it is given, a configuration is one or a ConfigError: nothing else ever comes out."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_kind.boot.containerd import config_toml
from pytest_kind.boot.patches import patched_for_node
from pytest_kind.config import types
from pytest_kind.config.load import checked, from_file, from_mapping
from pytest_kind.errors import ConfigError

RECORDS = (types.ClusterConfig, types.Node, types.Networking, types.Mount, types.PortMapping, types.PatchJSON6902)
FIELDS = sorted({types.kinds_name(field.name) for record in RECORDS for field in dataclasses.fields(record)} | {"extraArgs", "op", "path"})
WORDS = sorted(
    {str(value) for record in RECORDS for hint in typing.get_type_hints(record).values() for value in typing.get_args(hint) if isinstance(value, str)}
    | {"10.0.0.0/16", "127.0.0.1", "/data", "2Gi", "a: [", "", "docker.io", "http://a"}
    | {"kind: ClusterConfiguration", "kind: InitConfiguration\nextraArgs: [1]", "kind: ClusterConfiguration\napiServer: {extraArgs: {v: 4}}"}
    | {"[{op: add, path: /a, value: 1}]", "[{op: remove, path: /apiServer/extraArgs/v}]", '[plugins."io.containerd.grpc.v1.cri"]\na = 1'}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS) | st.dates() | st.binary(max_size=2)
KEYS = st.sampled_from(FIELDS) | st.text(max_size=3) | st.integers() | st.none() | st.booleans()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
# Mappings that get past the reader often enough for the rules behind it to be reached.
TEXTS = st.text(max_size=9) | st.sampled_from(WORDS)
PATCHES = st.lists(TEXTS, max_size=2)
JSON_PATCHES = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["ClusterConfiguration", "KubeletConfiguration", "Pod"]), "patch": TEXTS},
        optional={"group": st.sampled_from(["", "kubeadm.k8s.io"]), "version": st.sampled_from(["", "v1beta3", "v1"])},
    ),
    max_size=2,
)
PORTS = st.sampled_from([-1, 0, 1, 80, 6443, 65535, 65536])
ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(["127.0.0.1", "0.0.0.0", "::", "::1", "localhost", ""])  # noqa: S104
NETWORKS = ADDRESSES | st.sampled_from(["10.0.0.0/8", "10.244.0.0/16", "10.96.0.0/28", "fd00::/56", "fd00:1::/112", "10.1.0.0/16,fd00::/56", ","])
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=2)


def given_fields(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


NODES = given_fields(
    role=st.sampled_from(["control-plane", "worker", ""]),
    image=TEXTS,
    labels=LABELS,
    extraMounts=st.lists(given_fields(hostPath=TEXTS, containerPath=TEXTS, propagation=TEXTS, readOnly=st.booleans()), max_size=2),
    extraPortMappings=st.lists(given_fields(containerPort=PORTS, hostPort=PORTS, listenAddress=ADDRESSES, protocol=TEXTS), max_size=2),
    kubeadmConfigPatches=PATCHES,
    kubeadmConfigPatchesJSON6902=JSON_PATCHES,
    cpus=st.floats() | st.integers(),
    memory=TEXTS,
)
CLUSTERS = given_fields(
    name=st.text(max_size=8) | st.just("good"),
    nodes=st.lists(NODES, max_size=3),
    networking=given_fields(
        ipFamily=st.sampled_from(["ipv4", "ipv6", "dual", ""]),
        podSubnet=NETWORKS,
        serviceSubnet=NETWORKS,
        apiServerAddress=ADDRESSES,
        apiServerPort=PORTS,
        disableDefaultCNI=st.booleans(),
        kubeProxyMode=st.sampled_from(["ipvs", "none", "x"]),
        dnsSearch=st.none() | st.lists(TEXTS, max_size=2),
    ),
    featureGates=st.dictionaries(TEXTS, st.booleans(), max_size=2),
    runtimeConfig=LABELS,
    kubeadmConfigPatches=PATCHES,
    kubeadmConfigPatchesJSON6902=JSON_PATCHES,
    containerdConfigPatches=PATCHES,
    containerdConfigPatchesJSON6902=PATCHES,
    registryMirrors=st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2),
    caCertificates=st.lists(TEXTS, max_size=1),
    manifests=st.lists(TEXTS, max_size=1),
)
HEAD = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
HEADER = yaml.safe_dump(HEAD)
DOCUMENTS: list[dict[str, Any]] = [
    {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": [{"name": "v", "value": "1"}]}},
    {"kind": "InitConfiguration"},
    {"kind": "KubeletConfiguration"},
]


def takes(mapping: Any) -> None:
    """A configuration comes out, that comes out of what it says too, and can be rendered; or a ConfigError with problems."""
    before = repr(mapping)
    problems: tuple[str, ...] = ()
    config = None
    try:
        config = from_mapping(mapping, "anything")
    except ConfigError as error:
        problems = error.problems
    assert bool(problems) is (config is None)
    assert all(problem.strip() for problem in problems)
    assert len(set(problems)) == len(problems)
    assert repr(mapping) == before
    if config is not None:
        round_trips(config)
        for index in range(len(config.nodes)):
            renders(lambda: patched_for_node(config, index, DOCUMENTS))  # noqa: B023 - called at once
        renders(lambda: config_toml("version = 3", config.containerd_config_patches, config.containerd_config_patches_json6902))


def round_trips(config: types.ClusterConfig) -> None:
    assert checked(config, "") == config
    assert from_mapping(by_kinds_names(config), "") == config
    assert len(config.digest) == 16


def renders(what: Callable[[], object]) -> None:
    """Or says why not: whether a patch finds what it changes is known only here."""
    problems: tuple[str, ...] = ("none",)
    try:
        assert what()
    except ConfigError as error:
        problems = error.problems
    assert problems


def by_kinds_names(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {types.kinds_name(field.name): by_kinds_names(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [by_kinds_names(one) for one in value] if isinstance(value, tuple) else value


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anything") / "kind.yaml"


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_mapping(mapping: dict[Any, Any]) -> None:
    takes(mapping)


@given(CLUSTERS)
@example({"kubeadmConfigPatches": ["kind: InitConfiguration\nextraArgs: [1]"]})
def test_mappings_of_the_right_shape_with_any_values(mapping: dict[str, Any]) -> None:
    takes(mapping)


GOOD_NODES = given_fields(
    image=st.sampled_from(["kindest/node:v1", "a"]),
    labels=st.dictionaries(st.sampled_from(["a", "b.c/d"]), st.sampled_from(["", "x"])),
    extraMounts=st.lists(st.fixed_dictionaries({"hostPath": st.text("ab/", min_size=1), "containerPath": st.just("/a")}), max_size=1),
    extraPortMappings=st.lists(given_fields(protocol=st.sampled_from(["tcp", "UDP"])).map(lambda one: {"containerPort": 1, **one})),
    kubeadmConfigPatches=st.lists(st.just("kind: InitConfiguration\na: b")),
    cpus=st.floats(0.1, 64),
    memory=st.sampled_from(["1Gi", "1.5G"]),
)
GOOD = given_fields(
    name=st.sampled_from(["a", "b.c-d"]),
    nodes=st.tuples(GOOD_NODES, st.lists(GOOD_NODES.map(lambda one: {**one, "role": "worker"}), max_size=2)).map(lambda all_: [all_[0], *all_[1]]),
    networking=given_fields(ipFamily=st.sampled_from(["ipv4", "ipv6", "dual"]), apiServerPort=st.integers(-1, 65535), dnsSearch=st.just(["a.b"])),
    featureGates=st.dictionaries(st.sampled_from(["A", "B"]), st.booleans()),
    runtimeConfig=st.dictionaries(st.sampled_from(["api/all", "batch/v1"]), st.sampled_from(["true", "false"])),
    kubeadmConfigPatchesJSON6902=st.lists(st.just({"kind": "JoinConfiguration", "patch": "[{op: add, path: /a, value: 1}]"})),
    containerdConfigPatches=st.lists(st.just("[debug]")),
    registryMirrors=st.dictionaries(st.sampled_from(["docker.io", "a:1"]), st.just(["http://a"])),
)


@given(mapping=GOOD)
def test_good_ones_are_taken_from_a_mapping_and_from_a_file(file: Path, mapping: dict[str, Any]) -> None:
    config = from_mapping(mapping, "")
    round_trips(config)
    file.write_text(yaml.safe_dump({**HEAD, **mapping}), encoding="utf-8")
    assert from_file(file) == config
    file.write_text(json.dumps({**HEAD, **mapping}), encoding="utf-8")
    assert from_file(file) == config


@given(st.data())
def test_objects_with_anything_in_them(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(RECORDS[1:]))
    one = record(**data.draw(st.fixed_dictionaries({field.name: VALUES for field in dataclasses.fields(record)})))
    fields: dict[str, Any] = {"nodes": data.draw(st.sampled_from([(one,), one])), "networking": data.draw(st.just(one) | VALUES)}
    problems: tuple[str, ...] = ("none",)
    try:
        checked(types.ClusterConfig(**fields), "")
    except ConfigError as error:
        problems = error.problems
    assert problems


YAML_LINES = st.lists(
    st.sampled_from([*FIELDS, *WORDS, "a", "!!int", "!!timestamp", "!!binary", "!!set", "&a", "*a", "<<", "2024-13-45", "0o9", "0x", "1_0", ".inf"])
    | st.sampled_from([": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "? ", "| ", "> ", "---\n", "'", '"', "#", "%", "\t"])
    | st.text(max_size=3),
    max_size=25,
).map(lambda lines: HEADER + "".join(lines))


CLUSTER_FILES = CLUSTERS.map(lambda mapping: yaml.safe_dump({**HEAD, **mapping}, allow_unicode=True))


@given(content=(YAML_LINES | CLUSTER_FILES).map(lambda text: text.encode(errors="replace")) | st.binary(max_size=30))
def test_any_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    source = str(file)
    problems: tuple[str, ...] = ("none",)
    try:
        assert isinstance(from_file(file), types.ClusterConfig)
    except ConfigError as error:
        source, problems = error.source, error.problems
    assert source == str(file)
    assert problems
