"""Clusters that come, stay and go: each test drives a pytest of its own on the real engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Container
from pytest_kind.waiting import Deadline, NotYet, wait_for

Start = Callable[..., "subprocess.Popen[str]"]

ONE_TEST = "def test_it(kind_cluster):\n    assert 'Ready' in kind_cluster.kubectl('get', 'nodes')\n"
WAITS = """
import pathlib, time
def test_it(kind_cluster):
    pathlib.Path("up").write_text(kind_cluster.name)
    while True:
        time.sleep(0.1)
"""


# Collected when its cluster answers, which the session has begun.
COLLECTED_LATE = """
from pytest_kind import labels
from pytest_kind.errors import Conflict
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

engine = docker_engine.connect()

def probe():
    for node in engine.containers({labels.CLUSTER: "begun-ahead"}):
        try:
            if engine.exec(node.id, ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes"]).code == 0:
                return True
        except Conflict:
            return NotYet("it is not started")
    return NotYet("it does not answer")

wait_for("the cluster", probe, Deadline(60), every=0.1)
engine.close()
"""


@pytest.fixture
def start(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Start]:
    """Starts pytest on a test of the given text, in a folder of its own, with this run's cache."""
    cache = resolve(pytestconfig).cache_dir
    started: list[subprocess.Popen[str]] = []

    def run(text: str, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", f"--kind-cache-dir={cache}", "-p", "no:cacheprovider", *arguments]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
            # A CI's shell may have started us with Ctrl-C ignored, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a test, and no other way
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def nodes(name: str) -> list[Container]:
    provider = docker_engine.connect()
    try:
        return provider.containers({labels.CLUSTER: name})
    finally:
        provider.close()


def volumes(name: str) -> list[str]:
    provider = docker_engine.connect()
    try:
        return [one.name for one in provider.volumes({labels.CLUSTER: name})]
    finally:
        provider.close()


def is_up(tmp_path: Path, process: subprocess.Popen[str]) -> str:
    """Waits until the test inside runs; the cluster's name."""

    def probe() -> str | NotYet:
        if process.poll() is not None:
            raise AssertionError(f"pytest ended with {process.returncode}:\n{process.communicate()[0]}")
        name = (tmp_path / "up").read_text() if (tmp_path / "up").exists() else ""
        return name or NotYet("the test does not run yet")

    return wait_for("the inner test runs", probe, Deadline(120), every=0.1)


def gone(name: str) -> bool:
    return not nodes(name) and not volumes(name)


def test_a_kept_cluster_is_attached_to_and_replaced_when_it_is_not_well(start: Start, tmp_path: Path) -> None:
    keep = ["--kind-keep", "--kind-name=kept-by-a-test"]
    try:
        first = start(ONE_TEST, *keep)
        assert "1 passed" in first.communicate()[0]
        (node,) = nodes("kept-by-a-test")
        second, third = start(ONE_TEST, *keep), None
        output = second.communicate()[0]
        assert "1 passed" in output
        assert not re.search("(creating|copying) cluster", output)
        assert nodes("kept-by-a-test")[0].id == node.id
        subprocess.run(["docker", "stop", "--time", "0", node.id], check=True, capture_output=True)
        third = start(ONE_TEST, *keep)
        output = third.communicate()[0]
        assert "1 passed" in output
        assert "kept cluster kept-by-a-test is replaced: its node kept-by-a-test-control-plane is exited" in output
        assert nodes("kept-by-a-test")[0].id != node.id
    finally:
        subprocess.run([sys.executable, "-m", "pytest_kind.cli", "delete", "kept-by-a-test"], check=True)
    assert gone("kept-by-a-test")


def test_one_that_is_begun_with_the_session_is_there_when_tests_are(start: Start) -> None:
    ahead = ["--kind-ahead", "--kind-name=begun-ahead"]
    output = start(f"{COLLECTED_LATE}\n{ONE_TEST}", *ahead).communicate()[0]
    assert "1 passed" in output
    assert len(re.findall("(?:creating|copying) cluster begun-ahead: done in", output)) == 1
    assert gone("begun-ahead")


def test_one_that_is_begun_and_not_asked_for_leaves_nothing(start: Start) -> None:
    output = start(f"{COLLECTED_LATE}\ndef test_it(): pass\n", "--kind-ahead", "--kind-name=begun-ahead").communicate()[0]
    assert "1 passed" in output
    assert "--kind-ahead: no test asked for the cluster that was begun with the session" in output
    assert gone("begun-ahead")


@pytest.mark.parametrize(("number", "times", "code"), [(signal.SIGINT, 1, 2), (signal.SIGINT, 2, 2), (signal.SIGTERM, 1, 143)])
def test_a_signal_leaves_nothing(start: Start, tmp_path: Path, number: signal.Signals, times: int, code: int) -> None:
    process = start(WAITS)
    name = is_up(tmp_path, process)
    assert len(nodes(name)) == 1
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.05)  # two presses of a key, not one
    output = process.communicate(timeout=60)[0]
    assert gone(name), output
    assert process.returncode == code or times == 2, output


def test_a_lease_that_ran_out_powers_the_node_off_and_gc_removes_it(start: Start, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    process = start(WAITS, "--kind-lease=10")
    name = is_up(tmp_path, process)
    (node,) = nodes(name)
    # Whoever sees that its owner is dead removes it. Nobody does on another machine, or in a container: the lock cannot be seen from there.
    session = Path(json.loads(node.labels[labels.OWNER])["lock"]).parent
    hidden = session.rename(session.parents[1] / session.name)
    process.kill()
    process.wait()

    def probe() -> bool | NotYet:
        (node,) = nodes(name)
        return node.state == "exited" or NotYet(f"the node is {node.state}")

    try:
        wait_for("the node powers itself off", probe, Deadline(60), every=0.5)
    finally:
        hidden.rename(session)
    restarts = subprocess.run(
        ["docker", "inspect", "--format", "{{.RestartCount}}", f"{name}-control-plane"], capture_output=True, text=True, check=True
    )
    assert restarts.stdout.strip() == "0"
    cleaned = subprocess.run(
        [sys.executable, "-m", "pytest", "--kind-gc", f"--kind-cache-dir={resolve(pytestconfig).cache_dir}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"removed container {name}-control-plane" in cleaned.stdout
    assert gone(name)


def test_a_lease_is_renewed_while_the_run_lives(start: Start, tmp_path: Path) -> None:
    outlive = "import time\ndef test_it(kind_cluster):\n    time.sleep(25)\n    assert 'Ready' in kind_cluster.kubectl('get', 'nodes')\n"
    assert "1 passed" in start(outlive, "--kind-lease=10").communicate()[0]


def test_a_worker_that_crashes_leaves_nothing(start: Start, tmp_path: Path) -> None:
    crash = 'import os, pathlib\ndef test_it(kind_cluster):\n    pathlib.Path("up").write_text(kind_cluster.name)\n    os._exit(3)\n'
    output = start(crash, "-n", "1", "--max-worker-restart=0").communicate()[0]
    assert "crashed" in output
    assert gone((tmp_path / "up").read_text())


def test_a_cluster_survives_a_restart_of_its_node(start: Start, tmp_path: Path) -> None:
    restart = """
import subprocess
def test_it(kind_cluster):
    node = kind_cluster.nodes[0]
    kind_cluster.kubectl("create", "configmap", "survivor")
    subprocess.run(["docker", "restart", "--time", "2", node.container], check=True)
    node.exec("bash", "-c", "until kubectl get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done", timeout=60)
    assert "survivor" in kind_cluster.kubectl("get", "configmaps")
    node.exec("/kind/pytest-kind/dns-ready", "10.96.0.10", "kubernetes.default.svc.cluster.local", "60", timeout=65)
"""
    output = start(restart).communicate()[0]
    assert "1 passed" in output, output


def test_two_runs_at_the_same_time_do_not_meet(start: Start, tmp_path: Path) -> None:
    both = [start(ONE_TEST), start(ONE_TEST)]
    outputs = [process.communicate()[0] for process in both]
    assert all("1 passed" in output for output in outputs), outputs
    names = {match for output in outputs for match in re.findall(r"(?:creating|copying) cluster (\S+):", output)}
    assert len(names) == 2
    assert all(gone(name) for name in names)
