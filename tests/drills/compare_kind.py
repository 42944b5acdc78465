"""The same file for the real kind and for us: what can be seen of the two clusters is equal, or is in the list of differences.

KIND=/path/to/kind pytest tests/drills/compare_kind.py --kind-timeout=300

Both use the same node image, ours. kind's is not changed by anything but what a cgroup v1 host asks of a kubelet. A difference
that ``differences.py`` does not explain fails, and so does an entry there that nothing shows any more.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from drills.differences import DIFFERENCES, NOWHERE, explanation
from pytest_kind import KindCluster
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Provider
from support.facts import Facts, Reader

FILES = {path.stem: path for path in sorted((Path(__file__).parent / "kind").glob("*.yaml"))}
NETWORK = f"compare-{secrets.token_hex(3)}"
# kind sets neither, and a kubelet since 1.35 does not start on such a host.
CGROUP_V1 = "kind: KubeletConfiguration\nfailCgroupV1: false\ncgroupDriver: cgroupfs\n"


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The engine."""
    connected = docker_engine.connect()
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def kind() -> Iterator[Callable[..., str]]:
    """Runs the real kind, on a network of its own."""
    program = shutil.which(os.environ.get("KIND", "kind"))
    assert program, "there is no kind: KIND names the executable"
    environment = {**os.environ, "KIND_EXPERIMENTAL_DOCKER_NETWORK": NETWORK}

    def run(*argv: str, timeout: float = 300.0) -> str:
        done = subprocess.run([program, *argv], env=environment, text=True, capture_output=True, check=False, timeout=timeout)
        assert done.returncode == 0, f"kind {argv}: {done.stderr}"
        return done.stdout

    yield run
    made = subprocess.run(["docker", "network", "ls", "--quiet", "--filter", f"name={NETWORK}"], check=True, text=True, capture_output=True).stdout
    if made:
        subprocess.run(["docker", "network", "rm", *made.split()], check=True, capture_output=True)


@pytest.fixture(scope="session")
def seen() -> set[str]:
    """The facts of entries in the list that some cluster showed."""
    return set()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, from which a file's relative paths start."""
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_the_same_cluster(
    name: str,
    folder: Path,
    provider: Provider,
    kind: Callable[..., str],
    kind_cluster_factory: Callable[..., KindCluster],
    seen: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = folder / "kind.yaml"
    document = yaml.safe_load(FILES[name].read_text(encoding="utf-8"))
    if provider.info().cgroup_version == 1:
        document.setdefault("kubeadmConfigPatches", []).append(CGROUP_V1)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    networked = not document.get("networking", {}).get("disableDefaultCNI", False)

    # From the node image itself, not from a frozen cluster's, and with the control plane in the form that kind has.
    monkeypatch.setenv("PYTEST_KIND_COLD", "true")
    monkeypatch.setenv("PYTEST_KIND_STATIC_PODS", "true")
    our_cluster = kind_cluster_factory(str(file))
    try:
        our_cluster.nodes[0].exec("/kind/pytest-kind/settle")
        image = str(provider.inspect(our_cluster.nodes[0].container)["Image"])
        ours = Reader(provider, our_cluster.name).read(ready=networked)
    finally:
        our_cluster.delete()
    theirs = facts_of_kind(provider, kind, file, image, ready=networked)
    for whose, facts in (("kind", theirs), ("ours", ours)):  # for whoever asks how it came to this
        (folder / f"{whose}.json").write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")

    wrong = []
    for fact in sorted(theirs.keys() | ours.keys()):
        their, our = theirs.get(fact, NOWHERE), ours.get(fact, NOWHERE)
        if their == our:
            continue
        if (entry := explanation(fact, their, our)) is not None:
            seen.add(entry.fact)
        else:
            wrong.append(f"{fact}\n    kind: {their}\n    ours: {our}")
    assert not wrong, "\n".join(["differences that nothing explains:", *wrong])


def test_every_entry_of_the_list_is_seen(seen: set[str]) -> None:
    stale = [entry.fact for entry in DIFFERENCES if entry.everywhere and entry.fact not in seen]
    assert not stale, f"no cluster of all these differs in {stale}"


def facts_of_kind(provider: Provider, kind: Callable[..., str], file: Path, image: str, *, ready: bool) -> Facts:
    """What the real kind makes of the file, and takes away again."""
    cluster, kubeconfig = f"compare-{secrets.token_hex(3)}", str(file.parent / "kubeconfig")
    try:
        kind("create", "cluster", "--name", cluster, "--config", str(file), "--image", image, "--kubeconfig", kubeconfig, "--retain")
        return Reader(provider, cluster).read(ready=ready)
    finally:
        kind("delete", "cluster", "--name", cluster, "--kubeconfig", kubeconfig)
