"""A container on the engine's machine that looks around there, and tries in namespaces of its own what nodes do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.diagnose.doctor.collect.machine import FILES
from pytest_kind.errors import EngineError
from pytest_kind.provision.provider import Bind, ContainerSpec

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

_SECONDS = 30.0
_READ = {
    # Not the bound of processes: since Linux 6.14 a container has one of its own, and the machine's holds nevertheless.
    **{name: f"cat {file}" for name, file in FILES.items() if name != "processes"},
    "open-files": "ulimit -Hn",
    "disk": "df -P -B1 / | awk 'NR > 1 {print $4}'",
    "inodes": "df -P -i / | awk 'NR > 1 {print $2, $4}'",
    "routes": "ip -json route show table all; ip -json -6 route show table all",
    "systemd": "systemctl --version | head -n 1",
    "capabilities": "awk '/CapBnd/ {print $2}' /proc/self/status",
}
# A module that can be loaded is as good as one that is, and is not loaded for it; what is built in, or not there, is tried.
_FEATURES = {
    "ipv6": "[ -e /proc/sys/net/ipv6 ]",
    "nftables": "modprobe -n -q nf_tables || nft add table ip probe",
    "ipvs": "[ -e /proc/net/ip_vs ] || modprobe -n -q ip_vs",
    "dummy": "modprobe -n -q dummy || ip link add probe0 type dummy",
    "iptables": (
        "iptables -w -t nat -A POSTROUTING -m comment --comment probe -m mark --mark 0x4000/0x4000 -j MASQUERADE && "
        "iptables -w -t nat -A OUTPUT -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 192.0.2.1:1 && "
        "iptables -w -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    ),
    "bridge": "ip link add probe1 type bridge && ip link add probe2 type veth peer name probe3",
    "bridge-netfilter": "[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || modprobe -n -q br_netfilter",
    "vxlan": "modprobe -n -q vxlan || ip link add probe4 type vxlan id 1 dstport 4789",
    "overlay": (
        "mkdir -p /var/probe/lower /var/probe/upper /var/probe/work /var/probe/merged && mount -t overlay overlay"
        " -o lowerdir=/var/probe/lower,upperdir=/var/probe/upper,workdir=/var/probe/work /var/probe/merged"
    ),
}


def script() -> str:
    """Says each thing below its name. Trials are made in a network and with mounts of their own; nothing of them stays."""
    read = [f"echo '== {name}'; {command} 2>/dev/null" for name, command in _READ.items()]
    tried = [f"echo '== has {name}'; ({command}) >/dev/null 2>&1 && echo yes || echo no" for name, command in _FEATURES.items()]
    trials = "\n".join(tried).replace("'", "'\\''")
    return "\n".join([*read, f"unshare --net --mount sh -c '{trials}'", "echo '== end'"])


def look_around(provider: Provider, image: str, marks: Mapping[str, str], *, modules: bool) -> dict[str, str]:
    """What the container says, name -> text; ``refused`` where it does not start.

    Args:
        image: the id of a node image.
        marks: its labels.
        modules: whether the engine's machine has a /lib/modules.

    Raises:
        EngineError: the engine goes away meanwhile.
    """
    spec = ContainerSpec(
        name=f"pytest-kind-probe-{secrets.token_hex(4)}",
        image=image,
        labels={**marks, labels.KIND: "probe"},
        entrypoint=["sleep"],
        command=[f"{_SECONDS:.0f}"],
        volume="/var",
        network="host",  # the routes of the machine
        binds=[Bind(source="/lib/modules", target="/lib/modules", read_only=True)] if modules else [],
    )
    probe = provider.create(spec)
    try:
        try:
            provider.start(probe)
        except EngineError as error:
            return {"refused": str(error)}
        return sections(provider.exec(probe, ["sh", "-c", script()], seconds=_SECONDS).stdout)
    finally:
        provider.remove(probe)


def sections(text: str) -> dict[str, str]:
    """The script's answer by names; what was cut off is not there."""
    parts = re.split(r"^== (.*)$\n?", text, flags=re.MULTILINE)
    return {name: said.strip() for name, said in zip(parts[1::2], parts[2::2], strict=True) if name != "end"}
