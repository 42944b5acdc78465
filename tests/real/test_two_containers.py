"""Two containers that share an engine's socket do not see each other's locks: neither removes what the other uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind import KindCluster, labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

Inside = Callable[..., str]

# A folder that every Debian has and nobody uses: each container's own, in memory.
pytestmark = pytest.mark.alone

SCRATCH = "/mnt"
WAITS = "import time\ndef test_it(kind_cluster):\n    while True:\n        time.sleep(0.1)\n"


@pytest.fixture
def inside(kind_cluster: KindCluster) -> Iterator[Inside]:
    """Runs pytest in a container that has this machine's files, its engine's socket, and a cache of its own."""
    provider = docker_engine.connect()
    node = provider.container(kind_cluster.nodes[0].container)
    assert node is not None
    started: list[str] = []

    def run(text: str, *arguments: str) -> str:
        script = f'mkdir {SCRATCH}/p && printf "%s" "$1" > {SCRATCH}/p/test_it.py && cd {SCRATCH}/p && shift && exec "$@"'
        pytest_command = [sys.executable, "-m", "pytest", f"--kind-cache-dir={SCRATCH}/cache", "-p", "no:cacheprovider", *arguments]
        command = ["docker", "run", "--detach", "--stop-signal=SIGTERM", "--network=host", "--volume=/:/host:ro", f"--tmpfs=/host{SCRATCH}:exec"]
        command += [f"--env=TMPDIR={SCRATCH}", f"--env=HOME={SCRATCH}", "--env=PATH", "--entrypoint=chroot", node.image]
        made = subprocess.run([*command, "/host", "sh", "-c", script, "sh", text, *pytest_command], capture_output=True, text=True, check=True)
        started.append(made.stdout.strip())
        return started[-1]

    yield run
    for container in started:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], check=True, capture_output=True)
    provider.close()


def output(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return done.stdout


def exit_code(container: str) -> int:
    return int(subprocess.run(["docker", "wait", container], capture_output=True, text=True, check=True).stdout)


def clusters() -> set[str]:
    provider = docker_engine.connect()
    try:
        return {one.name for one in provider.containers({labels.KIND: "node"}) if one.running}
    finally:
        provider.close()


def test_neither_removes_the_others_cluster(inside: Inside, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    before = clusters()
    first = inside(WAITS)

    def up() -> str | NotYet:
        found = clusters() - before
        return found.pop() if found else NotYet(output(first))

    node = wait_for("the first container's cluster", up, Deadline(60), every=0.2)
    wait_for("its test", lambda: "done in" in output(first) or NotYet(output(first)), Deadline(60), every=0.2)

    cache = resolve(pytestconfig).cache_dir
    cleaned = subprocess.run([sys.executable, "-m", "pytest", "--kind-gc", f"--kind-cache-dir={cache}"], capture_output=True, text=True, check=True)
    assert f"left container {node} (its owner cannot be seen from here, its lease decides)" in cleaned.stdout

    second = inside("def test_it(kind_cluster):\n    pass\n")
    assert exit_code(second) == 0, output(second)
    assert clusters() - before == {node}

    subprocess.run(["docker", "stop", "--time", "30", first], check=True, capture_output=True)
    assert exit_code(first) == 143, output(first)
    assert clusters() == before
