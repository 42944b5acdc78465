"""The registry of the stand-ins, and what nodes learn of it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.cluster import Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.e2e.images import serve as module
from pytest_kind.e2e.images.build import Built
from pytest_kind.e2e.images.serve import StandIns, serve
from pytest_kind.errors import ImageError, UsageError
from pytest_kind.image.workshop import Workshop
from support.engine import FakeEngine

E2E = "registry.k8s.io/e2e-test-images"
BUSYBOX = f"{E2E}/busybox:1.37.0-2"
HOSTS = "/etc/containerd/certs.d/registry.k8s.io/hosts.toml"
ASK = "curl --silent --output /dev/null --max-time 3 https://registry.k8s.io/v2/"
REQUEST = Request(config=ClusterConfig(), lease=300)


class Node:
    def __init__(self, container: str) -> None:
        self.container = container


class Cluster:
    """What of a cluster's handle is used."""

    name = "c"

    def __init__(self, engine: FakeEngine, *names: str, kept: bool = False, config: ClusterConfig | None = None) -> None:
        self.nodes = [Node(engine.add_container(name, {})) for name in names]
        self.kept = kept
        self.config = config or ClusterConfig()


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """Where to what was pushed."""
    calls: list[tuple[str, Path]] = []
    monkeypatch.setattr(module, "push", lambda registry, layout: calls.append((registry, layout)))
    return calls


@pytest.fixture
def start(engine: FakeEngine, workshop: Workshop, make: Callable[..., Built], pushed: list[tuple[str, Path]]) -> Callable[[], StandIns]:
    engine.add_node_image()
    engine.publish("127.0.0.1", 32768)
    return lambda: serve(workshop, REQUEST, lambda: engine, make(BUSYBOX))


def hosts(engine: FakeEngine, name: str) -> dict[str, Any]:
    return tomllib.loads(engine.files(name)[HOSTS][0].decode())


def test_it_is_filled_over_its_published_port(engine: FakeEngine, start: Callable[[], StandIns], pushed: list[tuple[str, Path]]) -> None:
    made = start()
    assert [registry for registry, _ in pushed] == ["http://127.0.0.1:32768"]
    assert list(made.images) == [BUSYBOX]
    assert made.hosts == ("registry.k8s.io",)
    assert made.lease_failure is None
    made.stop()
    made.stop()
    assert engine.names == []


def test_nothing_is_tagged_in_the_engine(engine: FakeEngine, start: Callable[[], StandIns]) -> None:
    made = start()
    assert [tag for image in engine.images({}) for tag in image.tags if "k8s.io" in tag] == []
    made.stop()


def test_one_that_takes_nothing_is_removed(engine: FakeEngine, start: Callable[[], StandIns], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise ImageError("the disk is full")

    monkeypatch.setattr(module, "push", refuse)
    with pytest.raises(ImageError, match="the disk is full"):
        start()
    assert engine.names == []


@pytest.mark.parametrize("reached", [True, False], ids=["the real one answers", "it does not"])
def test_every_node_asks_it_first(engine: FakeEngine, start: Callable[[], StandIns], reached: bool) -> None:
    made = start()
    cluster = Cluster(engine, "c-control-plane", "c-worker")
    if not reached:
        engine.answer(ASK.split(), code=28)
    made.attach(cluster)  # type: ignore[arg-type]
    endpoint = made._registry.endpoint
    entry = {"host": {f"{endpoint}/v2/registry.k8s.io": {"capabilities": ["pull", "resolve"], "override_path": True}}}
    for name in ("c-control-plane", "c-worker"):
        assert hosts(engine, name) == (entry if reached else {"server": endpoint, **entry})
        (mark,) = (content for path, (content, _) in engine.files(name).items() if path.startswith("/kind/stand-ins/stand-ins-"))
        assert json.loads(mark) == dict(made.digests)
    assert engine.execs("c-control-plane") == [ASK]
    made.stop()
    assert [one for one in engine.made("exec") if one.startswith("rm")] == []  # the cluster goes too


def test_the_configurations_mirrors_come_after_it_and_are_back_at_the_end(engine: FakeEngine, start: Callable[[], StandIns]) -> None:
    made = start()
    config = ClusterConfig(registry_mirrors={"registry.k8s.io": ("http://m",)})
    made.attach(Cluster(engine, "c-control-plane", kept=True, config=config))  # type: ignore[arg-type]
    assert list(hosts(engine, "c-control-plane")["host"]) == [f"{made._registry.endpoint}/v2/registry.k8s.io", "http://m"]
    made.stop()
    assert list(hosts(engine, "c-control-plane")["host"]) == ["http://m"]


def test_a_kept_cluster_forgets_it(engine: FakeEngine, start: Callable[[], StandIns]) -> None:
    made = start()
    cluster = Cluster(engine, "c-control-plane", kept=True)
    made.attach(cluster)  # type: ignore[arg-type]
    made.attach(cluster)  # type: ignore[arg-type]
    made.stop()
    assert engine.execs("c-control-plane")[2:] == ["rm -rf /etc/containerd/certs.d/registry.k8s.io"]


def test_a_kept_cluster_forgets_it_though_a_node_is_off(engine: FakeEngine, start: Callable[[], StandIns]) -> None:
    made = start()
    cluster = Cluster(engine, "c-control-plane", "c-worker", kept=True)
    made.attach(cluster)  # type: ignore[arg-type]
    engine.stop(cluster.nodes[0].container, 0)
    made.stop()
    assert engine.execs("c-worker") == ["rm -rf /etc/containerd/certs.d/registry.k8s.io"]


def test_a_kept_cluster_that_is_gone_meanwhile_is_no_error(engine: FakeEngine, start: Callable[[], StandIns]) -> None:
    made = start()
    cluster = Cluster(engine, "c-control-plane", kept=True)
    made.attach(cluster)  # type: ignore[arg-type]
    engine.remove(cluster.nodes[0].container)
    made.stop()
    assert engine.names == []


def test_a_cluster_on_another_network_is_refused(engine: FakeEngine, start: Callable[[], StandIns], monkeypatch: pytest.MonkeyPatch) -> None:
    made = start()
    cluster = Cluster(engine, "c-control-plane")
    monkeypatch.setattr(engine, "addresses", lambda _: {"other": "10.0.0.2"})
    with pytest.raises(UsageError, match=r"^stand-ins: cluster c is on another network of the engine than their registry; give both the same"):
        made.attach(cluster)  # type: ignore[arg-type]
    made.stop()


def test_dockers_registry_is_asked_where_it_is() -> None:
    assert module._server("docker.io") == "registry-1.docker.io"
    assert module._server("quay.io") == "quay.io"
