"""What becomes of upstream specs when something breaks under them, on real clusters. They take minutes and are run by hand.

Usage: pytest tests/drills/specs_failures.py --kind-cache-dir DIR
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.spec_runs import Run, suites

# Ten specs or so that need no image, and one that lasts five minutes.
QUICK = r"ConfigMap should (update|fail to create|run through)|Discovery should validate|FieldValidation should detect"
SLOW = r"\[sig-storage\] ConfigMap Should fail non-optional pod creation due to configMap object does not exist"


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Start]:
    """Starts runs; afterwards nothing of them is left."""
    runs: list[Run] = []

    def begin(*argv: str) -> Run:
        runs.append(Run(tmp_path, resolve(pytestconfig).cache_dir, *argv))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(120)
        assert run.process.returncode is not None, run.text
        with_engine = docker_engine.connect()
        assert with_engine.containers({labels.CLUSTER: run.cluster}) == []
        with_engine.close()
        assert suites(run) == []


def test_a_process_of_the_suite_is_killed(start: Start) -> None:
    run = start(f"--kind-focus={QUICK}|{SLOW}", "--kind-procs=2", "--kind-spec-timeout=100", "-k", "not FieldValidation")
    run.until(r"PASSED|upstream specs: ")
    os.kill(suites(run)[0], signal.SIGKILL)
    outcomes = run.end()
    failed = [name for name, outcome in outcomes.items() if outcome != "PASSED"]
    assert len(outcomes) - 2 <= list(outcomes.values()).count("PASSED") < len(outcomes), run.text
    assert 1 <= len(failed) <= 2, run.text
    assert "ended with -9 while it ran this spec" in run.text


def test_a_spec_beyond_its_deadline(start: Start) -> None:
    run = start(f"--kind-focus={QUICK}|{SLOW}", "--kind-procs=2", "--kind-spec-timeout=40", "-k", "not FieldValidation")
    run.until("(creating|copying) cluster")
    outcomes = run.end()
    assert [name.partition("] ")[2][:46] for name, outcome in outcomes.items() if outcome == "FAILED"] == [
        "ConfigMap Should fail non-optional pod creatio"
    ], run.text
    assert "not done within 40 s (--kind-spec-timeout)" in run.text


def test_the_api_server_is_stopped_half_way(start: Start) -> None:
    run = start(f"--kind-focus={QUICK}", "--kind-procs=1", "--kind-spec-timeout=60")
    run.until("PASSED")
    node = f"{run.cluster}-control-plane"
    subprocess.run(["docker", "exec", node, "rm", "/etc/kubernetes/manifests/kube-apiserver.yaml"], check=True)
    outcomes = run.end(900)
    values = list(outcomes.values())
    assert values.count("PASSED") >= 1, run.text
    assert values.count("FAILED") >= 1, run.text
    assert set(values) == {"PASSED", "FAILED"}, run.text
    assert re.search("connection refused|EOF|not done within", run.text)


def test_an_image_that_is_nowhere(start: Start) -> None:
    run = start(r"--kind-focus=\[sig-node\] ConfigMap should be consumable via environment variable", "--kind-procs=1")
    run.until("(creating|copying) cluster")
    outcomes = run.end(200)
    assert list(outcomes.values()) == ["FAILED"], run.text
    found = re.search(r"image registry.k8s.io/e2e-test-images/\S+ cannot be pulled for pod \S+: (ErrImagePull|ImagePullBackOff): ", run.text)
    assert found, run.text


def test_a_suite_of_another_version(start: Start) -> None:
    run = start(f"--kind-focus={QUICK}", "--kind-version=v1.36.4", f"--kind-suite={suite_of_default(start)}")
    run.until("(creating|copying) cluster", 1500)  # its image is compiled where it is not there
    outcomes = run.end()
    assert set(outcomes.values()) == {"ERROR"}, run.text
    assert "is of Kubernetes v1.37.1, the cluster of v1.36.4" in run.text


def suite_of_default(start: Start) -> str:
    """The binary that a run of the default version uses."""
    run = start("--kind-focus=Discovery should validate", "--kind-procs=1")
    run.until("(creating|copying) cluster")
    wait_for("the suite's process", lambda: suites(run) or NotYet("none"), Deadline(60))
    binary = Path(f"/proc/{suites(run)[0]}/exe").readlink()
    run.end()
    return str(binary)
