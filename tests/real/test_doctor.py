"""The doctor on the real engine: each fault that can be made safely here is made, and found.

Faults of the whole machine are made in namespaces of the command's own: it sees another file in the place of the kernel's, another
mount in the place of the cache.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import KindCluster, cli, labels
from pytest_kind.config.load import from_file
from pytest_kind.diagnose.doctor.collect.everything import glance
from pytest_kind.diagnose.doctor.facts import Wanted
from pytest_kind.diagnose.doctor.finding import SetSysctl, Severity
from pytest_kind.diagnose.doctor.judge import RULES, judge
from pytest_kind.diagnose.doctor.mend import Mender
from pytest_kind.errors import UsageError
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine, kernel
from pytest_kind.provision.provider import Provider

INSTANCES = "/proc/sys/fs/inotify/max_user_instances"
HEADER = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
# A container of a session that dies at once, as a killed run leaves it.
LEAVES = """
import os, signal, sys
from pathlib import Path
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import ContainerSpec
session = Session.open(Path(sys.argv[1]))
docker_engine.connect().create(ContainerSpec(name=sys.argv[3], image=sys.argv[2], labels=session.labels(lease=300)))
os.kill(os.getpid(), signal.SIGKILL)
"""
Doctor = Callable[..., dict[str, Any]]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The engine."""
    made = docker_engine.connect()
    yield made
    made.close()


@pytest.fixture
def node_image(kind_cluster: KindCluster, provider: Provider) -> str:
    """The image of the cluster's nodes, which is in the engine."""
    found = provider.container(kind_cluster.nodes[0].container)
    assert found is not None
    return found.image


