"""What the engine has, seen without a change to it."""

from __future__ import annotations

from pathlib import Path

from pytest_kind import labels
from pytest_kind.config.types import ClusterConfig, Node
from pytest_kind.diagnose.doctor.collect.holdings import node_image, see_clusters, see_holdings
from pytest_kind.diagnose.doctor.facts import Wanted
from pytest_kind.lease.session import Session
from support.engine import FakeEngine


def test_clusters_are_counted_and_told_apart(engine: FakeEngine, session: Session) -> None:
    engine.add_container("a-control-plane", {**session.labels(), labels.CLUSTER: "a"})
    engine.add_container("a-worker", {**session.labels(), labels.CLUSTER: "a"})
    engine.add_container("b-control-plane", {**session.labels(keep=True), labels.CLUSTER: "b"}, "exited")
    engine.add_container("kind-control-plane", {labels.CLUSTER: "kind"})
    seen = see_clusters(engine)
    assert (seen.nodes, seen.running, seen.foreign) == ({"a": 2, "kind": 1}, 3, ("kind",))
    assert seen.names == {"a": "a run's", "b": "kept", "kind": "container kind-control-plane, which is not ours"}


def test_what_a_dead_session_left_is_named_and_stays(engine: FakeEngine, cache: Path, session: Session) -> None:
    dead = Session.open(cache)
    engine.add_container("left", {**dead.labels(lease=300), labels.CLUSTER: "left"})
    engine.add_container("database", {})
    engine.add_volume("shared", dead.labels(lease=300))
    dead._lock.release()
    engine.add_node_image()
    seen = see_holdings(engine, cache, Wanted(), session.id)
    assert seen.leftovers == ("container left", "volume shared")
    assert seen.names["database"] == "container database, which is not ours"
    assert (engine.names, dead.folder.exists()) == (["database", "left"], True)
    assert [call for call in engine.calls if call.startswith("remove")] == []


def test_the_image_that_is_wanted_is_looked_for(engine: FakeEngine, cache: Path) -> None:
    assert see_holdings(engine, cache, Wanted(), None).image is False
    assert node_image(engine, Wanted()) is None
    there = engine.add_node_image()
    assert see_holdings(engine, cache, Wanted(), None).image is True
    named = Wanted(image="somebodys/node:1")
    assert (see_holdings(engine, cache, named, None).image, see_holdings(engine, cache, named, None).image_name) == (False, "somebodys/node:1")
    of_node = Wanted(config=ClusterConfig(nodes=(Node(image="a:1"),)))
    assert see_holdings(engine, cache, of_node, None).image_name == "a:1"
    assert node_image(engine, named) == there  # any of ours can look around
