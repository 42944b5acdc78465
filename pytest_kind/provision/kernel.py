"""What a configuration asks of the engine's kernel, tried out before anything starts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import UsageError
from pytest_kind.provision.provider import Bind, ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.provision.provider import EngineInfo, Provider

_IPV6 = ("networking.ipFamily", "IPv6 (kernel module ipv6)", "[ -e /proc/sys/net/ipv6 ]")
# What kube-proxy does in each mode, with the same programs. The kernel loads modules on demand where it may.
_MODES = {
    "iptables": (),
    "none": (),
    "nftables": (("networking.kubeProxyMode", "nftables (kernel module nf_tables)", "nft add table ip pytest-kind-probe"),),
    "ipvs": (
        ("networking.kubeProxyMode", "IPVS (kernel module ip_vs)", "modprobe ip_vs 2>/dev/null; [ -e /proc/net/ip_vs ]"),
        ("networking.kubeProxyMode", "dummy interfaces (kernel module dummy)", "ip link add probe0 type dummy"),
    ),
}


def check(provider: Provider, engine: EngineInfo, config: ClusterConfig, *, image: str, marks: Mapping[str, str]) -> None:
    """Refuses a configuration that the kernel cannot carry.

    Args:
        image: a node image: what is tried is tried with its programs.
        marks: labels of the container in which it is tried.

    Raises:
        UsageError: names each field and the module that is missing.
    """
    networking = config.networking
    wanted = [*([_IPV6] if networking.ip_family != "ipv4" else []), *_MODES[networking.kube_proxy_mode]]
    if not wanted:
        return
    modules = [Bind(source="/lib/modules", target="/lib/modules", read_only=True)] if engine.kernel_modules else []
    probe = provider.create(
        ContainerSpec(
            name=f"pytest-kind-probe-{secrets.token_hex(4)}",
            image=image,
            labels={**marks, labels.KIND: "probe"},
            entrypoint=["sleep"],
            command=["60"],
            binds=modules,
        )
    )
    try:
        provider.start(probe)
        missing = [f"{field}: the engine's kernel has no {what}" for field, what, test in wanted if provider.exec(probe, ["sh", "-c", test]).code]
    finally:
        provider.remove(probe)
    if missing:
        raise UsageError("; ".join(missing))
