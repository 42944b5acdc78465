"""The registry beside the clusters, on the fake engine."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.cluster import Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import KindError, UsageError, WaitTimeout
from pytest_kind.image import go_modules
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.sweep import sweep
from pytest_kind.toolbox import registry
from pytest_kind.toolbox.registry import Registry, serve
from pytest_kind.waiting import Deadline
from support.engine import FakeEngine

REQUEST = Request(config=ClusterConfig(), lease=300)
CONFIG_MAP = "kubectl delete configmap local-registry-hosting --namespace=kube-public --ignore-not-found"


class Node:
    def __init__(self, container: str) -> None:
        self.container = container


class Cluster:
    """What of a cluster's handle a registry uses."""

    name = "c"

    def __init__(self, engine: FakeEngine, *containers: str, kept: bool = False, config: ClusterConfig | None = None) -> None:
        self._engine = engine
        self.nodes = [Node(engine.container(name).id) for name in containers]  # type: ignore[union-attr]
        self.kept = kept
        self.config = config or ClusterConfig()
        self.said: list[tuple[tuple[str, ...], str | None]] = []

    def kubectl(self, *argv: str, input: str | None = None) -> str:  # noqa: A002 - as the handle
        self.said.append((argv, input))
        return ""

    def _control_plane(self) -> Node:
        running = {one.id for one in self._engine.containers({}) if one.running}
        return next((node for node in self.nodes if node.container in running), self.nodes[0])


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The program, without a compiler and a network."""
    (tmp_path / "registry").write_bytes(b"program")
    monkeypatch.setattr(go_modules, "build", lambda *_: tmp_path)


@pytest.fixture
def start(engine: FakeEngine, workshop: Workshop, compiled: None) -> Callable[[], Registry]:
    engine.add_node_image()
    engine.publish("127.0.0.1", 32768)
    return lambda: serve(workshop, REQUEST, lambda: engine)


def files(engine: FakeEngine, container: str) -> dict[str, tuple[bytes, int]]:
    """What was put into a container."""
    found = {}
    for _, archive in engine.puts(container):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                assert content is not None
                found[entry.name] = (content.read(), entry.mode)
    return found


def entry(engine: FakeEngine, node: Node, host: str) -> dict[str, object]:
    return tomllib.loads(files(engine, node.container)[f"etc/containerd/certs.d/{host}/hosts.toml"][0].decode())


def test_it_is_a_container_of_the_sessions(engine: FakeEngine, start: Callable[[], Registry], workshop: Workshop) -> None:
    made = start()
    assert (made.address, made.name, made.endpoint) == ("localhost:32768", "kind-registry:5000", "http://172.17.0.2:5000")
    there = engine.container(made.container)
    assert there is not None
    assert dict(there.labels) == {**workshop.labels, labels.KIND: "registry"}
    assert there.labels[labels.LEASE] == "300"
    assert labels.CLUSTER not in there.labels  # else kind would take it for a node
    spec = engine.spec(made.container)
    assert (spec["entrypoint"], spec["command"]) == (["/kind/serve-registry"], ["300"])
    assert spec["ports"] == [{"container": 5000, "host": 0, "address": "127.0.0.1", "protocol": "tcp"}]
    put = files(engine, made.container)
    assert put["usr/local/bin/registry"] == (b"program", 0o755)
    assert put["kind/serve-registry"][1] == 0o755
    assert json.loads(put["kind/registry.yml"][0])["http"] == {"addr": ":5000"}
    made.stop()
    made.stop()
    assert engine.names == []
    assert engine.volumes({}) == []


def test_a_sweep_removes_it_with_its_session(engine: FakeEngine, start: Callable[[], Registry], cache: Path, workshop: Workshop) -> None:
    made = start()
    assert sweep(engine, cache).removed == []
    own = workshop.labels[labels.SESSION]
    (cache / "sessions" / own / "lock").unlink()  # as a process that died leaves it: nobody holds it
    (cache / "sessions" / own / "lock").touch()
    assert [one.split()[0] for one in sweep(engine, cache).removed] == ["container"]
    made.stop()


def test_one_that_ends_at_once_is_removed_and_says_why(engine: FakeEngine, start: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "start", lambda container: engine.stop(container, 0))
    with pytest.raises(KindError, match=r"(?s)^registry pytest-kind-registry-\w+: ended at once; its console ended with\nthe console's last words$"):
        start()
    assert engine.names == []


def test_one_that_does_not_answer_is_removed(engine: FakeEngine, start: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "Deadline", lambda _: Deadline(0))
    engine.answer(["curl"], "curl: (7) refused", code=7)
    with pytest.raises(WaitTimeout, match=r"(?s)answers: .*ended with 7:\ncurl: \(7\) refused"):
        start()
    assert engine.names == []


def test_a_network_without_addresses_is_refused(engine: FakeEngine, start: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "addresses", lambda _: {})
    with pytest.raises(UsageError, match=r"^--kind-network: bridge gives containers no address of their own"):
        start()
    assert engine.names == []


def test_an_ipv6_address_is_one_of_a_url(engine: FakeEngine, start: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "addresses", lambda _: {"six": "fd00::2"})
    made = start()
    assert made.endpoint == "http://[fd00::2]:5000"
    made.stop()


def test_every_node_learns_its_names_and_the_cluster_is_told(engine: FakeEngine, start: Callable[[], Registry]) -> None:
    made = start()
    for name in ("c-control-plane", "c-worker"):
        engine.add_container(name, {})
    cluster = Cluster(engine, "c-control-plane", "c-worker")
    made.attach(cluster, "docker.io")  # type: ignore[arg-type]
    for node in cluster.nodes:
        assert entry(engine, node, "kind-registry:5000") == entry(engine, node, "localhost:32768") == {"server": made.endpoint}
        assert entry(engine, node, "docker.io") == {"host": {made.endpoint: {"capabilities": ["pull", "resolve"]}}}
    ((argv, announced),) = cluster.said
    assert argv[0] == "apply"
    assert announced is not None
    assert json.loads(announced)["metadata"] == {"name": "local-registry-hosting", "namespace": "kube-public"}
    made.stop()
    assert not [one for one in engine.made("exec") if one.startswith("rm")]  # the cluster goes too


def test_a_kept_cluster_forgets_it(engine: FakeEngine, start: Callable[[], Registry]) -> None:
    made = start()
    engine.add_container("c-control-plane", {})
    made.attach(Cluster(engine, "c-control-plane", kept=True), "docker.io")  # type: ignore[arg-type]
    made.stop()
    folder = "/etc/containerd/certs.d"
    assert engine.made("exec")[-2:] == [f"rm -rf {folder}/kind-registry:5000 {folder}/localhost:32768 {folder}/docker.io", CONFIG_MAP]


def test_a_kept_cluster_forgets_it_though_its_first_node_is_off(engine: FakeEngine, start: Callable[[], Registry]) -> None:
    made = start()
    names = ("c-control-plane", "c-control-plane2")
    for name in names:
        engine.add_container(name, {})
    cluster = Cluster(engine, *names, kept=True)
    made.attach(cluster)  # type: ignore[arg-type]
    engine.stop(cluster.nodes[0].container, 0)
    made.stop()
    folder = "/etc/containerd/certs.d"
    assert engine.execs("c-control-plane2") == [f"rm -rf {folder}/kind-registry:5000 {folder}/localhost:32768", CONFIG_MAP]


def test_a_kept_cluster_that_is_gone_meanwhile_is_no_error(engine: FakeEngine, start: Callable[[], Registry]) -> None:
    made = start()
    engine.add_container("c-control-plane", {})
    cluster = Cluster(engine, "c-control-plane", kept=True)
    made.attach(cluster)  # type: ignore[arg-type]
    engine.remove(cluster.nodes[0].container)
    made.stop()
    assert engine.names == []


def test_mirrors_of_the_configuration_stay(engine: FakeEngine, start: Callable[[], Registry]) -> None:
    made = start()
    engine.add_container("c-control-plane", {})
    cluster = Cluster(engine, "c-control-plane", config=ClusterConfig(registry_mirrors={"docker.io": ("http://m",)}))
    message = r"^registry kind-registry:5000: docker\.io has mirrors in the configuration of cluster c \(registryMirrors\)$"
    with pytest.raises(UsageError, match=message):
        made.attach(cluster, "docker.io", "quay.io")  # type: ignore[arg-type]
    assert engine.puts(cluster.nodes[0].container) == []
    made.stop()


def test_a_cluster_on_another_network_is_refused(engine: FakeEngine, start: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    made = start()
    engine.add_container("c-control-plane", {})
    monkeypatch.setattr(engine, "addresses", lambda _: {"other": "10.0.0.2"})
    cluster = Cluster(engine, "c-control-plane")
    with pytest.raises(UsageError, match=r"cluster c is on another network of the engine; give both the same --kind-network$"):
        made.attach(cluster)  # type: ignore[arg-type]
    assert not made.reaches(cluster)  # type: ignore[arg-type]
    made.stop()
