"""pytest-xdist on real clusters: one for all workers, or one for each; whoever dies, nothing is left."""

from __future__ import annotations

import re
import subprocess
import sys
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
            made = re.findall(r"creating cluster (\S+): done", said)
            assert [one.name for name in made for one in engine.containers({labels.CLUSTER: name})] == [], said
        finally:
            engine.close()
        return said

    return go


def test_forty_tests_of_four_workers_on_one_cluster_of_which_one_dies(run: Run) -> None:
    said = run(FORTY + DIES, "-n4")
    assert "1 failed, 40 passed" in said, said
    assert len(re.findall("creating cluster", said)) == 1, said


def test_a_cluster_for_each_of_two_workers(run: Run) -> None:
    said = run(FORTY, "-n2", "--kind-per-worker")
    assert "40 passed" in said, said
    assert sorted(re.findall(r"kind: (gw\d): creating cluster \S+: done", said)) == ["gw0", "gw1"], said
