"""Kills each machine of a cluster of three control planes and two workers in turn, and says how long it takes to recover.

pytest tests/drills/recovery.py --kind-timeout=300
"""

from __future__ import annotations

import json
import secrets
import time

import pytest

from pytest_kind import KindCluster
from pytest_kind.provision import docker_engine

SECONDS = 180.0


def write(cluster: KindCluster, key: str) -> None:
    """A record that must outlive what follows."""
    cluster.kubectl("create", "configmap", f"record-{key}", f"--from-literal=key={key}")


def records(cluster: KindCluster) -> set[str]:
    """What is recorded."""
    found = json.loads(cluster.kubectl("get", "configmaps", "-o", "json"))["items"]
    return {one["data"]["key"] for one in found if one["metadata"]["name"].startswith("record-")}


def seconds_until_written(cluster: KindCluster) -> float:
    """From now until the API takes a write through its published port again."""
    from kubernetes.client import CoreV1Api, V1ConfigMap, V1ObjectMeta  # noqa: PLC0415
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    start, said = time.monotonic(), ""
    while time.monotonic() - start < SECONDS:
        body = V1ConfigMap(metadata=V1ObjectMeta(name=f"written-{secrets.token_hex(4)}"))
        try:
            CoreV1Api(cluster.client).create_namespaced_config_map("default", body, _request_timeout=2)
        except (ApiException, HTTPError) as error:
            said = str(error)
            continue
        return time.monotonic() - start
    raise SystemExit(f"the API took no write for {SECONDS:.0f} s: {said}")


CONFIG = {"nodes": [{"role": "control-plane"}] * 3 + [{"role": "worker"}] * 2}


@pytest.mark.kind(CONFIG)
def test_each_machine_may_be_killed(kind_cluster: KindCluster, capsys: pytest.CaptureFixture[str]) -> None:
    engine = docker_engine.connect()
    written: set[str] = set()
    try:
        machines = [(one.name, one.container) for one in kind_cluster._machines]
        for name, container in machines:
            key = secrets.token_hex(4)
            write(kind_cluster, key)
            written.add(key)
            engine.kill(container, "SIGKILL")
            balancer = "load-balancer" in name
            if balancer:
                engine.start(container)
                kind_cluster.wait_until_well(timeout=SECONDS)
            answered = seconds_until_written(kind_cluster)
            if not balancer:
                engine.start(container)
            start = time.monotonic()
            kind_cluster.wait_until_well(timeout=SECONDS)
            well = time.monotonic() - start
            assert written <= records(kind_cluster)
            with capsys.disabled():
                print(f"{name}: a write was taken {answered:.1f} s after the kill, all well {well:.1f} s after its start", flush=True)
    finally:
        engine.close()
