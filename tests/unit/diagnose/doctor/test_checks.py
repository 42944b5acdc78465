"""Every rule of the doctor: the fault that it is about makes its finding, and that one alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping
from pytest_kind.diagnose.doctor.facts import Facts, Route, Unreachable
from pytest_kind.diagnose.doctor.finding import LoadModules, SetSysctl, Sweep
from pytest_kind.diagnose.doctor.judge import EARLY, RULES, judge
from pytest_kind.provision.provider import Network
from pytest_kind.provision.survey import Published
from support.doctor import FEATURES, GIB, HEALTHY, facts

MOUNTS = ClusterConfig(nodes=(Node(extra_mounts=(Mount(host_path="/data", container_path="/data"),)),))
PORT = ClusterConfig(nodes=(Node(extra_port_mappings=(PortMapping(container_port=80, host_port=8080),)),))
PROXY = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost"}
OWN_PROXY = {"proxies": {"HTTPS_PROXY": "http://proxy:3128"}}


def mode(name: Any) -> ClusterConfig:
    return ClusterConfig(networking=Networking(kube_proxy_mode=name))


def without(feature: str) -> dict[str, Any]:
    return {"features": {name: name != feature for name in FEATURES}}


def no_engine(state: str, said: str = "words") -> Facts:
    return facts(unreachable=Unreachable(address="unix:///s", origin="DOCKER_HOST", state=state, said=said))


class Fault(NamedTuple):
    """Facts with a fault, and the finding of it: its rule's id and what it says was found."""

    id: str
    facts: Facts
    found: str


