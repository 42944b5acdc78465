"""Rules across fields: all problems at once (kind's are in its ``pkg/internal/apis/config/validate.go``)."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import yaml

from pytest_kind.config import networks, patchtext, registries
from pytest_kind.config.texts import NO_YAML
from pytest_kind.config.types import ClusterConfig, Node
from pytest_kind.errors import UsageError
from pytest_kind.naming import check_cluster_name, node_name

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
_LABEL_KEY = re.compile(rf"((?=.{{1,253}}/){_DNS_NAME}/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")
# What a kubelet may set of its own node (k8s.io/kubelet/pkg/apis/well_known_labels.go); with others it does not start.
_KUBELETS_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELETS_LABELS = {
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
}
_GATE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_API = re.compile(r"[a-z0-9][a-z0-9.-]*(/[a-z0-9.-]+){0,2}")
_SWITCH = {"", "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"}  # Go's strconv.ParseBool
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_MAX_HOST_NAME = 63
_LEAST_MEMORY = "512Mi"
# What every node has at these places already; an engine takes one mount for each.
_TAKEN = {"/", "/var", "/tmp", "/run", "/lib/modules"}  # noqa: S108 - the node's


def problems(config: ClusterConfig) -> list[str]:
    """Every problem, each led by its field's path; an empty list is a good configuration."""
    return [
        *_name(config),
        *_nodes(config),
        *networks.networking(config),
        *networks.ports(config),
        *_features(config),
        *_patches("", config),
        *_containerd(config),
        *registries.problems(config),
        *_manifests(config),
    ]


def _name(config: ClusterConfig) -> Iterator[str]:
    if config.name is not None:
        try:
            check_cluster_name(config.name, "name")
        except UsageError as error:
            yield str(error)
            return
        counts: dict[str, int] = {}
        for index, node in enumerate(config.nodes):
            host = node_name(config.name, node.role, counts.setdefault(node.role, 0))
            counts[node.role] += 1
            if len(host) > _MAX_HOST_NAME:
                yield f"name: nodes[{index}] would be named {host!r}, {len(host)} characters; a host name has at most {_MAX_HOST_NAME}"


def _nodes(config: ClusterConfig) -> Iterator[str]:
    if not any(node.role == "control-plane" for node in config.nodes):
        yield f"nodes: at least one control-plane is needed, found {len(config.nodes)} nodes: {', '.join(node.role for node in config.nodes)}"
    for index, node in enumerate(config.nodes):
        yield from _node(f"nodes[{index}]", node)


def _node(path: str, node: Node) -> Iterator[str]:
    if node.image is not None and not _IMAGE.fullmatch(node.image):
        yield f"{path}.image: {node.image!r} is no reference of an image, such as kindest/node:v1.37.1"
    for key, value in node.labels.items():
        yield from _label(f"{path}.labels", key, value)
    yield from _mounts(f"{path}.extraMounts", node)
    yield from _patches(f"{path}.", node)
    if node.cpus is not None and not (math.isfinite(node.cpus) and node.cpus > 0):
        yield f"{path}.cpus: must be more than 0, such as 1.5, found {node.cpus}"
    if node.memory is not None:
        least = Node(memory=_LEAST_MEMORY).memory_bytes or 0
        try:
            if (node.memory_bytes or 0) < least:
                yield f"{path}.memory: must be {_LEAST_MEMORY} or more, found {node.memory!r}"
        except ValueError:
            yield f"{path}.memory: must be a quantity such as 2Gi, 1500M or 2147483648, found {node.memory!r}"


def _label(path: str, key: str, value: str) -> Iterator[str]:
    if not _LABEL_KEY.fullmatch(key):
        yield f"{path}: {key!r} is no label key"
    if not _LABEL_VALUE.fullmatch(value):
        yield f"{path}.{key}: {value!r} is no label value"
    domain = key.rpartition("/")[0]
    reserved = any(domain == one or domain.endswith(f".{one}") for one in ("kubernetes.io", "k8s.io"))
    if reserved and key not in _KUBELETS_LABELS and not any(domain == one or domain.endswith(f".{one}") for one in _KUBELETS_DOMAINS):
        allowed = ", ".join((*(f"{one}/…" for one in _KUBELETS_DOMAINS), *sorted(_KUBELETS_LABELS)))
        yield f"{path}: {key!r} is not for a kubelet to set: it would not start; of kubernetes.io and k8s.io it may set {allowed}"


def _mounts(path: str, node: Node) -> Iterator[str]:
    places: dict[PurePosixPath, int] = {}
    for index, mount in enumerate(node.extra_mounts):
        if "\0" in mount.host_path:
            yield f"{path}[{index}].hostPath: {mount.host_path!r} is no path"
        if not mount.container_path.startswith("/") or ".." in mount.container_path.split("/") or "\0" in mount.container_path:
            yield f"{path}[{index}].containerPath: must be absolute, found {mount.container_path!r}"
            continue
        place = PurePosixPath("/", mount.container_path.lstrip("/"))
        if str(place) in _TAKEN:
            yield f"{path}[{index}].containerPath: {mount.container_path!r} is the node's own; a folder in it is accepted"
        elif places.setdefault(place, index) != index:
            yield f"{path}[{index}].containerPath: {mount.container_path!r} is taken by extraMounts[{places[place]}]"


def _features(config: ClusterConfig) -> Iterator[str]:
    for name in config.feature_gates:
        if not _GATE.fullmatch(name):
            yield f"featureGates: {name!r} is no feature gate, such as AllAlpha"
    for name, value in config.runtime_config.items():
        if not _API.fullmatch(name):
            yield f"runtimeConfig: {name!r} is no API, such as api/alpha or batch/v2alpha1"
        if value not in _SWITCH:
            yield f"runtimeConfig.{name}: must be true or false, found {value!r}"


def _patches(path: str, level: ClusterConfig | Node) -> Iterator[str]:
    for index, text in enumerate(level.kubeadm_config_patches):
        try:
            wrong = [target.problem for target, _ in patchtext.merges(text) if target.problem]
        except ValueError as error:
            wrong = [str(error)]
        yield from (f"{path}kubeadmConfigPatches[{index}]: {one}" for one in wrong)
    for index, patch in enumerate(level.kubeadm_config_patches_json6902):
        here = f"{path}kubeadmConfigPatchesJSON6902[{index}]"
        if wrong_target := patchtext.Target(patch.kind, patch.group, patch.version).problem:
            yield f"{here}: {wrong_target}"
        try:
            patchtext.operations(patch.patch)
        except ValueError as error:
            yield f"{here}.patch: {error}"


def _containerd(config: ClusterConfig) -> Iterator[str]:
    for index, text in enumerate(config.containerd_config_patches):
        try:
            tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            yield f"containerdConfigPatches[{index}]: is no TOML: {error}"
    for index, text in enumerate(config.containerd_config_patches_json6902):
        try:
            patchtext.operations(text)
        except ValueError as error:
            yield f"containerdConfigPatchesJSON6902[{index}]: {error}"


def _manifests(config: ClusterConfig) -> Iterator[str]:
    for index, path in enumerate(config.manifests):
        try:
            documents = [one for one in yaml.safe_load_all(Path(path).read_text(encoding="utf-8")) if one is not None]
        except (OSError, *NO_YAML) as error:
            yield f"manifests[{index}]: must be a file of Kubernetes objects in YAML, found {path!r}: {' '.join(str(error).split())}"
            continue
        if not documents or not all(isinstance(one, dict) and "kind" in one for one in documents):
            yield f"manifests[{index}]: must be a file of Kubernetes objects in YAML, found {path!r} with something else in it"
