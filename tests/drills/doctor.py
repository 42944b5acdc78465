"""The doctor at engines of a drill's own: badly configured, with a VPN's routes beside it, killed, stopped.

``pytest tests/drills/doctor.py``
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.own_engine import OwnEngine, node_image, running


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest) -> str:
    """The node image's tag; the session's cluster has it made."""
    request.getfixturevalue("kind_cluster")
    return node_image()


def doctor(engine: OwnEngine, folder: Path, *argv: str) -> dict[str, str]:
    """What is found at an engine: in its network, since this thread is."""
    command = [sys.executable, "-m", "pytest_kind.cli", f"--cache-dir={folder / 'cache'}", "doctor", "--json", *argv]
    done = subprocess.run(command, env={**os.environ, "DOCKER_HOST": engine.host}, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in {0, 1}, done.stderr
    return {one["id"]: one["found"] for one in json.loads(done.stdout)["findings"]}


def test_an_engine_that_is_badly_configured(tmp_path: Path) -> None:
    with running("--storage-driver=vfs", "--ip-forward=false", "--host=tcp://0.0.0.0:2375", "--tls=false") as engine:
        subprocess.run(["sh", "-ec", "echo 0 >/proc/sys/net/ipv4/ip_forward"], check=True)  # of its network
        engine.stop()  # it looks when it starts
        engine.start()
        found = doctor(engine, tmp_path)
    assert found["storage-driver"] == "'vfs'"
    assert found["ip-forward"] == "IPv4 forwarding is disabled"
    assert found["engine-open"].startswith("http://0.0.0.0:2375")


def test_an_engine_that_goes_away(tmp_path: Path) -> None:
    with running() as engine:
        assert "engine-refused" not in doctor(engine, tmp_path)
        engine.crash()
        assert doctor(engine, tmp_path)["engine-refused"] == f"{engine.host} (DOCKER_HOST): connection refused"
        engine.start()
        engine.stop()
        assert doctor(engine, tmp_path)["engine-socket"] == f"{engine.host} (DOCKER_HOST): no such socket"


@pytest.fixture
def behind_a_vpn(image: str) -> Iterator[OwnEngine]:
    """An engine with the node image, and a tunnel that leads into the clusters' subnets, in a table of its own."""
    with running() as engine:
        engine.bring(image)
        for words in (
            "link add tun0 type veth peer name tun1",
            "link set tun0 up",
            "address add 10.9.0.2/24 dev tun0",
            "route add 10.96.0.0/12 dev tun0 table 52",  # as a VPN with rules of its own does
            "route add 198.19.255.128/25 dev tun0",
            "rule add priority 5270 table 52",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        yield engine


def test_routes_that_lead_into_the_clusters_subnets(behind_a_vpn: OwnEngine, tmp_path: Path) -> None:
    found = doctor(behind_a_vpn, tmp_path)
    assert found["subnet-overlap"] == "the nodes' own addresses 198.19.255.0/24 has in it 198.19.255.128/25, to which tun0 leads"
    assert found["subnet-inside-route"] == "networking.serviceSubnet 10.96.0.0/16 lies in 10.96.0.0/12, to which tun0 leads"
    assert behind_a_vpn.docker("ps", "--all", "--quiet").strip() == ""