FAULTS = [
    Fault("engine-socket", no_engine("missing", "no such socket"), "unix:///s (DOCKER_HOST): no such socket"),
    Fault("engine-permission", no_engine("forbidden", "permission denied"), "unix:///s (DOCKER_HOST): permission denied"),
    Fault("engine-refused", no_engine("refused", "connection refused"), "unix:///s (DOCKER_HOST): connection refused"),
    Fault("engine-address", no_engine("unusable"), "unix:///s (DOCKER_HOST): words"),
    Fault("engine-address", no_engine("unknown-host"), "unix:///s (DOCKER_HOST): words"),
    Fault("engine-tls", no_engine("tls"), "unix:///s (DOCKER_HOST): words"),
    Fault("engine-silent", no_engine("silent"), "unix:///s (DOCKER_HOST): words"),
    Fault(
        "engine-context",
        facts(here={"context": "gone", "context_origin": "DOCKER_CONTEXT", "contexts": ("desktop",)}),
        "DOCKER_CONTEXT names 'gone'; there are default, desktop",
    ),
    Fault(
        "engine-context-ignored",
        facts(here={"context": "desktop", "context_origin": "config.json", "contexts": ("desktop",), "environ": {"DOCKER_HOST": "unix:///s"}}),
        "DOCKER_HOST=unix:///s beside the context 'desktop' (config.json)",
    ),
    Fault(
        "engine-remote",
        facts(engine={"local": False, "address": "tcp://build:2376"}),
        "the engine is at tcp://build:2376, networking.apiServerAddress is 127.0.0.1",
    ),
    Fault(
        "engine-paths",
        facts(replace(MOUNTS, networking=Networking(api_server_address="10.0.0.1")), engine={"local": False, "address": "tcp://build:2376"}),
        "the engine is at tcp://build:2376, extraMounts has /data",
    ),
    Fault(
        "engine-elsewhere",
        facts(here={"container": True, "subnets": ("10.0.0.0/24",)}),
        "the engine's network 172.17.0.0/16 is none of this container's",
    ),
    Fault("engine-old", facts(engine={"api": "1.40", "name": "Docker 19.03"}), "Docker 19.03 speaks API 1.40"),
    Fault("engine-aging", facts(MOUNTS, engine={"api": "1.41"}), "Fake 1.0 speaks API 1.41"),
    Fault("engine-podman", facts(engine={"product": "Podman", "name": "Podman 5.0"}), "Podman 5.0 at unix:///fake"),
    Fault("engine-rootless", facts(engine={"rootless": True}), "Fake 1.0 at unix:///fake"),
    Fault("engine-userns", facts(engine={"userns": True}), "Fake 1.0 at unix:///fake"),
    Fault("engine-open", facts(engine={"open_to": ("http://0.0.0.0:2375",)}), "http://0.0.0.0:2375"),
    Fault("privileged", facts(machine={"refused": "operation not permitted"}), "operation not permitted"),
    Fault(
        "privileged",
        facts(engine={"product": "Docker", "version": "20.10.24+dfsg1", "name": "Docker 20.10.24+dfsg1"}, machine={"capabilities": 0x1FFFEFFFFFF}),
        "Docker 20.10.24+dfsg1 asks for CAP_SYS_RESOURCE, which it does not have itself",
    ),
    Fault("storage-driver", facts(engine={"storage_driver": "vfs"}), "'vfs'"),
    Fault("selinux-mounts", facts(MOUNTS, engine={"selinux": True}), "extraMounts: /data"),
    Fault("kernel-ipv6", facts(ClusterConfig(networking=Networking(ip_family="dual")), machine=without("ipv6")), "kernel fake-1 has no ipv6"),
    Fault("kernel-nftables", facts(mode("nftables"), machine=without("nftables")), "kernel fake-1 has no nftables"),
    Fault("kernel-ipvs", facts(mode("ipvs"), machine=without("ipvs")), "kernel fake-1 has no ipvs"),
    Fault("kernel-dummy", facts(mode("ipvs"), machine=without("dummy")), "kernel fake-1 has no dummy"),
    Fault("kernel-iptables", facts(machine=without("iptables")), "kernel fake-1 has no iptables"),
    Fault("kernel-bridge", facts(machine=without("bridge")), "kernel fake-1 has no bridge"),
    Fault("kernel-overlay", facts(machine=without("overlay")), "kernel fake-1 has no overlay"),
    Fault("bridge-netfilter", facts(machine=without("bridge-netfilter")), "kernel fake-1 has no bridge-netfilter"),
    Fault(
        "kernel-vxlan", facts(ClusterConfig(networking=Networking(disable_default_cni=True)), machine=without("vxlan")), "kernel fake-1 has no vxlan"
    ),
    Fault("cgroup-v1", facts(engine={"cgroup_version": 1}), "cgroup v1"),
    Fault("cgroup-systemd", facts(engine={"cgroup_version": 1}, machine={"systemd": 257}), "systemd 257 in pytest-kind/node:v1.37.1-0"),
    Fault("cgroup-controllers", facts(engine={"lacks": ("memory", "pids")}), "missing: memory, pids"),
    Fault(
        "inotify-instances",
        facts(machine={"inotify_instances": 128}, holdings={"nodes": {"a": 1, "b": 1}}),
        "fs.inotify.max_user_instances is 128; 2 nodes run and 1 are to come, which takes about 140",
    ),
    Fault(
        "inotify-watches",
        facts(machine={"inotify_watches": 1024}),
        "fs.inotify.max_user_watches is 1024; 0 nodes run and 1 are to come, which takes about 2300",
    ),
    Fault("process-ids", facts(machine={"processes": 2048}), "kernel.pid_max is 2048; 0 nodes run and 1 are to come, which takes about 2250"),
    Fault("open-files", facts(machine={"open_files": 1024}), "1024"),
    Fault("disk-full", facts(machine={"disk_free": 100 << 20}), "100 MiB free in /var/lib/fake; 1 nodes take about 200 MiB"),
    Fault("disk-low", facts(machine={"disk_free": GIB}), "1.0 GiB free in /var/lib/fake; 1 nodes take about 200 MiB"),
    Fault("disk-inodes", facts(machine={"inodes_free": 100}), "100 free in /var/lib/fake"),
    Fault("memory", facts(machine={"memory_free": 300 << 20}), "300 MiB free, 1 nodes take about 500 MiB"),
    Fault("memory-of-nodes", facts(ClusterConfig(nodes=(Node(memory="16Gi"),))), "16.0 GiB together, the machine has 8.0 GiB"),
    Fault(
        "memory-of-workers",
        facts(wanted={"clusters": 10, "clusters_from": "--kind-max-clusters=10"}),
        "10 clusters (--kind-max-clusters=10) of 1 nodes, the machine has 8.0 GiB",
    ),
    Fault("cpus-of-nodes", facts(ClusterConfig(nodes=(Node(cpus=4.0),))), "cpus: 4, the machine has 2"),
    Fault("cpus", facts(engine={"cpus": 1}), "Fake 1.0 has 1 processor"),
    Fault(
        "port-taken",
        facts(PORT, here={"listening": {("tcp", "127.0.0.1", 8080): "address already in use by nginx (process 7)"}}),
        "nodes[0].extraPortMappings[0]: tcp 127.0.0.1:8080: address already in use by nginx (process 7)",
    ),
    Fault(
        "port-taken",
        facts(
            ClusterConfig(networking=Networking(api_server_port=6443)),
            engine={"published": (Published(port=6443, protocol="tcp", address="0.0.0.0", container="web"),)},  # noqa: S104
        ),
        "networking.apiServerPort: tcp 127.0.0.1:6443: container web publishes it",
    ),
    Fault("network-missing", facts(wanted={"network": "kind"}), "'kind'; there are bridge"),
    Fault(
        "subnet-overlap",
        facts(machine={"routes": (Route(network="10.244.7.0/24", device="tun0"),)}),
        "networking.podSubnet 10.244.0.0/16 has in it 10.244.7.0/24, to which tun0 leads",
    ),
    Fault(
        "subnet-overlap",
        facts(machine={"routes": (Route(network="198.19.255.0/24", device="tun0"),)}),
        "the nodes' own addresses 198.19.255.0/24 has in it 198.19.255.0/24, to which tun0 leads",
    ),
    Fault(
        "subnet-inside-route",
        facts(machine={"routes": (Route(network="172.16.0.0/12", device="tun0"),)}),
        "the engine's network bridge 172.17.0.0/16 lies in 172.16.0.0/12, to which tun0 leads",
    ),
    Fault("ip-forward", facts(engine={"forwards": False}), "IPv4 forwarding is disabled"),
    Fault("proxy-unusable", facts(here={"client_problem": "HTTP_PROXY: is no URL"}), "HTTP_PROXY: is no URL"),
    Fault("proxy-unreachable", facts(here={"dead_proxies": {"172.17.0.1:3128": "Connection refused"}}), "172.17.0.1:3128: Connection refused"),
    Fault(
        "proxy-not-passed-on",
        facts(
            ClusterConfig(networking=Networking(api_server_address="10.0.0.1")),
            engine={"local": False},
            here={"dead_proxies": {"port 3128 of this machine": "elsewhere"}},
        ),
        "port 3128 of this machine: elsewhere",
    ),
    Fault(
        "proxy-without-loopback",
        facts(here={"environ": {**PROXY, "NO_PROXY": ".corp"}}, engine=OWN_PROXY),
        "HTTPS_PROXY set, NO_PROXY lacks loopback",
    ),
    Fault("proxy-of-engine", facts(here={"environ": PROXY}), "HTTPS_PROXY set here, Fake 1.0 has no proxy"),
    Fault("cache-unwritable", facts(cache={"problem": "/ is no folder"}), "/cache: / is no folder"),
    Fault("cache-network", facts(cache={"filesystem": "nfs4"}), "/cache is on nfs4"),
    Fault("cache-noexec", facts(cache={"noexec": True}), "/cache"),
    Fault("cache-space", facts(cache={"free": GIB}, holdings={"image": False}), "1.0 GiB free in /cache; a build takes about 4"),
    Fault("stale-locks", facts(cache={"stale": ("image-1.lock",)}), "1 in /cache: image-1.lock"),
    Fault("clock-skew", facts(engine={"ahead": -400.0}), "the engine's clock is 400 s behind"),
    Fault("clock-past", facts(here={"now": 0.0}), "it says 1970-01-01, and there are files of 2027-01-15"),
    Fault("leftovers", facts(holdings={"leftovers": ("container a", "volume b")}), "container a, volume b"),
    Fault(
        "unused-images",
        facts(holdings={"unused": {"a:1": "sha256:1"}}, engine={"image_bytes": {"sha256:1": GIB}}),
        "a:1 (1.0 GiB, with what they have in common)",
    ),
    Fault("name-taken", facts(wanted={"name": "dev"}, holdings={"names": {"dev": "a run's"}}), "dev: a run's"),
    Fault("name-taken", facts(wanted={"name": "dev"}, holdings={"names": {"dev-control-plane": "container x"}}), "dev-control-plane: container x"),
    Fault("other-clusters", facts(holdings={"foreign": ("kind",)}), "kind"),
    Fault("image-missing", facts(holdings={"image": False}), "pytest-kind/node:v1.37.1-0"),
    Fault("build-tools", facts(holdings={"image": False}, here={"tools": {"go": None, "cc": "/usr/bin/cc"}}), "missing: go"),
]
# What cannot be without something else being wrong too.
BESIDE = {
    "cgroup-systemd": ["cgroup-v1"],
    "memory-of-nodes": [],
    "cache-space": ["image-missing"],
    "build-tools": ["image-missing"],
    "proxy-not-passed-on": [],
}