@pytest.fixture
def doctor(kind_cluster: KindCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command, with a cache of its own; something is found or it is not, but it is never at a loss.

    ``before`` is what a shell does first, in a mount namespace of the command's own.
    """

    def run(*argv: str, before: str = "", code: int | None = None, **environment: str) -> dict[str, Any]:
        arguments = [f"--cache-dir={tmp_path / 'cache'}", "doctor", "--json", *argv]
        if before:
            command = ["unshare", "--mount", "sh", "-ec", f'{before}\nexec "$@"', "sh", sys.executable, "-m", "pytest_kind.cli", *arguments]
            done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120)
            ended, out, error = done.returncode, done.stdout, done.stderr
        else:
            with monkeypatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                ended = cli.main(arguments)
            out, error = capsys.readouterr()
        assert ended in {0, 1}, error
        assert code in {None, ended}, out
        said: dict[str, Any] = json.loads(out)
        assert said["errors"] == sum(one["severity"] == "error" for one in said["findings"])
        return said

    return run


def found(said: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["found"] for one in said["findings"]}


def config(folder: Path, text: str) -> str:
    (folder / "kind.yaml").write_text(f"{HEADER}{text}\n", encoding="utf-8")
    return str(folder / "kind.yaml")


def test_a_machine_on_which_clusters_run_has_no_error_and_all_is_looked_at(doctor: Doctor) -> None:
    said = doctor(code=0)
    assert said["errors"] == 0
    assert said["not_looked_at"] == []
    assert {one["id"] for one in said["findings"]} <= {rule.id for rule in RULES if rule.severity is not Severity.ERROR}


def test_a_port_that_a_process_has_and_one_that_a_container_has(doctor: Doctor, kind_cluster: KindCluster, tmp_path: Path) -> None:
    published = int(kind_cluster.client.configuration.host.rpartition(":")[2])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        mapping = f"{{containerPort: 80, hostPort: {port}}}"
        text = f"networking: {{apiServerPort: {published}}}\nnodes: [{{role: control-plane, extraPortMappings: [{mapping}]}}]"
        said = [one["found"] for one in doctor("--config", config(tmp_path, text), code=1)["findings"] if one["id"] == "port-taken"]
    assert said[0] == f"networking.apiServerPort: tcp 127.0.0.1:{published}: container {kind_cluster.nodes[0].name} publishes it"
    assert said[1].startswith(f"nodes[0].extraPortMappings[0]: tcp 127.0.0.1:{port}: address already in use by ")
    assert said[1].endswith(f"(process {os.getpid()})")


def test_what_the_kernel_lacks_is_what_making_the_cluster_would_refuse(doctor: Doctor, provider: Provider, node_image: str, tmp_path: Path) -> None:
    session = Session.open(tmp_path / "cache")
    file = config(tmp_path, "networking: {kubeProxyMode: ipvs, ipFamily: dual}")
    refused: tuple[str, ...] = ()
    try:
        kernel.check(provider, provider.info(), from_file(Path(file)), image=node_image, marks=session.labels(lease=60))
    except UsageError as error:
        refused = tuple(str(error).split("; "))
    finally:
        session.close()
    lacks = {"IPVS": "kernel-ipvs", "dummy": "kernel-dummy", "IPv6": "kernel-ipv6"}
    expected = {rule for word, rule in lacks.items() if any(word in line for line in refused)}
    assert {name for name in found(doctor("--config", file)) if name in lacks.values()} == expected


def test_too_few_inotify_instances_are_found_and_mended(doctor: Doctor, tmp_path: Path) -> None:
    """In a mount namespace where the kernel's file is another."""
    fake = tmp_path / "instances"
    fake.write_text("8\n", encoding="utf-8")
    before = f"mount --bind {fake} {INSTANCES}"
    assert found(doctor(before=before))["inotify-instances"].startswith("fs.inotify.max_user_instances is 8; ")
    said = doctor("--fix", before=before)
    assert "inotify-instances" not in found(said)
    assert any(line.startswith("sysctl -w fs.inotify.max_user_instances=") for line in said["mended"])
    assert int(fake.read_text(encoding="utf-8")) >= 512


def test_a_privileged_container_mends_what_this_process_may_not(provider: Provider, node_image: str, tmp_path: Path) -> None:
    """Sets what is set already: the machine is everybody's."""
    session = Session.open(tmp_path)
    marks = session.labels(lease=60)
    now = int(Path(INSTANCES).read_text(encoding="utf-8"))
    fix = SetSysctl("fs.inotify.max_user_instances", now)
    rule = next(rule for rule in RULES if rule.id == "inotify-instances")
    mender = Mender(provider=provider, cache=tmp_path, here=False, image=node_image, modules=False, own=session.id, marks=marks)
    try:
        (said,) = mender.mend([rule.found("", fix=fix)])
        (failed,) = mender.mend([rule.found("", fix=SetSysctl("no.such.setting", 1))])
    finally:
        left = provider.containers({labels.SESSION: session.id})
        session.close()
    assert said == f"sysctl -w fs.inotify.max_user_instances={now} (on the engine's machine, by a privileged container; until it boots anew)"
    assert failed.startswith("sysctl -w no.such.setting=1: failed: the engine's machine: ")
    assert left == []


@pytest.mark.parametrize(
    ("options", "rule"),
    [("size=1m,ro", "cache-unwritable"), ("size=1m,noexec", "cache-noexec"), ("size=1m", "cache-space")],
)
def test_a_cache_that_is_no_good(doctor: Doctor, tmp_path: Path, options: str, rule: str) -> None:
    (tmp_path / "cache").mkdir()
    said = doctor("--image=localhost/no/such:image", before=f"mount -t tmpfs -o {options} tmpfs {tmp_path / 'cache'}")
    assert rule in found(said)
    assert "image-missing" in found(said)


def test_stale_locks_and_what_a_killed_run_left_are_found_and_go(doctor: Doctor, provider: Provider, node_image: str, tmp_path: Path) -> None:
    cache, name = tmp_path / "cache", f"doctor-test-{os.getpid()}"
    killed = subprocess.run([sys.executable, "-c", LEAVES, str(cache), node_image, name], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (cache / "locks").mkdir()
    (cache / "locks" / "image-1.lock").touch()
    try:
        seen = found(doctor())
        assert f"container {name}" in seen["leftovers"]
        assert "image-1.lock" in seen["stale-locks"]
        said = doctor("--fix")
        assert f"removed container {name}" in said["mended"]
        assert not {"leftovers", "stale-locks"} & {*found(said)}
        assert provider.container(name) is None
        assert list(cache.glob("locks/*")) == list(cache.glob("sessions/*")) == []
    finally:
        left = provider.container(name)
        if left is not None:
            provider.remove(left.id)


def test_proxies_are_asked_for_where_nodes_would_look(doctor: Doctor, provider: Provider) -> None:
    gateway = provider.network("bridge").gateways[0]
    with socket.socket() as proxy:
        proxy.bind((gateway, 0))
        port = proxy.getsockname()[1]
        assert found(doctor(HTTPS_PROXY=f"http://me:geheim@127.0.0.1:{port}", NO_PROXY=""))["proxy-unreachable"].startswith(f"{gateway}:{port}: ")
        proxy.listen()
        said = doctor(HTTPS_PROXY=f"http://me:geheim@127.0.0.1:{port}", NO_PROXY="localhost")
    assert not {"proxy-unreachable", "proxy-without-loopback"} & {*found(said)}
    assert "geheim" not in json.dumps(said)


def test_a_network_and_an_engine_that_are_not_there(doctor: Doctor) -> None:
    assert "network-missing" in found(doctor("--network=no-such-network", code=1))
    said = doctor(before=":", code=1, DOCKER_HOST="unix:///no/such.sock")  # apart: docker's library leaves a connection that failed open
    assert found(said)["engine-socket"] == "unix:///no/such.sock (DOCKER_HOST): no such socket"
    assert said["engine"] is None


def test_a_route_into_the_clusters_subnets(tmp_path: Path) -> None:
    """In a network namespace with the engine's bridge and a VPN: what the preflight would see there."""
    code = (
        "from pathlib import Path; from pytest_kind.provision import docker_engine as d;"
        "from pytest_kind.diagnose.doctor.collect.everything import glance; from pytest_kind.diagnose.doctor.judge import judge;"
        "from pytest_kind.diagnose.doctor.facts import Wanted;"
        f"print(*(one.line for one in judge(glance(d.connect(), Path({str(tmp_path)!r}), Wanted()))), sep='\\n')"
    )
    bridge, gateway = bridge_of_the_engine()
    setup = (
        f"ip link set lo up; ip link add bridge0 type bridge; ip address add {gateway}/{bridge.rpartition('/')[2]} dev bridge0;"
        "ip link set bridge0 up; ip link add tun0 type veth peer name tun1; ip link set tun0 up; ip address add 10.9.0.2/24 dev tun0;"
        "ip route add 10.244.7.0/24 dev tun0; ip route add 198.19.0.0/16 dev tun0"
    )
    said = subprocess.run(
        ["unshare", "--net", "sh", "-ec", f'{setup}\nexec "$@"', "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "subnet-overlap: networking.podSubnet 10.244.0.0/16 has in it 10.244.7.0/24, to which tun0 leads; " in said
    assert "subnet-inside-route: the nodes' own addresses 198.19.255.0/24 lies in 198.19.0.0/16, to which tun0 leads; " in said


def bridge_of_the_engine() -> tuple[str, str]:
    """Its subnet, and the machine's address on it."""
    made = docker_engine.connect()
    try:
        network = made.network("bridge")
    finally:
        made.close()
    return network.subnets[0], network.gateways[0]


def test_the_preflight_is_quick(provider: Provider, kind_cluster: KindCluster, tmp_path: Path) -> None:
    """It is promised within a second; measured: 0.04 s on a quiet machine."""
    took = []
    for _ in range(5):
        begin = time.monotonic()
        judge(glance(provider, tmp_path, Wanted()))
        took.append(time.monotonic() - begin)
    assert min(took) < 1
