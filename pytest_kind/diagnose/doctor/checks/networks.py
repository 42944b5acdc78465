"""Ports, subnets against the routes of the engine's machine, and proxies."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from pytest_kind.config.networks import NODES_IPV4, NODES_IPV6
from pytest_kind.config.types import ClusterConfig
from pytest_kind.diagnose.doctor.facts import Facts, shares_network
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity

PORT = Rule(
    id="port-taken",
    severity=Severity.ERROR,
    what="a port that the configuration asks for is taken",
    why="the engine refuses to start the node",
    remedy="end what has it, or take another port; 0 lets the engine choose",
    early=True,
)
NETWORK = Rule(
    id="network-missing",
    severity=Severity.ERROR,
    what="the engine has no network of the name that was asked for",
    why="nodes are to be on it",
    remedy="`docker network create NAME`, or leave --kind-network out",
    early=True,
)
OVERLAP = Rule(
    id="subnet-overlap",
    severity=Severity.WARNING,
    what="a route of the engine's machine (a VPN's, as a rule) leads into a subnet of the cluster or of the engine",
    why="hosts there cannot be reached from pods and nodes: the cluster has the same addresses itself",
    remedy="choose other subnets: networking.podSubnet, networking.serviceSubnet; of the engine's networks: default-address-pools in daemon.json",
    early=True,
)
INSIDE = Rule(
    id="subnet-inside-route",
    severity=Severity.NOTE,
    what="a subnet of the cluster lies inside a larger network to which the engine's machine has a route",
    why="the hosts of that network that have the same addresses cannot be reached from pods; all others can",
    remedy="choose other subnets where those hosts matter: networking.podSubnet, networking.serviceSubnet",
)
FORWARDING = Rule(
    id="ip-forward",
    severity=Severity.WARNING,
    what="the engine's machine does not forward packets (net.ipv4.ip_forward is 0)",
    why="nodes reach nothing outside: no registry, no DNS",
    remedy="`sudo sysctl -w net.ipv4.ip_forward=1` on the engine's machine",
    early=True,
)
PROXY_UNUSABLE = Rule(
    id="proxy-unusable",
    severity=Severity.ERROR,
    what="a proxy of the environment or of docker's configuration is no URL",
    why="nodes are given these proxies",
    remedy="correct or unset the variable, or `proxies` in ~/.docker/config.json",
    early=True,
)
PROXY_UNREACHABLE = Rule(
    id="proxy-unreachable",
    severity=Severity.WARNING,
    what="a proxy on this machine's loopback does not listen where nodes look for it",
    why="nodes reach this machine at the address of the engine's network; pulling images in the cluster fails there",
    remedy="have the proxy listen at that address too, or unset the variable for this run",
    early=True,
)
PROXY_LOST = Rule(
    id="proxy-not-passed-on",
    severity=Severity.WARNING,
    what="a proxy is on this machine's loopback, and the engine on another machine",
    why="nodes cannot reach it and are given none: they pull images without a proxy, or not at all",
    remedy="name a proxy that the engine's machine reaches",
    early=True,
)
NO_PROXY = Rule(
    id="proxy-without-loopback",
    severity=Severity.WARNING,
    what="there is a proxy, and NO_PROXY has neither localhost nor 127.0.0.1",
    why="the API is on loopback: tools that tests start (kubectl, helm, curl) ask the proxy for it (this plugin's own client does not)",
    remedy="`export NO_PROXY=localhost,127.0.0.1,::1,$NO_PROXY`",
)
PROXY_ENGINE = Rule(
    id="proxy-of-engine",
    severity=Severity.NOTE,
    what="this environment has a proxy, and the engine has none",
    why="the engine pulls images itself, and does not read this environment",
    remedy='if pulls fail, give it one: "proxies": {"http-proxy": …} in /etc/docker/daemon.json, and restart it',
)
RULES = (PORT, NETWORK, OVERLAP, INSIDE, FORWARDING, PROXY_UNUSABLE, PROXY_UNREACHABLE, PROXY_LOST, NO_PROXY, PROXY_ENGINE)

_ID = re.compile(r"[0-9a-f]{12,64}")  # of a network, which the engine takes for its name
_LOOPBACK = {"localhost", "127.0.0.1", "127.0.0.0/8", "*"}


def networks(facts: Facts) -> Iterator[Finding]:
    """What packets meet."""
    yield from _ports(facts)
    yield from _proxies(facts)
    engine = facts.engine
    if engine is None:
        return
    if facts.wanted.network not in engine.networks and not _ID.fullmatch(facts.wanted.network):
        yield NETWORK.found(
            f"{facts.wanted.network!r}; there are {', '.join(sorted(engine.networks))}",
            f"`docker network create {facts.wanted.network}`, or another name",
        )
    if not engine.forwards:
        yield FORWARDING.found("IPv4 forwarding is disabled")
    yield from _subnets(facts)


def asked_ports(config: ClusterConfig) -> Iterator[tuple[str, str, int, str]]:
    """Every fixed port of a configuration: protocol, address, number, and the field."""
    networking = config.networking
    if networking.api_server_port > 0:
        yield "tcp", networking.api_server_address, networking.api_server_port, "networking.apiServerPort"
    for number, node in enumerate(config.nodes):
        for index, mapping in enumerate(node.extra_port_mappings):
            if mapping.host_port > 0:
                yield mapping.protocol.lower(), mapping.listen_address, mapping.host_port, f"nodes[{number}].extraPortMappings[{index}]"


def _ports(facts: Facts) -> Iterator[Finding]:
    engine = facts.engine
    published = engine.published if engine is not None else ()
    # In a network of its own a process sees other ports than the engine's machine has.
    listening = facts.here.listening if engine is None or shares_network(engine, facts.here) else {}
    for protocol, address, port, field in asked_ports(facts.wanted.config):
        held = next((one for one in published if (one.port, one.protocol) == (port, protocol) and _meet(one.address, address)), None)
        trouble = f"container {held.container} publishes it" if held is not None else listening.get((protocol, address, port))
        if trouble is not None:
            yield PORT.found(f"{field}: {protocol} {address}:{port}: {trouble}")


def _meet(one: str, other: str) -> bool:
    any_address = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with
    return one == other or one in any_address or other in any_address


def _subnets(facts: Facts) -> Iterator[Finding]:
    engine, config = facts.engine, facts.wanted.config
    assert engine is not None  # noqa: S101 - the caller has looked
    networking = config.networking
    own = [("networking.podSubnet", one) for one in networking.pod_subnets]
    own += [("networking.serviceSubnet", one) for one in networking.service_subnets]
    own += [("the nodes' own addresses", one) for one in ((NODES_IPV4,) if networking.ip_family == "ipv4" else (NODES_IPV4, NODES_IPV6))]
    there = engine.networks.get(facts.wanted.network)
    own += [(f"the engine's network {facts.wanted.network}", one) for one in (there.subnets if there is not None else ())]
    bridges = {subnet for network in engine.networks.values() for subnet in network.subnets}
    for route in facts.machine.routes:
        if route.network in bridges:
            continue
        leads = ipaddress.ip_network(route.network)
        for name, subnet in own:
            cluster = ipaddress.ip_network(subnet)
            if leads.version != cluster.version or not leads.overlaps(cluster):
                continue
            inside = leads.prefixlen < cluster.prefixlen
            said = f"{name} {subnet} {'lies in' if inside else 'has in it'} {route.network}, to which {route.device} leads"
            yield (INSIDE if inside else OVERLAP).found(said)


def _proxies(facts: Facts) -> Iterator[Finding]:
    here, engine = facts.here, facts.engine
    if here.client_problem is not None:
        yield PROXY_UNUSABLE.found(here.client_problem)
    for address, why in here.dead_proxies.items():
        yield (PROXY_LOST if engine is not None and not engine.local else PROXY_UNREACHABLE).found(f"{address}: {why}")
    names = [name for name in ("HTTP_PROXY", "HTTPS_PROXY") if here.environ.get(name) or here.environ.get(name.lower())]
    if not names:
        return
    without = (here.environ.get("NO_PROXY") or here.environ.get("no_proxy") or "").replace(" ", "").split(",")
    if not _LOOPBACK & {*without}:
        yield NO_PROXY.found(f"{' and '.join(names)} set, NO_PROXY {'lacks loopback' if any(without) else 'is not set'}")
    if engine is not None and not engine.proxies:
        yield PROXY_ENGINE.found(f"{' and '.join(names)} set here, {engine.name} has no proxy")
