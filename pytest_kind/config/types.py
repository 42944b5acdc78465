"""What a cluster can be asked to be: kind's ``kind.x-k8s.io/v1alpha4`` as Python. Field names are kind's in snake case.

Plain dataclasses: pydantic reads them in ``load.py``, nothing else needs it. The descriptions under ``Attributes`` are
published in the JSON schema (``schema.py``).
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal


def kinds_name(name: str) -> str:
    """A field's name in a file."""
    if name.endswith("_json6902"):
        return f"{kinds_name(name.removesuffix('_json6902'))}JSON6902"
    head, *rest = name.split("_")
    return head + "".join({"ip": "IP", "cni": "CNI", "dns": "DNS"}.get(word, word.capitalize()) for word in rest)


# kind's defaults (its pkg/internal/apis/config/default.go).
_POD_SUBNETS = {"ipv4": ("10.244.0.0/16",), "ipv6": ("fd00:10:244::/56",), "dual": ("10.244.0.0/16", "fd00:10:244::/56")}
_SERVICE_SUBNETS = {"ipv4": ("10.96.0.0/16",), "ipv6": ("fd00:10:96::/112",), "dual": ("10.96.0.0/16", "fd00:10:96::/112")}
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)([kMGT]|[KMGT]i|)")
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

_STRICT = {"extra": "forbid", "alias_generator": kinds_name, "populate_by_name": True}


