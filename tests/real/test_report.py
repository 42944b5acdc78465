"""The page of a run on a real cluster: what its nodes used, its pods, and the events of each test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from pytest_kind.options import resolve

TESTS = """
import json, time

def test_stuck(kind_cluster, kind_namespace):
    nowhere = json.dumps({"spec": {"nodeSelector": {"no": "such"}}})
    kind_cluster.kubectl("-n", kind_namespace, "run", "stuck", "--image=none", f"--overrides={nowhere}")
    while "FailedScheduling" not in kind_cluster.kubectl("-n", kind_namespace, "get", "events"):
        time.sleep(0.1)
    time.sleep(4.5)  # for two looks at what the node uses

def test_quiet(kind_cluster, kind_namespace):
    assert kind_namespace == "another"
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[str, Any]:
    """What is in the page of a run of two tests."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"--kind-cache-dir={resolve(pytestconfig).cache_dir}",
        "--kind-report=report",
        "--kind-artifacts=artifacts",
    ]
    done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout
    assert "not to be had" not in done.stdout
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    known: dict[str, Any] = json.loads(found[1])
    assert [place for place in known["links"].values() if not (folder / "report" / place).resolve().is_file()] == []
    assert (folder / "report" / known["clusters"][0]["logs"]).resolve().is_dir()
    return known


def test_its_cluster_is_told_of(page: dict[str, Any]) -> None:
    (cluster,) = page["clusters"]
    assert cluster["how"] in {"cold", "copied"}
    assert re.fullmatch(r"v1\.\d+\.\d+", cluster["kubernetes"])
    phases = {name for name, _, _ in cluster["phases"]}
    assert {"fill", "engine", "API"} <= phases
    assert phases & {"DNS", "DNS later"}  # a copy is handed over before it answers
    assert 0 < cluster["began"] < cluster["ready"] < cluster["ended"] < page["seconds"]
    assert cluster["picture"].startswith("<svg")


def test_what_its_node_used_is_known(page: dict[str, Any]) -> None:
    ((node,),) = (cluster["nodes"] for cluster in page["clusters"])
    (first, second, *_) = node["uses"]
    assert node["role"] == "control-plane"
    assert first[0] < second[0] <= first[0] + 10
    assert 0 < second[1] - first[1] < 2 * (second[0] - first[0]) * 64  # processors
    assert 100 << 10 < second[2] < 4 << 20  # KiB


def test_its_pods_are_counted(page: dict[str, Any]) -> None:
    (cluster,) = page["clusters"]
    assert max(counts.get("Running", 0) for _, counts in cluster["pods"]) >= 3  # DNS twice or once, the proxy, the provisioner
    assert any(counts.get("Pending", 0) for _, counts in cluster["pods"])


def test_an_event_is_its_tests(page: dict[str, Any]) -> None:
    stuck, quiet = page["tests"]
    assert (stuck["outcome"], quiet["outcome"], quiet["reason"].split("\n")[0][:14]) == ("passed", "failed", "AssertionError")
    found = [one for one in page["events"] if one[3] == "FailedScheduling" and one[5] == stuck["namespace"]]
    assert found
    (_, begin, seconds) = next(phase for phase in stuck["phases"] if phase[0] == "call")
    at, cluster, warning, _, about, *_ = found[0]
    assert begin <= at <= begin + seconds
    assert (cluster, warning, about) == (stuck["cluster"], 1, f"Pod {stuck['namespace']}/stuck")
