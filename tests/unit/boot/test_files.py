"""The files that a machine gets before it starts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import ClassVar

import pytest
import yaml
from pydantic import TypeAdapter

from pytest_kind.boot.files import Files, balancer_files, cni_files, first_shares, machine_files, peer_files, share_files
from pytest_kind.boot.kubeadm import ClusterFacts
from pytest_kind.config.types import ClusterConfig, Networking
from support.clusters import config_of, facts_of

KINDS = ("ClusterConfiguration", "InitConfiguration", "KubeletConfiguration", "KubeProxyConfiguration")
PERL = {"dns-ready", "hold", "thaw"}
PROGRAMS = {
    *(
        "network",
        "begin",
        "init",
        "up",
        "prepare",
        "facts",
        "join",
        "release",
        "controllers",
        "finish",
        "settle",
        "pod-dns",
        "lease",
        "let",
        "load-balancer",
    ),
    *("program", "phases", "snapshot", "restore", "authority", "revive", "rules"),
    *PERL,
}
UNITS = {
    *(f"pytest-kind-{name}.service" for name in ("prepare", "lease", "finish", "hold", "controllers")),
    "pytest-kind-finish.timer",
    "kubelet.service.d/20-pytest-kind.conf",
}
SYSTEMD = {*(f"system/{unit}" for unit in UNITS), "system.conf.d/20-pytest-kind.conf"}
EVERYWHERE = {
    **{f"kind/pytest-kind/{name}": "755" for name in PROGRAMS},
    **{f"kind/pytest-kind/{name}": "644" for name in ("node.env", "peers", "shares")},
}
CONFLIST, PTP = "etc/cni/net.d/10-pytest-kind.conflist", "kind/pytest-kind/ptp.json"
IPAM, AWAITED = "opt/cni/bin/pytest-kind-ipam", "kind/pytest-kind/dns-awaited"
DUAL = Networking(ip_family="dual")
IPV6 = Networking(ip_family="ipv6")


def files(config: ClusterConfig, at: int = 0, lease: int = 300) -> Files:
    facts = facts_of(config)
    return machine_files(config, facts, facts.machines[at], lease)


def modes(found: Files) -> dict[str, str]:
    return {path: f"{mode:o}" for path, (_, mode) in found.items()}


def environment(found: Files) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in found["kind/pytest-kind/node.env"][0].decode().splitlines())
    return {name: value.strip('"') for name, value in pairs}


class TestWhichFiles:
    nodes: ClassVar = {**EVERYWHERE, "kind/kubeadm.conf": "600", **{f"etc/systemd/{name}": "644" for name in SYSTEMD}}
    planes: ClassVar = {"kind/pytest-kind/cluster.json": "600"}  # it may have a password in it, a mirror's

    def test_of_the_first_node(self) -> None:
        assert modes(files(ClusterConfig())) == {**self.nodes, **self.planes, CONFLIST: "644", PTP: "644", IPAM: "755", AWAITED: "644"}

    def test_of_others_whose_share_of_the_pod_subnets_is_not_known_yet(self) -> None:
        assert modes(files(config_of(2, 1), 1)) == {**self.nodes, **self.planes}
        assert modes(files(config_of(2, 1), 2)) == self.nodes

    def test_of_a_node_whose_network_is_the_users(self) -> None:
        assert modes(files(config_of(networking=Networking(disable_default_cni=True)))) == {**self.nodes, **self.planes}

    def test_a_control_plane_knows_what_the_cluster_was_asked_to_be(self) -> None:
        config = config_of(2, 1)
        for at in (0, 1):
            found = json.loads(files(config, at)["kind/pytest-kind/cluster.json"][0])
            assert TypeAdapter(ClusterConfig).validate_python(found) == config

    def test_of_a_load_balancer_which_runs_no_systemd(self) -> None:
        own = dict.fromkeys(("kind/pytest-kind/haproxy.cfg", "kind/pytest-kind/await-server.lua"), "644")
        assert modes(files(config_of(2), 2)) == {**EVERYWHERE, **own}

    def test_with_the_bootstrap_token_are_private_and_only_for_nodes(self) -> None:
        facts = facts_of(config_of(2, 1))
        for machine in facts.machines:
            found = machine_files(config_of(2, 1), facts, machine, 300)
            holding = {path: mode for path, (content, mode) in found.items() if facts.token.encode() in content}
            assert holding == ({"kind/kubeadm.conf": 0o600} if machine.node else {})


def test_programs_are_scripts_that_say_how_they_are_run() -> None:
    first_lines = {path.rsplit("/", 1)[1]: content.split(b"\n")[0] for path, (content, mode) in files(ClusterConfig()).items() if mode == 0o755}
    assert first_lines == {name: b"#!/usr/bin/perl" if name in PERL else b"#!/bin/bash" for name in {*PROGRAMS, "pytest-kind-ipam"}}


def test_kubeadms_configuration_is_the_nodes_own(facts: ClusterFacts) -> None:
    content, _ = machine_files(ClusterConfig(), replace(facts, kubernetes="v1.36.0"), facts.machines[0], 300)["kind/kubeadm.conf"]
    assert next(yaml.safe_load_all(content))["kubernetesVersion"] == "v1.36.0"
    joining, _ = files(config_of(1, 1), 1)["kind/kubeadm.conf"]
    assert next(yaml.safe_load_all(joining))["kind"] == "JoinConfiguration"


def test_a_control_plane_joins_where_the_cluster_began_without_it() -> None:
    facts = facts_of(config_of(2))
    for index, kinds in ((1, [*KINDS]), (None, ["JoinConfiguration"])):
        found, _ = machine_files(config_of(2), facts, replace(facts.machines[1], index=index), 300)["kind/kubeadm.conf"]
        assert [one["kind"] for one in yaml.safe_load_all(found)] == kinds


class TestEnvironment:
    """What the scripts must know of their machine."""

    @pytest.mark.parametrize("lease", [0, 300])
    def test_of_the_only_node(self, lease: int) -> None:
        assert environment(files(ClusterConfig(), lease=lease)) == {
            "NODE": "c-control-plane",
            "ADDRESSES": "198.19.255.1",
            "FIRST": "yes",
            "HOLDS": "yes",
            "LEASE": str(lease),
            "MASQUERADE": "10.244.0.0/16",
            "BALANCER": "",
            "ALONE": "yes",
            "UNITS": "yes",
            "NUMBER": "1",
            "WORKERS": "",
            "MEMBERS": "c-control-plane=https://198.19.255.1:2380",
        }

    def test_of_a_node_that_joins_a_dual_stack_cluster_with_a_load_balancer(self) -> None:
        found = environment(files(config_of(2, 1, DUAL), 2))
        assert found["ADDRESSES"] == "198.19.255.3 fd00:198:19:255::3"
        assert found["FIRST"] == ""
        assert found["MASQUERADE"] == "10.244.0.0/16 fd00:10:244::/56"
        assert found["BALANCER"] == "198.19.255.254 fd00:198:19:255::fe"

    def test_control_planes_that_the_cluster_begins_with_hold_the_api_servers_port(self) -> None:
        facts = facts_of(config_of(2, 1))
        first, second, worker, balancer = facts.machines
        later = replace(second, index=None)  # kubeadm join refuses a port that is in use
        found = (environment(machine_files(config_of(2, 1), facts, one, 300)) for one in (first, second, later, worker, balancer))
        assert [one["HOLDS"] for one in found] == ["yes", "yes", "", "", ""]

    def test_of_nodes_that_are_several(self) -> None:
        found = environment(files(config_of(2, 2, IPV6), 3))
        assert (found["ALONE"], found["UNITS"], found["NUMBER"]) == ("", "", "4")
        assert found["WORKERS"] == "c-worker c-worker2"
        assert found["MEMBERS"] == "c-control-plane=https://[fd00:198:19:255::1]:2380 c-control-plane2=https://[fd00:198:19:255::2]:2380"

    def test_of_a_load_balancer(self) -> None:
        found = environment(files(config_of(2), 2))
        assert (found["NODE"], found["ADDRESSES"], found["MASQUERADE"]) == ("c-external-load-balancer", "198.19.255.254", "")

    def test_where_another_network_takes_pods_out(self) -> None:
        assert environment(files(config_of(networking=Networking(disable_default_cni=True))))["MASQUERADE"] == ""


class TestPeers:
    def test_a_line_each_with_every_address(self) -> None:
        facts = facts_of(config_of(2, 0, DUAL))
        content, mode = peer_files(machine.place for machine in facts.machines)["kind/pytest-kind/peers"]
        assert mode == 0o644
        assert content.decode().splitlines() == [
            "c-control-plane 02:0a:0b:0c:0d:01 198.19.255.1 fd00:198:19:255::1",
            "c-control-plane2 02:0a:0b:0c:0d:02 198.19.255.2 fd00:198:19:255::2",
            "c-external-load-balancer 02:0a:0b:0c:0d:fe 198.19.255.254 fd00:198:19:255::fe",
        ]

    def test_every_machine_knows_all_of_them_from_the_start(self) -> None:
        config = config_of(2, 1)
        assert len({files(config, at)["kind/pytest-kind/peers"] for at in range(4)}) == 1


class TestShares:
    def test_a_line_each(self) -> None:
        assert share_files({"a": ["10.244.0.0/24", "fd00::/64"], "b": ["10.244.1.0/24"]}) == {
            "kind/pytest-kind/shares": (b"a 10.244.0.0/24 fd00::/64\nb 10.244.1.0/24\n", 0o644)
        }

    @pytest.mark.parametrize(
        ("networking", "shares"),
        [
            (Networking(), ["10.244.0.0/24"]),
            (Networking(pod_subnet="10.1.2.0/24"), ["10.1.2.0/24"]),
            (Networking(pod_subnet="172.16.64.0/20"), ["172.16.64.0/24"]),
            (IPV6, ["fd00:10:244::/64"]),
            (DUAL, ["10.244.0.0/24", "fd00:10:244::/64"]),
        ],
    )
    def test_the_first_node_gets_the_first_of_each_subnet(self, networking: Networking, shares: list[str]) -> None:
        config = ClusterConfig(networking=networking)
        assert first_shares(config) == shares
        found = files(config)
        assert found["kind/pytest-kind/shares"][0].decode() == f"c-control-plane {' '.join(shares)}\n"
        assert found[CONFLIST] == cni_files(shares, ipam="pytest-kind-ipam")[CONFLIST]

    def test_pods_wait_for_the_first_answer_of_dns_where_somebody_gives_it(self) -> None:
        assert AWAITED in files(ClusterConfig())
        assert AWAITED not in files(config_of(networking=Networking(kube_proxy_mode="none")))
        assert AWAITED not in files(config_of(networking=Networking(disable_default_cni=True)))


def test_the_cni_configuration_has_a_range_and_a_way_out_for_each_family() -> None:
    content, mode = cni_files(["10.244.3.0/24", "fd00:10:244:3::/64"])[CONFLIST]
    found = json.loads(content)
    assert (found["cniVersion"], found["name"], mode) == ("1.0.0", "pytest-kind", 0o644)
    assert [plugin["type"] for plugin in found["plugins"]] == ["ptp", "portmap"]
    assert found["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.3.0/24"}], [{"subnet": "fd00:10:244:3::/64"}]]
    assert found["plugins"][0]["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


def test_a_probe_of_ours_has_the_network_of_a_pod() -> None:
    files = cni_files(["10.244.3.0/24"])
    whole, alone = (json.loads(files[name][0]) for name in (CONFLIST, PTP))
    assert alone == {"cniVersion": whole["cniVersion"], "name": whole["name"], **whole["plugins"][0]}


class TestBalancer:
    def lines(self, networking: Networking) -> list[str]:
        content, mode = balancer_files(facts_of(config_of(2, 1, networking)))["kind/pytest-kind/haproxy.cfg"]
        assert mode == 0o644
        assert content.endswith(b"\n")  # HAProxy refuses a last line without an end
        return [line.strip() for line in content.decode().splitlines()]

    def starting(self, word: str, networking: Networking | None = None) -> list[str]:
        return [line.removeprefix(f"{word} ") for line in self.lines(networking or Networking()) if line.startswith(f"{word} ")]

    def test_it_passes_on_to_every_control_plane_and_to_nothing_else(self) -> None:
        assert self.starting("server") == 2 * ["c-control-plane 198.19.255.1:6443", "c-control-plane2 198.19.255.2:6443"]
        assert self.starting("bind") == ["0.0.0.0:6443"]

    def test_in_an_ipv6_cluster(self) -> None:
        assert self.starting("server", IPV6) == 2 * ["c-control-plane [fd00:198:19:255::1]:6443", "c-control-plane2 [fd00:198:19:255::2]:6443"]
        assert self.starting("bind", IPV6) == ["0.0.0.0:6443", "[::]:6443 v6only"]  # the engine publishes over IPv4

    def test_in_a_dual_stack_cluster_it_uses_the_first_family(self) -> None:
        assert self.starting("server", DUAL) == 2 * ["c-control-plane 198.19.255.1:6443", "c-control-plane2 198.19.255.2:6443"]
        assert self.starting("bind", DUAL) == ["0.0.0.0:6443", "[::]:6443 v6only"]

    def test_who_comes_while_the_cluster_starts_waits(self) -> None:
        assert self.starting("lua-load") == ["/kind/pytest-kind/await-server.lua"]
        assert self.starting("tcp-request") == ["inspect-delay 30s", "content lua.await_server"]

    def test_only_to_those_that_serve(self) -> None:
        assert self.starting("option") == 2 * ["httpchk GET /readyz"]
        assert (self.starting("use_backend"), self.starting("default_backend")) == (["ready if { nbsrv(ready) gt 0 }"], ["serving"])
        assert self.starting("backend") == ["ready", "serving"]
        (check, *_), (_, ready, _, serving) = {*self.starting("default-server")[::2]}, self.starting("default-server")
        assert check.startswith("check check-ssl verify none ")
        assert check.endswith("on-marked-down shutdown-sessions")
        assert (ready, serving) == ("fall 2 rise 1", "fall 2 rise 15")

    @pytest.mark.parametrize(
        ("said", "ready"),
        [
            ("ok", True),
            ("[+]ping ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]informer-sync ok\n[-]poststarthook/rbac/bootstrap-roles failed\n", True),
            ("[+]ping ok\n[+]etcd ok\n[+]etcd-readiness ok\n[-]informer-sync failed: reason withheld\n", False),
            ("[+]ping ok\n[-]etcd failed: reason withheld\n[+]informer-sync ok\n", False),
            ('{"kind":"Status","code":403}', False),
        ],
    )
    def test_what_an_api_server_says_of_itself(self, said: str, ready: bool) -> None:
        first, _ = self.starting("http-check")
        pattern = first.removeprefix("expect rstring ").replace("\\ ", " ")  # a space is HAProxy's end of a word
        assert bool(re.search(pattern, said)) == ready
