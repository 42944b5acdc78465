"""Rules across fields: pure, all problems at once (kind's are in its ``pkg/internal/apis/config/validate.go``)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import yaml

from pytest_kind.config.types import ClusterConfig, Node
from pytest_kind.errors import UsageError
from pytest_kind.naming import check_cluster_name

_MAX_PORT = 65535
# What PyYAML raises for a text that it cannot make values of: not only its own errors (a 13th month, `!!bool x`, `[[[…`).
NO_YAML = (yaml.YAMLError, ValueError, AttributeError, LookupError, RecursionError)
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")


def problems(config: ClusterConfig) -> list[str]:
    """Every problem, each led by its field's path; an empty list is a good configuration."""
    return [*_name(config), *_nodes(config), *_networking(config), *_patches("kubeadmConfigPatches", config.kubeadm_config_patches)]


def _name(config: ClusterConfig) -> Iterator[str]:
    if config.name is not None:
        try:
            check_cluster_name(config.name, "name")
        except UsageError as error:
            yield str(error)


def _nodes(config: ClusterConfig) -> Iterator[str]:
    roles = [node.role for node in config.nodes]
    if "control-plane" not in roles:
        yield f"nodes: at least one must be a control plane, found {len(roles)} nodes: {', '.join(roles) or 'none'}"
    for index, node in enumerate(config.nodes):
        yield from _node(f"nodes[{index}]", node)


def _node(path: str, node: Node) -> Iterator[str]:
    for key, value in node.labels.items():
        if not _LABEL_KEY.fullmatch(key):
            yield f"{path}.labels: {key!r} is no label key"
        if not _LABEL_VALUE.fullmatch(value):
            yield f"{path}.labels.{key}: {value!r} is no label value"
    yield from _ports(f"{path}.extraPortMappings", node)
    for index, mount in enumerate(node.extra_mounts):
        for name, value in (("hostPath", mount.host_path), ("containerPath", mount.container_path)):
            if not value.startswith("/"):
                yield f"{path}.extraMounts[{index}].{name}: must be absolute, found {value!r}"
    yield from _patches(f"{path}.kubeadmConfigPatches", node.kubeadm_config_patches)


def _ports(path: str, node: Node) -> Iterator[str]:
    taken: dict[tuple[str, int, str], int] = {}
    for index, port in enumerate(node.extra_port_mappings):
        here = f"{path}[{index}]"
        if not 1 <= port.container_port <= _MAX_PORT:
            yield f"{here}.containerPort: must be from 1 to {_MAX_PORT}, found {port.container_port}"
        if not 0 <= port.host_port <= _MAX_PORT:
            yield f"{here}.hostPort: must be from 0 (the engine chooses) to {_MAX_PORT}, found {port.host_port}"
        if not _is_address(port.listen_address):
            yield f"{here}.listenAddress: {port.listen_address!r} is no IP address"
        key_of = (port.listen_address, port.host_port, port.protocol)
        if port.host_port and taken.setdefault(key_of, index) != index:
            yield f"{here}.hostPort: {port.host_port}/{port.protocol} is taken by extraPortMappings[{taken[key_of]}]"


def _networking(config: ClusterConfig) -> Iterator[str]:
    networking = config.networking
    subnets = {}
    for name, text in (("podSubnet", networking.pod_subnets[0]), ("serviceSubnet", networking.service_subnets[0])):
        try:
            subnets[name] = ipaddress.ip_network(text)
        except ValueError as error:
            yield f"networking.{name}: {error}"
    if len(subnets) == 2 and subnets["podSubnet"].overlaps(subnets["serviceSubnet"]):  # noqa: PLR2004 - both
        yield f"networking.podSubnet: {networking.pod_subnets[0]} overlaps serviceSubnet {networking.service_subnets[0]}"
    if "podSubnet" in subnets and networking.ip_family == "ipv4" and subnets["podSubnet"].prefixlen > 24:  # noqa: PLR2004 - the size of a node's share
        yield f"networking.podSubnet: must be /24 or larger, found {networking.pod_subnets[0]}"
    if "serviceSubnet" in subnets and networking.ip_family == "ipv4" and not 12 <= subnets["serviceSubnet"].prefixlen <= 28:  # noqa: PLR2004 - the API server's limits
        yield f"networking.serviceSubnet: must be from /12 to /28, found {networking.service_subnets[0]}"
    if not _is_address(networking.api_server_address):
        yield f"networking.apiServerAddress: {networking.api_server_address!r} is no IP address"
    if not 0 <= networking.api_server_port <= _MAX_PORT:
        yield f"networking.apiServerPort: must be from 0 (the engine chooses) to {_MAX_PORT}, found {networking.api_server_port}"


def _patches(path: str, patches: tuple[str, ...]) -> Iterator[str]:
    for index, text in enumerate(patches):
        try:
            patch = yaml.safe_load(text)
        except NO_YAML as error:
            yield f"{path}[{index}]: is no YAML: {' '.join(str(error).split())}"
            continue
        if not isinstance(patch, dict) or not isinstance(patch.get("kind"), str):
            yield f"{path}[{index}]: must be a mapping with a `kind` (such as ClusterConfiguration)"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
