"""Restarts the engine under a kept cluster, in every way an engine ends, and says how long the cluster takes to recover.

pytest tests/drills/engine_restart.py (as root, with an engine that has the node image)

The engine is one of the drill's own, so that nobody else's containers are hit. The kubeconfig file of `pytest-kind create
cluster` must do throughout, through the same port.

Seen on two cores that others used as well (load 10 to 20), seconds after the engine was started again: until it answered, took a
write, all nodes and DNS were well (a node gives a sign of life every ten seconds), pods that had been there reached each other.

=====================================  =====================  =======================
the engine                             one node               three and two
=====================================  =====================  =======================
stopped                                2.1, 6.2, 18, 20       2.7, 17, 35, 51
crashed, containers going on           15, 20, 30, 33         24, 44, 64, 71
gone with its containers               12, 22, 30, 32         12, 29, 47, 53
=====================================  =====================  =======================

Of the engine's own time, ten seconds after a crash or a power cut are its waiting for the containerd that was, and ten more are
its stopping of the containers that went on, before it starts them again; with one node it was seen when nodes halted by themselves
already, in four. All six addresses of the machines changed, five after the cut.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from kubernetes.config import new_client_from_config

from pytest_kind.attach import attach
from pytest_kind.errors import CommandError
from pytest_kind.handle import KindCluster
from pytest_kind.options import resolve
from pytest_kind.progress import Progress
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support import mesh, own_engine, records
from support.own_engine import OwnEngine

SECONDS = 300.0
ENDS: dict[str, Callable[[OwnEngine], None]] = {
    "stopped": OwnEngine.stop,
    "crashed, containers going on": OwnEngine.crash,
    "gone with its containers, as in a power cut": OwnEngine.cut,
}


@dataclass(frozen=True)
class Kept:
    """A kept cluster on the drill's engine, and the kubeconfig file that its user has."""

    engine: OwnEngine
    cluster: KindCluster
    kubeconfig: Path

    def addresses(self) -> dict[str, str]:
        """What address the engine gave to each machine that runs."""
        inspected = json.loads(self.engine.docker("inspect", *(one.container for one in self.cluster._machines)))
        return {one["Name"].lstrip("/"): one["NetworkSettings"]["IPAddress"] for one in inspected}

    def restart_engine(self) -> None:
        """Starts the engine, which must bring every machine back by itself."""
        self.engine.start()
        running = set(self.engine.docker("ps", "--format={{.Names}}").split())
        assert running >= {one.name for one in self.cluster._machines}, f"only these came back: {running}"

    def seconds_until_written(self) -> float:
        """From now until the API takes a write from somebody who reads the kubeconfig file now."""
        client = new_client_from_config(str(self.kubeconfig))
        try:
            return records.seconds_until_written(client, SECONDS)
        finally:
            client.close()

    def meshed(self) -> NotYet | bool:
        """Whether the pods that have been there all the time reach each other."""
        try:
            mesh.check(self.cluster, "default")
        except (AssertionError, CommandError) as error:
            return NotYet(str(error))
        return True


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> str:
    """The node image: the one of the options, else this checkout's."""
    return resolve(pytestconfig).image or own_engine.node_image()


@pytest.fixture(scope="module")
def engine(image: str, pytestconfig: pytest.Config) -> Iterator[OwnEngine]:
    """With the node image, and what commands need to find it."""
    with own_engine.running() as started, pytest.MonkeyPatch.context() as patch:
        started.bring(image)
        patch.setenv("DOCKER_HOST", started.host)
        patch.setenv("PYTEST_KIND_CACHE_DIR", str(resolve(pytestconfig).cache_dir))
        yield started


def command(*argv: str) -> None:
    """Runs ``pytest-kind``."""
    ended = subprocess.run([sys.executable, "-m", "pytest_kind.cli", *argv], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@contextmanager
def kept_cluster(engine: OwnEngine, image: str, roles: list[str], folder: Path) -> Iterator[Kept]:
    """A cluster with a mesh of pods, made after a container that will be gone: so addresses change with the engine's start."""
    bystander = engine.docker("run", "--detach", "--entrypoint=sleep", image, "infinity").strip()
    config, kubeconfig = folder / "kind.yaml", folder / "kubeconfig"
    document = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [{"role": role} for role in roles]}
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    files = [f"--config={config}", f"--kubeconfig={kubeconfig}"]
    command("create", "cluster", "--name=kept", f"--image={image}", "--wait=5m", *files)
    provider = docker_engine.connect()
    try:
        cluster = attach(provider, "kept", folder, Progress())
        try:
            mesh.check(cluster, "default")
            yield Kept(engine, cluster, kubeconfig)
        finally:
            cluster.release()
            engine.docker("rm", "--force", bystander)
            command("delete", "cluster", "kept")
        assert not engine.docker("ps", "--all", "--quiet"), "a container is left"
        assert not engine.docker("volume", "ls", "--quiet"), "a volume is left"
    finally:
        provider.close()


@pytest.mark.parametrize("roles", [["control-plane"], ["control-plane"] * 3 + ["worker"] * 2], ids=["one", "five"])
def test_a_kept_cluster_outlives_its_engine(
    roles: list[str], engine: OwnEngine, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written: set[str] = set()
    with kept_cluster(engine, image, roles, tmp_path) as kept:
        file = kept.kubeconfig.read_bytes()

        def recovers(how: str, bring_back: Callable[[], None]) -> None:
            start = time.monotonic()
            bring_back()
            there = time.monotonic() - start
            answered = there + kept.seconds_until_written()
            kept.cluster.wait_until_well(timeout=SECONDS)
            well = time.monotonic() - start
            assert written <= records.read(kept.cluster)
            wait_for("pods that reach each other", kept.meshed, Deadline(SECONDS), every=0.5)
            meshed = time.monotonic() - start
            assert kept.kubeconfig.read_bytes() == file
            now = kept.addresses()
            changed = sum(now[name] != address for name, address in before.items())
            with capsys.disabled():
                print(
                    f"\n{len(roles)} nodes, engine {how}: after its start it answered in {there:.1f} s, a write was taken after {answered:.1f} s,"
                    f" all well after {well:.1f} s, pods reached each other after {meshed:.1f} s; {changed} of {len(now)} addresses changed",
                    flush=True,
                )
            changes.append(changed)

        changes: list[int] = []
        for how, end in ENDS.items():
            written.add(records.write(kept.cluster))
            before = kept.addresses()
            end(engine)
            recovers(how, kept.restart_engine)
        assert changes[0], "the first start changed no address"

        written.add(records.write(kept.cluster))
        before = kept.addresses()
        command("stop", "--name=kept")
        engine.stop()
        engine.start()
        with capsys.disabled():
            print(f"\nmachines that the engine started though they had been stopped: {engine.docker('ps', '--quiet').split()}")
        recovers("stopped after `pytest-kind stop`, then `pytest-kind start`", lambda: command("start", "--name=kept"))
