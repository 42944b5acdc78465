"""What a cluster can be asked to be: kind's ``kind.x-k8s.io/v1alpha4`` as Python. Field names are kind's in snake case.

Plain dataclasses: pydantic reads them in ``load.py``, nothing else needs it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal


def _camel(name: str) -> str:
    if name.endswith("_json6902"):
        return f"{_camel(name.removesuffix('_json6902'))}JSON6902"
    head, *rest = name.split("_")
    return head + "".join({"ip": "IP", "cni": "CNI", "dns": "DNS"}.get(word, word.capitalize()) for word in rest)


# kind's defaults (its pkg/apis/config/defaults).
_POD_SUBNETS = {"ipv4": ("10.244.0.0/16",), "ipv6": ("fd00:10:244::/56",), "dual": ("10.244.0.0/16", "fd00:10:244::/56")}
_SERVICE_SUBNETS = {"ipv4": ("10.96.0.0/16",), "ipv6": ("fd00:10:96::/112",), "dual": ("10.96.0.0/16", "fd00:10:96::/112")}

_STRICT = {"extra": "forbid", "alias_generator": _camel, "populate_by_name": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``extraMounts``: a folder or file of the engine's machine on a node."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    host_path: str
    container_path: str
    read_only: bool = False
    selinux_relabel: bool = False
    propagation: Literal["None", "HostToContainer", "Bidirectional"] = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMapping:
    """``extraPortMappings``: a port of a node on the engine's machine. ``host_port`` 0: the engine chooses.

    Unlike kind's, the default address is loopback: a test cluster has no business on other interfaces.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    container_port: int
    host_port: int = 0
    listen_address: str = "127.0.0.1"
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchJSON6902:
    """``kubeadmConfigPatchesJSON6902``: RFC 6902 operations, as YAML or JSON, on the documents that match. Empty: any."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    group: str = ""
    version: str = ""
    kind: str = ""
    patch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``nodes``: one machine of the cluster.

    Attributes:
        cpus: how many processors' time it may use (not in kind).
        memory: how much it may use, as Kubernetes writes it: ``2Gi`` (not in kind).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """``networking``. An empty subnet is kind's default for the IP family: see :attr:`pod_subnets`.

    Attributes:
        api_server_address: of the engine's machine.
        api_server_port: of the engine's machine; 0 and -1: the engine chooses.
        dns_search: the nodes' search domains; none: the engine's own.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    ip_family: Literal["ipv4", "ipv6", "dual"] = "ipv4"
    pod_subnet: str = ""
    service_subnet: str = ""
    api_server_address: str = "127.0.0.1"
    api_server_port: int = 0
    disable_default_cni: bool = False
    kube_proxy_mode: Literal["iptables", "ipvs", "nftables", "none"] = "iptables"
    dns_search: tuple[str, ...] | None = None

    @property
    def pod_subnets(self) -> tuple[str, ...]:
        """One for each IP family, the first family first."""
        return _split(self.pod_subnet) or _POD_SUBNETS[self.ip_family]

    @property
    def service_subnets(self) -> tuple[str, ...]:
        """One for each IP family, the first family first."""
        return _split(self.service_subnet) or _SERVICE_SUBNETS[self.ip_family]


def _split(subnets: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in subnets.split(",") if part.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """A cluster, described. Everything has a default: ``ClusterConfig()`` is one control-plane node.

    Attributes:
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
