"""What users get wrong, on the real engine: one clear message each, nothing left."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind import KindCluster, labels
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine

Run = Callable[..., "subprocess.CompletedProcess[str]"]


pytestmark = pytest.mark.alone


@pytest.fixture
def run(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Run]:
    """Runs one test on a cluster that cannot be made; checks that nothing is left of it."""
    cache = resolve(pytestconfig).cache_dir
    (tmp_path / "test_it.py").write_text("def test_it(kind_cluster):\n    pass\n", encoding="utf-8")
    before = ours()

    def pytest_run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", f"--kind-cache-dir={cache}", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    yield pytest_run
    assert ours() - before == set()  # others' may have gone, such as what froze the cluster of the tests


def ours() -> set[str]:
    provider = docker_engine.connect()
    try:
        volumes = {one.name for one in provider.volumes({labels.SESSION: None})}
        return {one.name for one in provider.containers({labels.SESSION: None})} | volumes
    finally:
        provider.close()


def node_image(cluster: KindCluster) -> str:
    provider = docker_engine.connect()
    try:
        found = provider.container(cluster.nodes[0].container)
        assert found is not None
        return found.image
    finally:
        provider.close()


def test_an_unknown_image(run: Run) -> None:
    done = run("--kind-image=localhost/no/such:image")
    assert done.returncode == 1
    assert "--kind-image: localhost/no/such:image is not in the engine and cannot be pulled" in done.stdout
    assert "Traceback" not in done.stdout


def test_an_image_that_is_no_node_image(run: Run, kind_cluster: KindCluster) -> None:
    tag = f"pytest-kind-test/plain:{kind_cluster.name}"
    provider = docker_engine.connect()
    try:
        with provider.get(kind_cluster.nodes[0].container, "/bin/busybox") as archive:
            provider.import_image(archive, tag, {})
        done = run(f"--kind-image={tag}")
    finally:
        provider.remove_image(tag)
        provider.close()
    assert done.returncode == 1
    assert f"--kind-image: {tag} is no node image" in done.stdout


def test_a_name_that_something_else_has(run: Run, kind_cluster: KindCluster) -> None:
    made = subprocess.run(
        ["docker", "create", "--name", "somebodys-control-plane", "--label", "not=ours", node_image(kind_cluster), "true"],
        capture_output=True,
        text=True,
        check=True,
    )
    try:
        done = run("--kind-name=somebodys")
        assert done.returncode == 1
        assert "--kind-name: 'somebodys' would need the container name somebodys-control-plane, which something that is not ours has" in done.stdout
    finally:
        subprocess.run(["docker", "rm", made.stdout.strip()], check=True, capture_output=True)


def test_a_port_that_is_taken(run: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "kind.yaml").write_text(
            f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {{apiServerPort: {port}}}\n", encoding="utf-8"
        )
        done = run("--kind-config=kind.yaml")
    assert done.returncode == 1
    assert "address already in use" in done.stdout
    assert str(port) in done.stdout


def test_a_network_that_is_not_there(run: Run) -> None:
    done = run("--kind-network=no-such-network")
    assert done.returncode == 1
    assert "no-such-network" in done.stdout


def test_a_deadline_that_is_too_short(run: Run, tmp_path: Path) -> None:
    nodes = "nodes: [{role: control-plane}, {role: worker}]"  # one alone may be there in five seconds
    (tmp_path / "kind.yaml").write_text(f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{nodes}\n", encoding="utf-8")
    done = run("--kind-timeout=5", "--kind-cold", "--kind-config=kind.yaml")
    assert done.returncode == 1
    assert "did not boot, phase '" in done.stdout
    assert "not within 5.0 s" in done.stdout or "ended with" in done.stdout
    assert "PRIVATE KEY" not in done.stdout
