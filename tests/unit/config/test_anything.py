"""Whatever it is given, a configuration is one or a ConfigError: nothing else ever comes out."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_kind.boot.kubeadm import NodeFacts, init_documents
from pytest_kind.config import types
from pytest_kind.config.load import from_file, from_mapping
from pytest_kind.errors import ConfigError

RECORDS = (types.ClusterConfig, types.Node, types.Networking, types.Mount, types.PortMapping)
FIELDS = sorted({types.kinds_name(field.name) for record in RECORDS for field in dataclasses.fields(record)} | {"extraArgs", "ipFamily"})
WORDS = sorted(
    {str(value) for record in RECORDS for hint in typing.get_type_hints(record).values() for value in typing.get_args(hint) if isinstance(value, str)}
    | {"10.0.0.0/16", "127.0.0.1", "/data", "kind: ClusterConfiguration", "kind: InitConfiguration\nextraArgs: [1]", "a: ["}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS) | st.dates()
KEYS = st.sampled_from(FIELDS) | st.text(max_size=3) | st.integers() | st.none() | st.booleans()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
# Mappings that get past the reader often enough for the rules behind it to be reached.
NODES = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["control-plane", "worker"]),
        "labels": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        "extraMounts": st.lists(st.fixed_dictionaries({"hostPath": st.text(max_size=5), "containerPath": st.text(max_size=5)}), max_size=2),
        "extraPortMappings": st.lists(
            st.fixed_dictionaries({"containerPort": st.integers(), "hostPort": st.integers(), "listenAddress": st.text(max_size=9)}), max_size=2
        ),
        "kubeadmConfigPatches": st.lists(st.text() | st.sampled_from(WORDS), max_size=2),
    },
)
NETWORKS = st.ip_addresses().map(str) | st.text(max_size=12) | st.sampled_from(["10.0.0.0/8", "10.244.0.0/16", "10.96.0.0/28"])
CLUSTERS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=8),
        "nodes": st.lists(NODES, max_size=2),
        "networking": st.fixed_dictionaries(
            {}, optional={"podSubnet": NETWORKS, "serviceSubnet": NETWORKS, "apiServerAddress": NETWORKS, "apiServerPort": st.integers()}
        ),
        "kubeadmConfigPatches": st.lists(st.text() | st.sampled_from(WORDS), max_size=2),
    },
)
FACTS = NodeFacts(cluster="c", name="n", address="198.19.255.1", kubernetes="v1.37.1", api_names=[], token="", durable=False)


def takes(mapping: Any) -> None:
    """A configuration comes out and can be rendered, or a ConfigError with problems."""
    problems: tuple[str, ...] = ("none",)
    try:
        config = from_mapping(mapping, "anything")
        assert len(config.digest) == 16
        init_documents(config, config.nodes[0], FACTS)
    except ConfigError as error:
        problems = error.problems
    assert problems
    assert all(problem.strip() for problem in problems)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_mapping(mapping: dict[Any, Any]) -> None:
    takes(mapping)


@given(CLUSTERS)
@example({"kubeadmConfigPatches": ["kind: InitConfiguration\nextraArgs: [1]"]})
def test_mappings_of_the_right_shape_with_any_values(mapping: dict[str, Any]) -> None:
    takes(mapping)


YAML_LINES = st.lists(
    st.sampled_from([*FIELDS, *WORDS, "a", "!!int", "!!timestamp", "!!binary", "!!set", "&a", "*a", "<<", "2024-13-45", "0o9", "0x", "1_0", ".inf"])
    | st.sampled_from([": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "? ", "| ", "> ", "---\n", "'", '"', "#", "%", "\t"])
    | st.text(max_size=3),
    max_size=25,
).map("".join)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anything") / "kind.yaml"


@given(content=YAML_LINES.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=30))
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
