"""The rules of addresses."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.config.types import ClusterConfig, Networking, Node, PortMapping
from pytest_kind.config.validate import problems

ANY = "0.0.0.0"  # noqa: S104


def net(**fields: Any) -> ClusterConfig:
    return ClusterConfig(networking=Networking(**fields))


def port(host: int = 0, address: str = "127.0.0.1", protocol: Any = "TCP", container: int = 80) -> PortMapping:
    return PortMapping(container_port=container, host_port=host, listen_address=address, protocol=protocol)


def ports(*nodes: tuple[PortMapping, ...], **networking: Any) -> ClusterConfig:
    return ClusterConfig(nodes=tuple(Node(extra_port_mappings=one) for one in nodes), networking=Networking(**networking))


@pytest.mark.parametrize(
    "config",
    [
        net(ip_family="ipv6"),
        net(ip_family="dual"),
        net(pod_subnet="10.1.2.0/24", service_subnet="10.2.0.0/28", api_server_address="::1"),
        net(pod_subnet="10.0.0.0/8", service_subnet="172.16.0.0/12"),
        net(ip_family="ipv6", pod_subnet="fd00:1::/48", service_subnet="fd00:2::/108"),
        net(ip_family="ipv6", pod_subnet="fd00:1::/64", service_subnet="fd00:2::/124"),
        net(ip_family="dual", pod_subnet="fd00:1::/56, 10.1.0.0/16", service_subnet="fd00:2::/112,10.2.0.0/16"),
        net(api_server_port=-1),
        net(api_server_port=65535, api_server_address=ANY),
        net(dns_search=()),
        net(dns_search=("example.com", "a", "_tcp.example.com.", "Corp.Local")),
        net(kube_proxy_mode="ipvs"),
        ClusterConfig(nodes=(Node(),) * 4, networking=Networking(pod_subnet="10.1.0.0/22")),
        ports((port(container=1), port(65535, container=65535))),
        ports((port(), port(-1), port(-1), port())),
        ports((port(80), port(80, protocol="UDP"), port(80, protocol="SCTP"))),
        ports((port(80), port(80, "127.0.0.2"), port(80, "::1")), (port(80, "127.0.0.3"),)),
        ports((port(80, protocol="UDP"),), api_server_port=80),
        ports((port(80, "127.0.0.2"),), api_server_port=80),
        ClusterConfig(
            registry_mirrors={
                "docker.io": ("http://mirror:5000", "https://a.b/v2/proxy"),
                "localhost:5001": ("http://[::1]:80",),
                "[::1]:5000": ("http://a",),
                "_default": ("http://10.0.0.1",),
            }
        ),
    ],
)
def test_what_is_just_inside_the_rules_passes(config: ClusterConfig) -> None:
    assert problems(config) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (net(pod_subnet="10.1.0.0/16,"), "networking.podSubnet: '' does not appear to be an IPv4 or IPv6 network"),
        (
            net(service_subnet="fd00::/108"),
            "networking.serviceSubnet: with ipFamily ipv4 must be one subnet of IPv4, found fd00::/108",
        ),
        (
            net(pod_subnet="10.1.0.0/16,10.2.0.0/16"),
            "networking.podSubnet: with ipFamily ipv4 must be one subnet of IPv4, found 10.1.0.0/16, 10.2.0.0/16",
        ),
        (
            net(ip_family="ipv6", pod_subnet="10.1.0.0/16"),
            "networking.podSubnet: with ipFamily ipv6 must be one subnet of IPv6, found 10.1.0.0/16",
        ),
        (
            net(ip_family="dual", pod_subnet="10.1.0.0/16"),
            "networking.podSubnet: with ipFamily dual must be one subnet of IPv4 and one of IPv6, found 10.1.0.0/16",
        ),
        (
            net(ip_family="dual", service_subnet="10.1.0.0/16,10.2.0.0/16"),
            "networking.serviceSubnet: with ipFamily dual must be one subnet of IPv4 and one of IPv6, found 10.1.0.0/16, 10.2.0.0/16",
        ),
        (
            net(ip_family="dual", pod_subnet="fd00:1::/56,10.1.0.0/16"),
            (
                "networking.serviceSubnet: must have podSubnet's order of families, the first is the cluster's main one; "
                "found 10.96.0.0/16, fd00:10:96::/112 and fd00:1::/56, 10.1.0.0/16"
            ),
        ),
        (net(pod_subnet="10.96.0.0/12"), "networking.podSubnet: 10.96.0.0/12 overlaps serviceSubnet 10.96.0.0/16"),
        (
            net(ip_family="dual", service_subnet="10.96.0.0/16,fd00:10:244::/112"),
            "networking.podSubnet: fd00:10:244::/56 overlaps serviceSubnet fd00:10:244::/112",
        ),
        (net(pod_subnet="10.1.2.0/25"), "networking.podSubnet: must be from /8 to /24, found 10.1.2.0/25"),
        (net(ip_family="ipv6", pod_subnet="fd00:1::/47"), "networking.podSubnet: must be from /48 to /64, found fd00:1::/47"),
        (net(service_subnet="10.0.0.0/11"), "networking.serviceSubnet: must be from /12 to /28, found 10.0.0.0/11"),
        (net(pod_subnet="10.96.1.2/16"), "networking.podSubnet: 10.96.0.0/16 overlaps serviceSubnet 10.96.0.0/16"),
        (net(service_subnet="10.0.0.0/29"), "networking.serviceSubnet: must be from /12 to /28, found 10.0.0.0/29"),
        (net(ip_family="ipv6", service_subnet="fd00:2::/64"), "networking.serviceSubnet: must be from /108 to /124, found fd00:2::/64"),
        (
            ClusterConfig(nodes=(Node(),) * 5, networking=Networking(pod_subnet="10.1.0.0/22")),
            "networking.podSubnet: 10.1.0.0/22 has room for 4 nodes of a /24 each, found 5 nodes",
        ),
        (net(api_server_address="here"), "networking.apiServerAddress: 'here' is no IP address"),
        (net(api_server_port=65536), "networking.apiServerPort: must be from 0 (the engine chooses) to 65535, found 65536"),
        (net(api_server_port=-2), "networking.apiServerPort: must be from 0 (the engine chooses) to 65535, found -2"),
        (net(dns_search=("a b",)), "networking.dnsSearch[0]: 'a b' is no domain"),
        (net(dns_search=("a", "a..b")), "networking.dnsSearch[1]: 'a..b' is no domain"),
        (net(dns_search=("",)), "networking.dnsSearch[0]: '' is no domain"),
        (ports((port(container=0),)), "nodes[0].extraPortMappings[0].containerPort: must be from 1 to 65535, found 0"),
        (ports((port(container=65536),)), "nodes[0].extraPortMappings[0].containerPort: must be from 1 to 65535, found 65536"),
        (ports((), (port(-2),)), "nodes[1].extraPortMappings[0].hostPort: must be from 0 (the engine chooses) to 65535, found -2"),
        (ports((port(address="localhost"),)), "nodes[0].extraPortMappings[0].listenAddress: 'localhost' is no IP address"),
        (
            ports((port(80), port(80))),
            "nodes[0].extraPortMappings[1].hostPort: 80/TCP on 127.0.0.1 is taken by nodes[0].extraPortMappings[0] (on 127.0.0.1)",
        ),
        (
            ports((port(80, "::1"),), (port(80, "0::0:1"),)),
            "nodes[1].extraPortMappings[0].hostPort: 80/TCP on ::1 is taken by nodes[0].extraPortMappings[0] (on ::1)",
        ),
        (
            ports((port(80, ANY),), (port(80),)),
            "nodes[1].extraPortMappings[0].hostPort: 80/TCP on 127.0.0.1 is taken by nodes[0].extraPortMappings[0] (on 0.0.0.0)",
        ),
        (
            ports((port(80),), (port(80, "::"),)),
            "nodes[1].extraPortMappings[0].hostPort: 80/TCP on :: is taken by nodes[0].extraPortMappings[0] (on 127.0.0.1)",
        ),
        (
            ports((port(6443),), api_server_port=6443),
            "nodes[0].extraPortMappings[0].hostPort: 6443/TCP on 127.0.0.1 is taken by networking.apiServerPort (on 127.0.0.1)",
        ),
        (
            ports((port(6443, ANY),), api_server_port=6443, ip_family="ipv6"),
            "nodes[0].extraPortMappings[0].hostPort: 6443/TCP on 0.0.0.0 is taken by networking.apiServerPort (on ::1)",
        ),
    ],
)
def test_each_rule_names_the_field_and_what_it_found(config: ClusterConfig, problem: str) -> None:
    assert problems(config) == [problem]
