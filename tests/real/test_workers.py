"""pytest-xdist on real clusters: one for all workers, or one for each; whoever dies, nothing is left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine

# Each in a namespace of its own, under one name: whatever met would be seen.
FORTY = """
import os, pytest, signal
from kubernetes.client import CoreV1Api

@pytest.mark.parametrize("number", range(40))
def test_a_namespace_is_ones_own(kind_client, kind_namespace, number):
    api = CoreV1Api(kind_client)
    api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": "mine"}, "data": {"number": str(number)}})
    found = api.list_namespaced_config_map(kind_namespace).items
    assert [one.data["number"] for one in found if one.metadata.name == "mine"] == [str(number)]
"""
DIES = """
def test_it_dies(kind_namespace):
    os.kill(os.getpid(), signal.SIGKILL)
"""
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, pytestconfig: pytest.Config) -> Run:
    """Runs a file of tests on workers, in an empty folder; its output. Nothing of its clusters is left."""

    def go(text: str, *options: str) -> str:
        (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
        cache = f"--kind-cache-dir={resolve(pytestconfig).cache_dir}"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cache, *options]
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300).stdout
        engine = docker_engine.connect()
        try:
            made = re.findall(r"(?:creating|copying) cluster (\S+): done", said)
            assert [one.name for name in made for one in engine.containers({labels.CLUSTER: name})] == [], said
        finally:
            engine.close()
        return said

    return go


def test_forty_tests_of_four_workers_on_one_cluster_of_which_one_dies(run: Run) -> None:
    said = run(FORTY + DIES, "-n4")
    assert "1 failed, 40 passed" in said, said
    assert len(re.findall("(?:creating|copying) cluster", said)) == 1, said


def test_a_cluster_for_each_of_two_workers_and_one_timeline_of_both(run: Run, tmp_path: Path) -> None:
    said = run(FORTY, "-n2", "--kind-per-worker", "--kind-timeline=t.svg")
    assert "40 passed" in said, said
    assert "not to be had" not in said, said
    assert sorted(re.findall(r"kind: (gw\d): (?:creating|copying) cluster \S+: done", said)) == ["gw0", "gw1"], said
    assert len([one for one in ET.parse(tmp_path / "t.svg").getroot().iter() if one.get("class") == "cluster"]) == 2  # noqa: S314 - ours
    events = json.loads((tmp_path / "t.trace.json").read_text(encoding="utf-8"))["traceEvents"]
    for pid in (1, 2):
        began = {one["name"]: one["ts"] for one in events if one["ph"] == "i" and one["pid"] == pid}
        # etcd does not wait for containerd; and in a copy CoreDNS has its node already, and not to wait for the scheduler.
        for order in (("systemd", "etcd", "kube-scheduler"), ("systemd", "containerd", "coredns"), ("etcd", "coredns")):
            assert [began[name] for name in order] == sorted(began[name] for name in order)
        assert began.keys() > {"kubelet", "kube-apiserver", "kube-controller-manager", "kube-proxy"}
        phases = {one["name"]: (one["ts"], one["ts"] + one["dur"]) for one in events if one["ph"] == "X" and one["pid"] == pid}
        assert phases["engine"][0] <= began["systemd"] <= phases["engine"][1]
        assert began["kube-apiserver"] < phases["API"][1]
