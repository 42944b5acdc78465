"""The files that a machine gets before it starts, as one archive: pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.boot.audit import audit_files
from pytest_kind.boot.frozen import Frozen, words
from pytest_kind.boot.kubeadm import API_PORT, ClusterFacts, has_units, init_documents, initial_documents, join_documents
from pytest_kind.boot.registries import registry_files

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.provision.places import Machine, Place

Files = dict[str, tuple[bytes, int]]

_COPYING = ("program", "phases", "snapshot", "thaw", "restore", "authority", "revive", "rules")
_PROGRAMS = (
    "network",
    "begin",
    "init",
    "up",
    "prepare",
    "facts",
    "join",
    "release",
    "finish",
    "settle",
    "hold",
    "controllers",
    "dns-ready",
    "pod-dns",
    "lease",
    "let",
    "load-balancer",
    *_COPYING,
)
_SYSTEMD = {
    "pytest-kind-prepare.service": "system/pytest-kind-prepare.service",
    "pytest-kind-lease.service": "system/pytest-kind-lease.service",
    "pytest-kind-finish.service": "system/pytest-kind-finish.service",
    "pytest-kind-finish.timer": "system/pytest-kind-finish.timer",
    "pytest-kind-hold.service": "system/pytest-kind-hold.service",
    "pytest-kind-controllers.service": "system/pytest-kind-controllers.service",
    "kubelet.conf": "system/kubelet.service.d/20-pytest-kind.conf",
    "system.conf": "system.conf.d/20-pytest-kind.conf",
}
_HERE = "kind/pytest-kind"
CONFIG_FILE = f"{_HERE}/cluster.json"
_AWAIT_SERVER = f"{_HERE}/await-server.lua"
_AWAIT_SECONDS = 30  # for longer than that no client waits
IPAM = "pytest-kind-ipam"
_CONFLIST = "etc/cni/net.d/10-pytest-kind.conflist"
# The controller manager's --node-cidr-mask-size, -ipv4 and -ipv6.
_SHARE = {4: 24, 6: 64}


def machine_files(config: ClusterConfig, facts: ClusterFacts, machine: Machine, lease: int, copied: Frozen | None = None) -> Files:
    """Path without the leading slash -> content and mode.

    Args:
        lease: seconds that the machine runs without a renewal; 0: for ever.
        copied: the frozen cluster that this one is a copy of.
    """
    source = resources.files("pytest_kind.boot") / "node"
    files = {f"{_HERE}/{name}": ((source / name).read_bytes(), 0o755) for name in _PROGRAMS}
    files |= {f"{_HERE}/node.env": (_environment(config, facts, machine, lease).encode(), 0o644)}
    files |= peer_files(one.place for one in facts.machines)
    files |= share_files({facts.first.name: first_shares(config)} if copied is None else copied.shares_for(facts))
    if machine.node is None:
        return files | balancer_files(facts)
    files |= {f"etc/systemd/{target}": ((source / name).read_bytes(), 0o644) for name, target in _SYSTEMD.items()}
    first = machine.place is facts.first
    others = initial_documents if machine.is_initial else join_documents
    documents = init_documents(config, facts) if first else others(config, facts, machine)
    if machine.is_control_plane:
        # For whoever attaches to the cluster knowing only its name (attach.py).
        files[CONFIG_FILE] = (json.dumps(asdict(config)).encode(), 0o600)
        files |= audit_files(config)
    files["kind/kubeadm.conf"] = (documents.encode(), 0o600)
    files |= registry_files(config)
    if copied is not None:
        files |= _copy_files(config, facts, machine, copied)
    elif first and not config.networking.disable_default_cni:
        # In place before the kubelet asks, so that nothing waits for an agent: the first node gets the first share.
        files |= {**cni_files(first_shares(config), ipam=IPAM), **_ipam_files(config)}
    return files


def _copy_files(config: ClusterConfig, facts: ClusterFacts, machine: Machine, copied: Frozen) -> Files:
    """What a node of a copy has beside the rest: its own words, and the addresses of the pods that come back."""
    name, node_shares = machine.place.name, copied.shares_for(facts)
    files = {f"{_HERE}/words": (words(facts.cluster, [one.place.name for one in facts.machines], facts.token), 0o600)}
    if config.networking.disable_default_cni:
        return files
    pods = copied.pods_for(facts, name)
    last = [_last(share, [address for addresses in pods.values() for address in addresses]) for share in node_shares[name]]
    lines = ["last " + " ".join(last), *(f"{pod} {' '.join(addresses)}" for pod, addresses in pods.items())]
    addresses = "".join(f"{line}\n" for line in lines).encode()
    return {**files, f"{_HERE}/pod-addresses": (addresses, 0o644), **cni_files(node_shares[name], ipam=IPAM), **_ipam_files(config)}


def _ipam_files(config: ClusterConfig) -> Files:
    """Our address plugin, and what it heeds: DNS' first answer is awaited where somebody serves its address."""
    awaited = {} if config.networking.kube_proxy_mode == "none" else {f"{_HERE}/dns-awaited": (b"", 0o644)}
    return {f"opt/cni/bin/{IPAM}": ((resources.files("pytest_kind.boot") / "node" / "ipam").read_bytes(), 0o755), **awaited}


def _last(share: str, addresses: Iterable[str]) -> str:
    """The highest of the addresses in a share; its gateway's where there is none."""
    network = ipaddress.ip_network(share)
    inside = [one for one in map(ipaddress.ip_address, addresses) if one in network]
    return str(max(inside, key=int, default=network.network_address + 1))