def in_bytes(quantity: str) -> int:
    """A quantity of memory as Kubernetes writes it, ``2Gi``.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(quantity)
    return int(Decimal(found[1]) * _BYTES[found[2]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder or file of the engine's machine on a node.

    Attributes:
        host_path: on the engine's machine; a relative one starts at the working directory, as in kind.
        container_path: on the node, absolute.
        read_only: whether the node may not write to it.
        selinux_relabel: whether the engine relabels it for SELinux.
        propagation: which mounts made later are seen: none, the host's on the node, or both ways.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    host_path: str
    container_path: str
    read_only: bool = False
    selinux_relabel: bool = False
    propagation: Literal["None", "HostToContainer", "Bidirectional"] = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMapping:
    """A port of a node on the engine's machine.

    Attributes:
        container_port: on the node.
        host_port: on the engine's machine; 0 and -1: the engine chooses.
        listen_address: of the engine's machine. Unlike kind's default (every address), a test cluster's is loopback.
        protocol: of the port; read in any case, as in kind.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    container_port: int
    host_port: int = 0
    listen_address: str = "127.0.0.1"
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"

    def __post_init__(self) -> None:
        if self.host_port == -1:
            object.__setattr__(self, "host_port", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchJSON6902:
    """RFC 6902 operations on the kubeadm documents that match.

    Attributes:
        group: of the documents' API, ``kubeadm.k8s.io``; empty: any.
        version: of the documents' API, ``v1beta4``; empty: any.
        kind: of the documents, ``ClusterConfiguration``.
        patch: a list of operations, as YAML or JSON.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    group: str = ""
    version: str = ""
    kind: str
    patch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the cluster.

    Attributes:
        role: what runs on it.
        image: its node image; none: that of the options. Nodes may have different ones.
        labels: of the Kubernetes node, given to its kubelet.
        extra_mounts: folders and files of the engine's machine on it.
        extra_port_mappings: its ports on the engine's machine.
        kubeadm_config_patches: RFC 7386 merge patches for its kubeadm documents, after the cluster's.
        kubeadm_config_patches_json6902: RFC 6902 patches for its kubeadm documents, after the cluster's.
        cpus: how many processors' time it may use; none: any (not in kind).
        memory: how much it may use, as Kubernetes writes it, ``2Gi``; none: any (not in kind).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    role: Literal["control-plane", "worker"] = "control-plane"
    image: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    extra_mounts: tuple[Mount, ...] = ()
    extra_port_mappings: tuple[PortMapping, ...] = ()
    kubeadm_config_patches: tuple[str, ...] = ()
    kubeadm_config_patches_json6902: tuple[PatchJSON6902, ...] = ()
    cpus: float | None = None
    memory: str | None = None

    @property
    def memory_bytes(self) -> int | None:
        """:attr:`memory` in bytes.

        Raises:
            ValueError: it is no quantity of memory.
        """
        return None if self.memory is None else in_bytes(self.memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """The cluster's networks.

    Attributes:
        ip_family: of pods and Services.
        pod_subnet: of all pods, one for each IP family, with a comma; empty: kind's default for the family.
        service_subnet: of all Services, one for each IP family, with a comma; empty: kind's default for the family.
        api_server_address: of the engine's machine, for the API server; empty: loopback of the family.
        api_server_port: of the engine's machine, for the API server; 0 and -1: the engine chooses.
        disable_default_cni: whether pods get no network until a test installs one.
        kube_proxy_mode: how Services are reached; ``none``: kube-proxy is left out.
        dns_search: the nodes' search domains; empty: none, not given: the engine's.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    ip_family: Literal["ipv4", "ipv6", "dual"] = "ipv4"
    pod_subnet: str = ""
    service_subnet: str = ""
    api_server_address: str = ""
    api_server_port: int = 0
    disable_default_cni: bool = False
    kube_proxy_mode: Literal["iptables", "ipvs", "nftables", "none"] = "iptables"
    dns_search: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.api_server_address == "":
            object.__setattr__(self, "api_server_address", "::1" if self.ip_family == "ipv6" else "127.0.0.1")
        if self.api_server_port == -1:
            object.__setattr__(self, "api_server_port", 0)

    @property
    def pod_subnets(self) -> tuple[str, ...]:
        """One for each IP family, the first family first."""
        return _split(self.pod_subnet) or _POD_SUBNETS[self.ip_family]

    @property
    def service_subnets(self) -> tuple[str, ...]:
        """One for each IP family, the first family first."""
        return _split(self.service_subnet) or _SERVICE_SUBNETS[self.ip_family]


def _split(subnets: str) -> tuple[str, ...]:
    return tuple(_network(part.strip()) for part in subnets.split(",")) if subnets else ()


def _network(subnet: str) -> str:
    """The network of any address with a length, as Go reads it; what is neither stays what it is, and is found out by ``networks.py``."""
    try:
        return str(ipaddress.ip_network(subnet, strict=False))
    except ValueError:
        return subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """A cluster, described. Everything has a default: ``ClusterConfig()`` is one control-plane node.

    Attributes:
        kind: what this is.
        api_version: the version of kind's format.
        name: of the cluster; ``--kind-name`` comes first.
        nodes: at least one control plane, and workers.
        networking: the cluster's networks.
        feature_gates: of Kubernetes, for every component.
        runtime_config: APIs that the API server serves: ``api/alpha``, ``batch/v2alpha1``.
        kubeadm_config_patches: RFC 7386 merge patches for every node's kubeadm documents.
        kubeadm_config_patches_json6902: RFC 6902 patches for every node's kubeadm documents.
        containerd_config_patches: merge patches, in TOML, for every node's containerd.
        containerd_config_patches_json6902: RFC 6902 patches, as YAML or JSON, for every node's containerd.
        registry_mirrors: a registry's host -> where its images are asked for instead, in this order (not in kind).
        manifests: YAML files of this machine that are applied as soon as the API takes them, such as a network's (not in kind).
        ca_certificates: PEM files of this machine that nodes trust beside the public ones (not in kind).

    Raises:
        ConfigError: from :func:`pytest_kind.config.load.checked`, with every problem's path.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    kind: Literal["Cluster"] = "Cluster"
    api_version: Literal["kind.x-k8s.io/v1alpha4"] = "kind.x-k8s.io/v1alpha4"
    name: str | None = None
    nodes: tuple[Node, ...] = (Node(),)
    networking: Networking = Networking()
    feature_gates: dict[str, bool] = field(default_factory=dict)
    runtime_config: dict[str, str] = field(default_factory=dict)
    kubeadm_config_patches: tuple[str, ...] = ()
    kubeadm_config_patches_json6902: tuple[PatchJSON6902, ...] = ()
    containerd_config_patches: tuple[str, ...] = ()
    containerd_config_patches_json6902: tuple[str, ...] = ()
    registry_mirrors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ca_certificates: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Equal for configurations that make equal clusters (the name is not part of it)."""
        facts = {key: value for key, value in asdict(self).items() if key != "name"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
