"""What the engine's kernel has, against what the configuration and Kubernetes ask for."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, LoadModules, Rule, Severity

# systemd 256 refuses to boot on cgroup v1 (its release notes).
_LAST_SYSTEMD = 255

IPV6 = Rule(
    id="kernel-ipv6",
    severity=Severity.ERROR,
    what="the kernel has no IPv6, and networking.ipFamily asks for it",
    why="nodes, pods and services would get no addresses",
    remedy="boot the engine's machine without `ipv6.disable=1`, or leave ipFamily at ipv4",
)
NFTABLES = Rule(
    id="kernel-nftables",
    severity=Severity.ERROR,
    what="the kernel has no nftables, and networking.kubeProxyMode asks for it",
    why="kube-proxy writes its rules there: no Service would answer",
    remedy="`sudo modprobe nf_tables` on the engine's machine, or leave kubeProxyMode at iptables",
    fixable=True,
)
IPVS = Rule(
    id="kernel-ipvs",
    severity=Severity.ERROR,
    what="the kernel has no IPVS, and networking.kubeProxyMode asks for it",
    why="kube-proxy writes its rules there: no Service would answer",
    remedy="`sudo modprobe ip_vs` on the engine's machine, or leave kubeProxyMode at iptables",
    fixable=True,
)
DUMMY = Rule(
    id="kernel-dummy",
    severity=Severity.ERROR,
    what="the kernel has no dummy interfaces, and kube-proxy in its mode ipvs binds services to one",
    why="no Service would answer",
    remedy="`sudo modprobe dummy` on the engine's machine, or leave kubeProxyMode at iptables",
    fixable=True,
)
IPTABLES = Rule(
    id="kernel-iptables",
    severity=Severity.ERROR,
    what="the kernel has not all of netfilter that kube-proxy writes into: NAT, marks, comments, statistics, connection tracking",
    why="no Service would answer",
    remedy="load what is missing on the engine's machine: `sudo modprobe -a nf_conntrack iptable_nat xt_comment xt_mark xt_statistic xt_MASQUERADE`",
    fixable=True,
)
BRIDGE = Rule(
    id="kernel-bridge",
    severity=Severity.ERROR,
    what="the kernel has no bridges, or no veth pairs",
    why="pods are tied to their node by both",
    remedy="`sudo modprobe -a bridge veth` on the engine's machine",
    fixable=True,
)
OVERLAY = Rule(
    id="kernel-overlay",
    severity=Severity.ERROR,
    what="overlayfs cannot be mounted on a volume of the engine",
    why="containerd in a node unpacks images so",
    remedy="`sudo modprobe overlay` on the engine's machine; where its data lies on NFS or ZFS, move it to ext4 or xfs (`data-root`)",
    fixable=True,
)
BRIDGE_NETFILTER = Rule(
    id="bridge-netfilter",
    severity=Severity.WARNING,
    what="the kernel does not show bridged packets to netfilter (br_netfilter)",
    why="a pod that asks a Service which leads to a pod of the same node may get no answer",
    remedy="`sudo modprobe br_netfilter` on the engine's machine",
    fixable=True,
)
VXLAN = Rule(
    id="kernel-vxlan",
    severity=Severity.WARNING,
    what="the kernel has no VXLAN, and the configuration brings a network of its own (disableDefaultCNI)",
    why="many of them (flannel, Calico, Cilium) tunnel through it as they come",
    remedy="`sudo modprobe vxlan` on the engine's machine, or set that network to route without tunnels",
    fixable=True,
)
CGROUP_SYSTEMD = Rule(
    id="cgroup-systemd",
    severity=Severity.ERROR,
    what="the machine has cgroup v1, and the node image a systemd newer than 255",
    why="such a systemd does not start on cgroup v1: the node ends at once",
    remedy="boot the engine's machine with `systemd.unified_cgroup_hierarchy=1`, or use a node image with an older systemd (this project's own)",
)
CGROUP_V1 = Rule(
    id="cgroup-v1",
    severity=Severity.NOTE,
    what="the machine has cgroup v1",
    why="Kubernetes gave it up: from 1.35 on a kubelet refuses it unless failCgroupV1 is false, as it is here; a patch must not set it back",
    remedy="nothing has to be done; boot the machine with `systemd.unified_cgroup_hierarchy=1` for cgroup v2",
)
CGROUP_CONTROLLERS = Rule(
    id="cgroup-controllers",
    severity=Severity.ERROR,
    what="the engine cannot bound memory, processors or processes of containers",
    why="a kubelet does not start without these controllers",
    remedy="add `cgroup_enable=memory` to the kernel's command line; for a rootless engine have systemd delegate `cpu cpuset memory pids`",
    early=True,
)
RULES = (IPV6, NFTABLES, IPVS, DUMMY, IPTABLES, BRIDGE, OVERLAY, BRIDGE_NETFILTER, VXLAN, CGROUP_SYSTEMD, CGROUP_V1, CGROUP_CONTROLLERS)

# A feature as the machine's facts name it -> the rule that it is missing, and the modules that have it.
_FEATURES = {
    "ipv6": (IPV6, ()),
    "nftables": (NFTABLES, ("nf_tables",)),
    "ipvs": (IPVS, ("ip_vs",)),
    "dummy": (DUMMY, ("dummy",)),
    "iptables": (IPTABLES, ("nf_conntrack", "iptable_nat", "xt_comment", "xt_mark", "xt_statistic", "xt_MASQUERADE")),
    "bridge": (BRIDGE, ("bridge", "veth")),
    "overlay": (OVERLAY, ("overlay",)),
    "bridge-netfilter": (BRIDGE_NETFILTER, ("br_netfilter",)),
    "vxlan": (VXLAN, ("vxlan",)),
}

_OF_MODE = {
    "iptables": ("iptables", "bridge-netfilter"),
    "nftables": ("nftables", "bridge-netfilter"),
    "ipvs": ("ipvs", "dummy", "iptables", "bridge-netfilter"),
    "none": (),
}


def kernels(facts: Facts) -> Iterator[Finding]:
    """Features and cgroups."""
    engine = facts.engine
    for feature in wanted_features(facts):
        if facts.machine.features.get(feature) is False:
            rule, modules = _FEATURES[feature]
            yield rule.found(f"kernel {engine.kernel if engine else '?'} has no {feature}", fix=LoadModules(modules) if modules else None)
    if engine is None:
        return
    if engine.lacks:
        yield CGROUP_CONTROLLERS.found(f"missing: {', '.join(engine.lacks)}")
    if engine.cgroup_version == 1:
        yield CGROUP_V1.found("cgroup v1")
        if facts.machine.systemd is not None and facts.machine.systemd > _LAST_SYSTEMD:
            yield CGROUP_SYSTEMD.found(f"systemd {facts.machine.systemd} in {facts.holdings.image_name or 'the node image'}")


def wanted_features(facts: Facts) -> list[str]:
    """What a cluster of this configuration takes from the kernel."""
    networking = facts.wanted.config.networking
    return [
        "bridge",
        "overlay",
        *(["ipv6"] if networking.ip_family != "ipv4" else []),
        *_OF_MODE[networking.kube_proxy_mode],
        *(["vxlan"] if networking.disable_default_cni else []),
    ]
