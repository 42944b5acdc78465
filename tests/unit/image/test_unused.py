"""Which images of ours nothing needs any more."""

from __future__ import annotations

import json

import pytest

from pytest_kind import labels
from pytest_kind.image import debian
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.unused import unused_images
from pytest_kind.provision.provider import ContainerSpec
from support.engine import FakeEngine

NOW, DAY = 1_000_000_000.0, 86400.0


def node_image(engine: FakeEngine, name: str, *, days: float | None, kind: str = "node-image") -> str:
    facts = {"kubernetes": "v1.37.1", **({} if days is None else {"made": int(NOW - days * DAY)})}
    return engine.add_image(name, {labels.KIND: kind, labels.IMAGE_DIGEST: "old", labels.FACTS: json.dumps(facts)}).id


def found(engine: FakeEngine, days: float = 14) -> list[str]:
    return [image.tags[0] for image in unused_images(engine, days, NOW)]


@pytest.mark.parametrize(("days", "listed"), [(15.0, ["old:1"]), (13.0, []), (None, ["old:1"])])
def test_of_other_inputs_and_old(engine: FakeEngine, days: float | None, listed: list[str]) -> None:
    node_image(engine, "old:1", days=days)
    assert found(engine) == listed


def test_how_old_can_be_said(engine: FakeEngine) -> None:
    node_image(engine, "old:1", days=2)
    assert (found(engine, 3), found(engine, 1)) == ([], ["old:1"])


@pytest.mark.parametrize("source", ["", "a tarball's digest"])
@pytest.mark.parametrize("kubernetes", [None, "v1.36.0"])
def test_what_the_inputs_lead_to_is_not_among_them_whatever_it_was_made_from(engine: FakeEngine, kubernetes: str | None, source: str) -> None:
    engine.add_node_image(kubernetes, source)
    assert found(engine) == []


@pytest.mark.parametrize("state", ["running", "exited"])
def test_what_a_container_is_made_of_is_not_among_them(engine: FakeEngine, state: str) -> None:
    image = node_image(engine, "old:1", days=100)
    container = engine.create(ContainerSpec(name="somebodys", image=image, labels={}))
    if state == "running":
        engine.start(container)
    assert found(engine) == []
    engine.remove(container)
    assert found(engine) == ["old:1"]


def test_what_is_not_ours_is_not_among_them(engine: FakeEngine) -> None:
    engine.add_image("kindest/node:v1.37.1")
    engine.add_image("anybodys:1", {labels.KIND: "other"})
    assert found(engine) == []


def test_base_layers_are_among_them_when_another_one_took_their_place(engine: FakeEngine) -> None:
    current = debian.base_digest(read_inputs("amd64"))
    engine.add_image(f"pytest-kind/base:{current}", {labels.KIND: "base-image", labels.IMAGE_DIGEST: current})
    engine.add_image("pytest-kind/base:old", {labels.KIND: "base-image", labels.IMAGE_DIGEST: "old"})
    assert found(engine) == ["pytest-kind/base:old"]


@pytest.mark.parametrize("facts", ["{", "[]", "{}"])
def test_one_whose_label_says_nothing_is_old(engine: FakeEngine, facts: str) -> None:
    engine.add_image("old:1", {labels.KIND: "node-image", labels.IMAGE_DIGEST: "old", labels.FACTS: facts})
    assert found(engine) == ["old:1"]


def test_nothing_is_removed(engine: FakeEngine) -> None:
    node_image(engine, "old:1", days=100)
    found(engine)
    assert engine.made("remove_image") == []


def test_frozen_clusters_come_first_for_they_are_made_of_node_images(engine: FakeEngine) -> None:
    node_image(engine, "old:1", days=20)
    node_image(engine, "frozen:1", days=15, kind=labels.KIND_FROZEN)
    node_image(engine, "frozen:2", days=13, kind=labels.KIND_FROZEN)
    assert found(engine) == ["frozen:1", "old:1"]
