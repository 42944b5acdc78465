"""Kills each machine of a cluster of three control planes and two workers in turn, and says how long it takes to recover.

pytest tests/drills/recovery.py --kind-timeout=300
"""

from __future__ import annotations

import time

import pytest

from pytest_kind import KindCluster
from pytest_kind.provision import docker_engine
from support import records

SECONDS = 180.0


CONFIG = {"nodes": [{"role": "control-plane"}] * 3 + [{"role": "worker"}] * 2}


@pytest.mark.kind(CONFIG)
def test_each_machine_may_be_killed(kind_cluster: KindCluster, capsys: pytest.CaptureFixture[str]) -> None:
    engine = docker_engine.connect()
    written: set[str] = set()
    try:
        machines = [(one.name, one.container) for one in kind_cluster._machines]
        for name, container in machines:
            written.add(records.write(kind_cluster))
            engine.kill(container, "SIGKILL")
            balancer = "load-balancer" in name
            if balancer:
                engine.start(container)
                kind_cluster.wait_until_well(timeout=SECONDS)
            answered = records.seconds_until_written(kind_cluster.client, SECONDS)
            if not balancer:
                engine.start(container)
            start = time.monotonic()
            kind_cluster.wait_until_well(timeout=SECONDS)
            well = time.monotonic() - start
            assert written <= records.read(kind_cluster)
            with capsys.disabled():
                print(f"{name}: a write was taken {answered:.1f} s after the kill, all well {well:.1f} s after its start", flush=True)
    finally:
        engine.close()
