"""Asking nodes: what they say, and what becomes of those that say nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml

from pytest_kind import errors
from pytest_kind.api import kubeconfig
from pytest_kind.node import KindNode
from pytest_kind.timeline import nodes
from pytest_kind.timeline.lanes import Pod, parse
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.processes import ASKED, listed

PODS = "/api/v1/namespaces/kube-system/pods"


@pytest.fixture
def two(engine: FakeEngine) -> list[KindNode]:
    """A control plane and a worker."""
    return [
        KindNode(name, role, engine.add_container(name, {}), engine) for name, role in (("c-control-plane", "control-plane"), ("c-worker", "worker"))
    ]


def test_each_is_asked_once(two: list[KindNode], engine: FakeEngine) -> None:
    engine.answer(ASKED, listed(), on="c-control-plane")
    engine.answer(ASKED, listed({"systemd": 100.4, "kubelet": 101.5}), on="c-worker")
    before = time.monotonic()
    (plane, worker), problems = nodes.readings(two)
    assert problems == []
    assert (plane.node, worker.node, worker.started) == ("c-control-plane", "c-worker", {"systemd": 100.4, "kubelet": 101.5})
    assert before <= plane.asked <= plane.answered <= time.monotonic()
    assert [len(engine.execs(one.name)) for one in two] == [1, 1]


@pytest.mark.parametrize(
    ("said", "code", "problem"),
    [
        ("no such thing\nat all", 127, "its processes could not be listed (exit code 127)"),
        ("", 0, "its list of processes is none that can be read"),
        ("1.0 2.0\n7 100 kubelet\n1.0\n", 0, "its list of processes is none that can be read"),
    ],
)
def test_one_that_says_something_else_costs_a_line(two: list[KindNode], engine: FakeEngine, said: str, code: int, problem: str) -> None:
    engine.answer(ASKED, listed())
    engine.answer(ASKED, said, code=code, on="c-worker")
    read, problems = nodes.readings(two)
    assert [one.node for one in read] == ["c-control-plane"]
    assert problems == [f"node c-worker: {problem}"]


def test_one_that_cannot_be_asked_costs_a_line(two: list[KindNode], engine: FakeEngine) -> None:
    engine.answer(ASKED, listed())
    engine.stop(two[0].container, 0)
    read, problems = nodes.readings(two)
    assert [one.node for one in read] == ["c-worker"]
    assert problems == ["node c-control-plane: container c-control-plane is not running"]


def test_an_engine_that_is_gone_costs_a_line_for_each(two: list[KindNode], engine: FakeEngine) -> None:
    engine.fail("exec", errors.EngineUnavailable("gone\nfor ever"), times=2)
    assert nodes.readings(two) == ([], ["node c-control-plane: gone", "node c-worker: gone"])


def test_the_script_lists_this_machines_processes() -> None:
    asked = time.monotonic()
    with subprocess.Popen(["sleep", "60"]) as process:
        said = subprocess.run(ASKED, capture_output=True, text=True, check=True, env={"LC_ALL": "de_DE.UTF-8", "PATH": "/usr/bin:/bin"}).stdout
        process.kill()
    first, *lines, last = said.splitlines()
    up, wall = map(float, first.split())
    assert up <= float(last) <= up + 60
    found = {line.split(" ", 2)[0]: line.split(" ", 2)[1:] for line in lines}
    ticks, name = found[str(process.pid)]
    assert name in {"sleep", "python", "pytest"}  # before and after its exec
    assert 0 <= int(ticks) / 100 <= up + 1
    assert abs(wall - time.time()) < 60
    assert parse("n", said, asked, time.monotonic()) is not None


class TestPods:
    @pytest.fixture
    def file(self, api_server: ApiServer, tmp_path: Path) -> Path:
        """The kubeconfig of a cluster whose API is the one on loopback."""
        document = kubeconfig.outside(admin_conf(), "c", api_server.url)
        return kubeconfig.write_private(tmp_path / "kubeconfig", yaml.safe_dump(document))

    def test_those_of_kube_system(self, api_server: ApiServer, file: Path) -> None:
        condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2023-11-14T22:13:20Z"}
        item = {"metadata": {"name": "coredns-x"}, "spec": {"nodeName": "n"}, "status": {"conditions": [condition]}}
        api_server.answer("GET", PODS, (200, {"items": [item]}))
        assert nodes.pods(file) == ([Pod("coredns-x", "n", 1_700_000_000.0, None)], [])

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            ((503, {"message": "not now"}), f"its pods: 503 Service Unavailable: not now (GET {PODS})"),
            ((200, "nonsense"), "its pods: Expecting value: line 1 column 1 (char 0)"),
            ((200, {"items": [{}]}), "its pods: 'spec'"),
        ],
    )
    def test_an_api_that_does_not_say_costs_a_line(self, api_server: ApiServer, file: Path, answer: tuple[int, object], problem: str) -> None:
        api_server.answer("GET", PODS, answer)
        assert nodes.pods(file) == ([], [problem])

    @pytest.mark.parametrize("text", ["", "clusters: []", "[", "- 1"])
    def test_a_kubeconfig_that_is_none_costs_a_line(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "kubeconfig").write_text(text, encoding="utf-8")
        found, problems = nodes.pods(tmp_path / "kubeconfig")
        assert found == []
        assert len(problems) == 1
        assert problems[0].startswith("its pods: ")