def test_of_a_healthy_machine_nothing_is_said() -> None:
    assert judge(HEALTHY) == []


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{one.id}-{number}" for number, one in enumerate(FAULTS)])
def test_a_fault_is_found(fault: Fault) -> None:
    findings = {one.id: one for one in judge(fault.facts)}
    assert [name for name in findings if name not in BESIDE.get(fault.id, ())] == [fault.id]
    assert findings[fault.id].found == fault.found
    assert findings[fault.id].remedy


def test_every_rule_has_a_fault_and_a_name_of_its_own() -> None:
    assert {one.id for one in FAULTS} == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{one.id}-{number}" for number, one in enumerate(FAULTS)])
def test_what_a_rule_says_can_be_mended_has_a_fix(fault: Fault) -> None:
    (finding,) = (one for one in judge(fault.facts) if one.id == fault.id)
    assert (finding.fix is not None) is finding.rule.fixable


@pytest.mark.parametrize(
    ("broken", "fix", "command"),
    [
        (facts(machine={"inotify_instances": 8}), SetSysctl("fs.inotify.max_user_instances", 512), "sysctl -w fs.inotify.max_user_instances=512"),
        (
            facts(machine={"inotify_instances": 512}, holdings={"nodes": {"a": 30}}),
            SetSysctl("fs.inotify.max_user_instances", 1260),
            "sysctl -w fs.inotify.max_user_instances=1260",
        ),
        (facts(machine=without("bridge")), LoadModules(("bridge", "veth")), "modprobe -a bridge veth"),
        (facts(cache={"stale": ("a",)}), Sweep(), "pytest-kind gc"),
    ],
)
def test_a_fix_is_a_command(broken: Facts, fix: Any, command: str) -> None:
    (finding,) = judge(broken)
    assert (finding.fix, str(finding.fix)) == (fix, command)


