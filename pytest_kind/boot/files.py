"""The files that a node gets before it starts, as one archive: pure."""

from __future__ import annotations

import ipaddress
import json
from importlib import resources
from typing import TYPE_CHECKING

from pytest_kind.boot.kubeadm import NodeFacts, init_documents
from pytest_kind.boot.registries import registry_files

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

_PROGRAMS = ("prepare", "facts", "release", "dns-ready", "lease")
_UNITS = {
    "pytest-kind-prepare.service": "pytest-kind-prepare.service",
    "pytest-kind-lease.service": "pytest-kind-lease.service",
    "kubelet.conf": "kubelet.service.d/20-pytest-kind.conf",
}
_NODE_PREFIX = 24  # the controller manager's --node-cidr-mask-size


def node_files(config: ClusterConfig, facts: NodeFacts, lease: int) -> dict[str, tuple[bytes, int]]:
    """Path without the leading slash -> content and mode.

    Args:
        lease: seconds that the node runs without a renewal; 0: for ever.
    """
    source = resources.files("pytest_kind.boot") / "node"
    files = {f"kind/pytest-kind/{name}": ((source / name).read_bytes(), 0o755) for name in _PROGRAMS}
    files |= {f"etc/systemd/system/{target}": ((source / name).read_bytes(), 0o644) for name, target in _UNITS.items()}
    files["kind/pytest-kind/node.env"] = (f"ADDRESS={facts.address}\nNODE={facts.name}\nLEASE={lease}\n".encode(), 0o644)
    files["kind/kubeadm.conf"] = (init_documents(config, config.nodes[0], facts).encode(), 0o600)
    files["etc/cni/net.d/10-pytest-kind.conflist"] = (conflist(config.networking.pod_subnets[0]).encode(), 0o644)
    files |= registry_files(config)
    return files


def conflist(pod_subnet: str) -> str:
    """The CNI configuration of the first node: in place before the kubelet asks, so that nothing waits for an agent.

    The controller manager gives the first node the first /24 of the pod subnet.
    """
    share = next(ipaddress.IPv4Network(pod_subnet).subnets(new_prefix=_NODE_PREFIX))
    plugins = [
        {
            "type": "ptp",
            "ipMasq": True,
            "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": str(share)}]]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": "pytest-kind", "plugins": plugins}, indent=1)
