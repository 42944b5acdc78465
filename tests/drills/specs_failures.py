"""What becomes of upstream specs when something breaks under them, on real clusters. They take minutes and are run by hand.

Usage: pytest tests/drills/specs_failures.py --kind-cache-dir DIR
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from pytest_kind import labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

# Ten specs or so that need no image, and one that lasts five minutes.
QUICK = r"ConfigMap should (update|fail to create|run through)|Discovery should validate|FieldValidation should detect"
SLOW = r"\[sig-storage\] ConfigMap Should fail non-optional pod creation due to configMap object does not exist"
_OUTCOME = re.compile(r"(?P<id>\S+\.go::.*) (?P<outcome>PASSED|FAILED|ERROR|SKIPPED)")


class Run:
    """pytest in an empty folder, watched line by line."""

    def __init__(self, folder: Path, cache: Path, *argv: str) -> None:
        environment = {**os.environ, "PYTEST_KIND_CACHE_DIR": str(cache)}
        command = [sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider", "-v", *argv]
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._queue.put(line.rstrip())

    def until(self, pattern: str, seconds: float = 180) -> None:
        """Waits for a line."""

        def probe() -> bool | NotYet:
            try:
                while True:
                    self.lines.append(self._queue.get_nowait())
                    if re.search(pattern, self.lines[-1]):
                        return True
            except Empty:
                return NotYet("\n".join(self.lines[-5:]))

        wait_for(f"a line {pattern!r}", probe, Deadline(seconds))

    def end(self, seconds: float = 300) -> dict[str, str]:
        """Waits for its end; node id -> outcome."""
        self.process.wait(seconds)
        self.until("in [0-9.]+s")
        found = (_OUTCOME.match(line) for line in self.lines)
        return {one["id"]: one["outcome"] for one in found if one}

    @property
    def cluster(self) -> str:
        """The name of its cluster."""
        return next(match[1] for match in (re.search(r"(?:creating|copying) cluster (\S+): done", line) for line in self.lines) if match)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


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


def suites(run: Run) -> list[int]:
    """The suite's processes of a run."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "--ginkgo.parallel.process" in line and f"/{run.cluster}/" in line]


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
