"""The rules of addresses: subnets, ports, search domains."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator

from pytest_kind.config.types import ClusterConfig

# Where the constant addresses of nodes lie (provision/places.py). From the block that RFC 2544 sets aside for benchmarks, and
# a local IPv6 one (RFC 4193): no network that a pod might want to reach is there.
NODES_IPV4 = "198.19.255.0/24"
NODES_IPV6 = "fd00:198:19:255::/64"

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_PORT = 65535
_ANY = {"0.0.0.0", "::"}  # noqa: S104 - compared with
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?")
_FAMILIES = {"ipv4": (4,), "ipv6": (6,), "dual": (4, 6)}
# A node's share of the pods' subnet (the controller manager's --node-cidr-mask-size-ipv4 and -ipv6), and how much larger the
# whole may be (kubeadm's PodSubnetNodeMaskMaxDiff): from, to.
_SHARE = {4: 24, 6: 64}
_POD_SIZES = {version: (share - 16, share) for version, share in _SHARE.items()}
# kubeadm's MaximumBitsForServiceSubnet and MinimumAddressesInServiceSubnet.
_SERVICE_SIZES = {4: (12, 28), 6: (108, 124)}


def networking(config: ClusterConfig) -> Iterator[str]:
    """Subnets, and how the API server is reached."""
    wanted = config.networking
    yield from _pods_and_services(config)
    if not _is_address(wanted.api_server_address):
        yield f"networking.apiServerAddress: {wanted.api_server_address!r} is no IP address"
    if not 0 <= wanted.api_server_port <= _MAX_PORT:
        yield f"networking.apiServerPort: must be from 0 (the engine chooses) to {_MAX_PORT}, found {wanted.api_server_port}"
    for index, domain in enumerate(wanted.dns_search or ()):
        if not _DOMAIN.fullmatch(domain):
            yield f"networking.dnsSearch[{index}]: {domain!r} is no domain"


def _pods_and_services(config: ClusterConfig) -> Iterator[str]:
    wanted = config.networking
    pods: list[_Network] = []
    services: list[_Network] = []
    yield from _subnets("networking.podSubnet", wanted.ip_family, wanted.pod_subnets, pods)
    yield from _subnets("networking.serviceSubnet", wanted.ip_family, wanted.service_subnets, services)
    yield from _sizes("networking.podSubnet", pods, _POD_SIZES)
    yield from _sizes("networking.serviceSubnet", services, _SERVICE_SIZES)
    if pods and services and pods[0].version != services[0].version:
        yield (
            f"networking.serviceSubnet: must have podSubnet's order of families, the first is the cluster's main one; "
            f"found {', '.join(wanted.service_subnets)} and {', '.join(wanted.pod_subnets)}"
        )
    for pod in pods:
        shares = 1 << max(_SHARE[pod.version] - pod.prefixlen, 0)
        if shares < len(config.nodes):
            yield f"networking.podSubnet: {pod} has room for {shares} nodes of a /{_SHARE[pod.version]} each, found {len(config.nodes)} nodes"
    for path, one in (*(("networking.podSubnet", one) for one in pods), *(("networking.serviceSubnet", one) for one in services)):
        nodes = ipaddress.ip_network(NODES_IPV4 if one.version == 4 else NODES_IPV6)  # noqa: PLR2004 - the family
        if one.overlaps(nodes):
            yield f"{path}: {one} overlaps the nodes' own addresses, {nodes}"
    for pod, service in itertools.product(pods, services):
        if pod.version == service.version and pod.overlaps(service):
            yield f"networking.podSubnet: {pod} overlaps serviceSubnet {service}"


def _subnets(path: str, family: str, found: tuple[str, ...], good: list[_Network]) -> Iterator[str]:
    """The problems; what is good comes into the list, or nothing where the families are wrong."""
    for text in found:
        try:
            good.append(ipaddress.ip_network(text))
        except ValueError as error:
            yield f"{path}: {error}"
    if len(good) == len(found) and sorted(one.version for one in good) != list(_FAMILIES[family]):
        accepted = " and one of ".join(f"IPv{version}" for version in _FAMILIES[family])
        yield f"{path}: with ipFamily {family} must be one subnet of {accepted}, found {', '.join(found)}"
        good.clear()


def _sizes(path: str, subnets: list[_Network], sizes: dict[int, tuple[int, int]]) -> Iterator[str]:
    for one in subnets:
        largest, smallest = sizes[one.version]
        if not largest <= one.prefixlen <= smallest:
            yield f"{path}: must be from /{largest} to /{smallest}, found {one}"


def ports(config: ClusterConfig) -> Iterator[str]:
    """Ports of the engine's machine are taken once, by whichever node; an address of all takes a port on every one."""
    wanted = config.networking
    taken: dict[tuple[int, str], list[tuple[str, str]]] = {}
    if wanted.api_server_port > 0 and _is_address(wanted.api_server_address):
        taken[wanted.api_server_port, "TCP"] = [(_plain(wanted.api_server_address), "networking.apiServerPort")]
    for number, node in enumerate(config.nodes):
        for index, port in enumerate(node.extra_port_mappings):
            here = f"nodes[{number}].extraPortMappings[{index}]"
            if not 1 <= port.container_port <= _MAX_PORT:
                yield f"{here}.containerPort: must be from 1 to {_MAX_PORT}, found {port.container_port}"
            if not 0 <= port.host_port <= _MAX_PORT:
                yield f"{here}.hostPort: must be from 0 (the engine chooses) to {_MAX_PORT}, found {port.host_port}"
            if not _is_address(port.listen_address):
                yield f"{here}.listenAddress: {port.listen_address!r} is no IP address"
            elif port.host_port > 0:
                address, others = _plain(port.listen_address), taken.setdefault((port.host_port, port.protocol), [])
                for other, whose in others[:1] if address in _ANY else [one for one in others if one[0] == address or one[0] in _ANY][:1]:
                    yield f"{here}.hostPort: {port.host_port}/{port.protocol} on {address} is taken by {whose} (on {other})"
                others.append((address, here))


def _plain(address: str) -> str:
    return str(ipaddress.ip_address(address))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