def test_the_worst_comes_first() -> None:
    broken = facts(engine={"cgroup_version": 1, "userns": True}, machine={"open_files": 1})
    assert [(one.id, one.rule.severity.value) for one in judge(broken)] == [
        ("engine-userns", "error"),
        ("open-files", "warning"),
        ("cgroup-v1", "note"),
    ]


@pytest.mark.parametrize(
    "fine",
    [
        facts(engine={"local": False}, config=ClusterConfig(networking=Networking(api_server_address="10.0.0.1"))),
        facts(here={"container": True, "subnets": ()}, engine={"kernel": "linuxkit"}),  # a virtual machine that forwards loopback
        facts(here={"container": True, "subnets": ()}, engine={"rootless": False, "system": "Docker Desktop"}),
        facts(machine=without("ipvs")),  # nobody asks for it
        facts(mode("none"), machine=without("iptables")),
        facts(machine={"inotify_instances": None, "disk_free": None, "memory_free": None, "systemd": None, "capabilities": None}),  # not seen
        facts(machine={"routes": (Route(network="172.17.0.0/16", device="docker0"), Route(network="fd00:10:244::/56", device="tun0"))}),
        facts(here={"environ": {**PROXY, "NO_PROXY": "a, 127.0.0.1"}}, engine=OWN_PROXY),
        facts(wanted={"name": "dev"}, holdings={"names": {"dev": "kept"}}),  # a run attaches
        facts(engine={"ahead": 4.9}),
        facts(wanted={"network": "0123456789ab"}),  # its id
        facts(
            PORT,
            engine={
                "published": (
                    Published(port=8080, protocol="udp", address="127.0.0.1", container="a"),
                    Published(port=8080, protocol="tcp", address="10.0.0.1", container="b"),
                )
            },
        ),
        facts(engine={"networks": {"bridge": Network(subnets=(), gateways=())}}, here={"container": True, "subnets": ()}),
    ],
)
def test_what_is_no_fault(fine: Facts) -> None:
    assert [one.id for one in judge(fine) if one.id != "engine-rootless"] == []


def test_ports_of_another_network_are_not_the_engines() -> None:
    taken = {"listening": {("tcp", "127.0.0.1", 8080): "address already in use"}}
    assert [one.id for one in judge(facts(PORT, here={**taken, "container": True, "subnets": ()}))] == ["engine-elsewhere"]


def test_what_stops_or_misleads_a_boot_is_judged_early() -> None:
    """What takes a container to be seen, or is seen at once by whoever makes the cluster, is not."""
    late = {rule.id for rule in RULES} - set(EARLY)
    assert {"privileged", "open-files", "leftovers", "engine-socket", "kernel-ipvs", "name-taken", "cgroup-v1", "image-missing"} <= late
    assert {"inotify-instances", "disk-full", "memory", "port-taken", "network-missing", "subnet-overlap", "clock-skew"} <= set(EARLY)


def test_no_finding_shows_a_secret() -> None:
    said = " ".join(one.line for one in judge(facts(here={"environ": {"HTTPS_PROXY": "http://me:geheim@proxy:1"}})))
    assert "proxy-without-loopback" in said
    assert "geheim" not in said
