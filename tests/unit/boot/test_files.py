"""The files that a node gets before it starts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from pytest_kind.boot.files import conflist, node_files
from pytest_kind.boot.kubeadm import NodeFacts
from pytest_kind.config.types import ClusterConfig, Networking


def test_every_file_and_its_mode(facts: NodeFacts) -> None:
    assert {path: f"{mode:o}" for path, (_, mode) in node_files(ClusterConfig(), facts, 300).items()} == {
        "kind/pytest-kind/prepare": "755",
        "kind/pytest-kind/facts": "755",
        "kind/pytest-kind/release": "755",
        "kind/pytest-kind/dns-ready": "755",
        "kind/pytest-kind/lease": "755",
        "kind/pytest-kind/node.env": "644",
        "kind/kubeadm.conf": "600",
        "etc/systemd/system/pytest-kind-prepare.service": "644",
        "etc/systemd/system/pytest-kind-lease.service": "644",
        "etc/systemd/system/kubelet.service.d/20-pytest-kind.conf": "644",
        "etc/cni/net.d/10-pytest-kind.conflist": "644",
    }


def test_files_with_the_bootstrap_token_are_private(facts: NodeFacts) -> None:
    holding = {path: mode for path, (content, mode) in node_files(ClusterConfig(), facts, 300).items() if facts.token.encode() in content}
    assert holding == {"kind/kubeadm.conf": 0o600}


def test_programs_are_scripts_that_say_how_they_are_run(facts: NodeFacts) -> None:
    files = node_files(ClusterConfig(), facts, 300)
    first_lines = {path.rsplit("/", 1)[1]: content.split(b"\n")[0] for path, (content, mode) in files.items() if mode == 0o755}
    assert first_lines == {
        "prepare": b"#!/bin/bash",
        "facts": b"#!/bin/bash",
        "release": b"#!/bin/bash",
        "dns-ready": b"#!/usr/bin/perl",
        "lease": b"#!/bin/bash",
    }


@pytest.mark.parametrize("lease", [0, 300])
def test_what_the_scripts_must_know_of_this_node(facts: NodeFacts, lease: int) -> None:
    content, _ = node_files(ClusterConfig(), facts, lease)["kind/pytest-kind/node.env"]
    assert content == f"ADDRESS=198.19.255.1\nNODE=c-control-plane\nLEASE={lease}\n".encode()


def test_kubeadms_configuration_is_the_nodes_own(facts: NodeFacts) -> None:
    content, _ = node_files(ClusterConfig(), replace(facts, kubernetes="v1.36.0"), 300)["kind/kubeadm.conf"]
    assert next(yaml.safe_load_all(content))["kubernetesVersion"] == "v1.36.0"


@pytest.mark.parametrize(
    ("subnet", "share"), [("10.244.0.0/16", "10.244.0.0/24"), ("10.1.2.0/24", "10.1.2.0/24"), ("172.16.64.0/20", "172.16.64.0/24")]
)
def test_pods_of_the_node_get_the_first_share_of_the_subnet(facts: NodeFacts, subnet: str, share: str) -> None:
    found = json.loads(conflist(subnet))
    assert (found["cniVersion"], found["name"]) == ("1.0.0", "pytest-kind")
    assert [plugin["type"] for plugin in found["plugins"]] == ["ptp", "portmap"]
    assert found["plugins"][0]["ipam"]["ranges"] == [[{"subnet": share}]]
    config = ClusterConfig(networking=Networking(pod_subnet=subnet))
    assert node_files(config, facts, 0)["etc/cni/net.d/10-pytest-kind.conflist"][0].decode() == conflist(subnet)