def peer_files(places: Iterable[Place]) -> Files:
    """Who is there: a line for each machine, as ``boot/node/network`` reads it."""
    lines = "".join(f"{place.name} {place.mac} {' '.join(place.addresses)}\n" for place in places)
    return {f"{_HERE}/peers": (lines.encode(), 0o644)}


def share_files(shares: Mapping[str, Sequence[str]]) -> Files:
    """Each node's share of the pod subnets, as ``boot/node/network`` reads it."""
    lines = "".join(f"{name} {' '.join(one)}\n" for name, one in shares.items())
    return {f"{_HERE}/shares": (lines.encode(), 0o644)}


def first_shares(config: ClusterConfig) -> list[str]:
    """What the controller manager gives to the first node: the first share of each pod subnet."""
    networks = [ipaddress.ip_network(subnet) for subnet in config.networking.pod_subnets]
    return [str(next(iter(network.subnets(new_prefix=_SHARE[network.version])))) for network in networks]


def cni_files(shares: Sequence[str], ipam: str = "host-local") -> Files:
    """The CNI configuration of a node with these shares of the pod subnets, and what ``boot/node/pod-dns`` needs of it."""
    ranges = [[{"subnet": share}] for share in shares]
    routes = [{"dst": "::/0" if ":" in share else "0.0.0.0/0"} for share in shares]
    network = {"cniVersion": "1.0.0", "name": "pytest-kind"}
    ptp = {"type": "ptp", "ipMasq": False, "ipam": {"type": ipam, "dataDir": "/run/cni-ipam", "routes": routes, "ranges": ranges}}
    # Who does not say how it is to be done has four processes of iptables for each pod, to find out.
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "iptables"}
    files = {_CONFLIST: {**network, "plugins": [ptp, portmap]}, f"{_HERE}/ptp.json": {**network, **ptp}}
    return {path: (json.dumps(content, indent=1).encode(), 0o644) for path, content in files.items()}


def balancer_files(facts: ClusterFacts) -> Files:
    """HAProxy's configuration: every control plane that serves, and nothing that has stopped."""
    families = {":" in address: address for address in facts.endpoint.addresses}
    binds = [*(["  bind 0.0.0.0:6443"]), *(["  bind [::]:6443 v6only"] if True in families else [])]
    servers = [
        f"  server {one.place.name} {_host(one.place.address)}:{API_PORT}" for one in facts.machines if one.place.role == labels.ROLE_CONTROL_PLANE
    ]
    lines = [
        "global",
        "  maxconn 4000",
        "  log stdout format raw local0 notice",
        f"  lua-load /{_AWAIT_SERVER}",
        "defaults",
        "  mode tcp",
        "  log global",
        "  timeout connect 2s",
        "  timeout check 2s",
        "  timeout client 24h",  # watches
        "  timeout server 24h",
        "frontend api",
        *binds,
        f"  tcp-request inspect-delay {_AWAIT_SECONDS}s",
        "  tcp-request content lua.await_server",
        "  use_backend ready if { nbsrv(ready) gt 0 }",
        "  default_backend serving",
        # Those that have their objects and etcd. What else is to be ready changes once more within a start, which would end connections.
        *_backend("ready", r"rstring (?s)^ok$|\[\+\]etcd\ ok.*\[\+\]informer-sync\ ok", 1, servers),
        # One that tells nobody (anonymous-auth=false) serves. Each is so for a moment, until it knows its roles: not for three seconds.
        *_backend("serving", "rstatus ^(401|403)$", 15, servers),
    ]
    await_server = (resources.files("pytest_kind.boot") / "node" / "await-server.lua").read_bytes()
    return {_AWAIT_SERVER: (await_server, 0o644), f"{_HERE}/haproxy.cfg": ("\n".join([*lines, ""]).encode(), 0o644)}


def _backend(name: str, expected: str, times: int, servers: Iterable[str]) -> list[str]:
    """API servers that answer as expected to so many checks."""
    return [
        f"backend {name}",
        "  option httpchk GET /readyz",
        f"  http-check expect {expected}",
        # The check wants to know who answers, not what: the connections themselves are the clients' to verify.
        "  default-server check check-ssl verify none inter 500ms fastinter 200ms downinter 200ms on-marked-down shutdown-sessions",
        f"  default-server fall 2 rise {times}",
        *servers,
    ]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _environment(config: ClusterConfig, facts: ClusterFacts, machine: Machine, lease: int) -> str:
    place = machine.place
    is_node = place.role != labels.ROLE_LOAD_BALANCER
    values = {
        "NODE": place.name,
        "ADDRESSES": " ".join(place.addresses),
        "FIRST": "yes" if place is facts.first else "",
        "HOLDS": "yes" if machine.is_initial else "",  # kubeadm join refuses a port that is in use
        "UNITS": "yes" if is_node and has_units(facts) else "",
        "NUMBER": str(place.number),
        "ALONE": "yes" if len(facts.nodes) == 1 else "",
        "WORKERS": " ".join(one.place.name for one in facts.nodes if not one.is_control_plane),
        "MEMBERS": " ".join(f"{one.place.name}=https://{_host(one.place.address)}:2380" for one in facts.nodes if one.is_control_plane),
        "LEASE": str(lease),
        # Nothing where another CNI does it.
        "MASQUERADE": " ".join(config.networking.pod_subnets) if is_node and not config.networking.disable_default_cni else "",
        "BALANCER": " ".join(facts.endpoint.addresses) if facts.replicated else "",
    }
    return "".join(f'{name}="{value}"\n' for name, value in values.items())
