"""What a cluster can be asked to be: kind's ``kind.x-k8s.io/v1alpha4`` as Python. Field names are kind's in snake case.

Plain dataclasses: pydantic reads them in ``load.py``, nothing else needs it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal


def _camel(name: str) -> str:
    if name == "kubeadm_config_patches_json6902":
        return "kubeadmConfigPatchesJSON6902"
    if name == "api_version":
        return "apiVersion"
    head, *rest = name.split("_")
    return head + "".join({"ip": "IP", "cni": "CNI", "dns": "DNS"}.get(word, word.capitalize()) for word in rest)


_STRICT = {"extra": "forbid", "alias_generator": _camel, "populate_by_name": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``extraMounts``: a folder or file of the engine's machine on a node."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    host_path: str
    container_path: str
    read_only: bool = False
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
class Node:
    """``nodes``: one machine of the cluster."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    role: Literal["control-plane", "worker"] = "control-plane"
    image: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    extra_mounts: tuple[Mount, ...] = ()
    extra_port_mappings: tuple[PortMapping, ...] = ()
    kubeadm_config_patches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """``networking``. The subnets' defaults are kind's.

    Attributes:
        api_server_address: of the engine's machine.
        api_server_port: of the engine's machine; 0: the engine chooses.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    pod_subnet: str = "10.244.0.0/16"
    service_subnet: str = "10.96.0.0/16"
    api_server_address: str = "127.0.0.1"
    api_server_port: int = 0
    kube_proxy_mode: Literal["iptables", "nftables"] = "iptables"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """A cluster, described. Everything has a default: ``ClusterConfig()`` is one control-plane node.

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

    @property
    def digest(self) -> str:
        """Equal for configurations that make equal clusters (the name is not part of it)."""
        facts = {key: value for key, value in asdict(self).items() if key != "name"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
