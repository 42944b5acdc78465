"""What nodes have, what the engine gives, what stands in, what is left: before the first spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_kind.e2e.images.check import check
from pytest_kind.errors import CommandError, ImageError
from support.engine import FakeEngine
from support.images import Layout, NodeContainerd, tar_of

E2E = "registry.k8s.io/e2e-test-images"
ONE, TWO, THREE, FOUR = (f"{E2E}/{name}:1" for name in ("agnhost", "busybox", "nginx", "perl"))
INVALID = "invalid.registry.k8s.io/invalid/alpine:3.1"


class Node:
    def __init__(self, engine: FakeEngine, name: str, *images: str) -> None:
        self.name = name
        self.container = engine.add_container(name, {})
        engine.containerd[self.container] = NodeContainerd(images={image: f"sha256:{image}" for image in images})


@pytest.fixture
def nodes(engine: FakeEngine) -> list[Any]:
    return [Node(engine, "c-control-plane", ONE, TWO), Node(engine, "c-worker", ONE)]


def give(engine: FakeEngine, *names: str) -> None:
    """The engine has images of these names."""
    layout = Layout()
    for number, name in enumerate(names):
        entry = layout.image([tar_of({"file": f"{number}".encode()})])
        layout.add(entry, name)
        engine.add_image(name, {}, (), identity=layout.configuration(entry))
    engine.saved = layout.archive()


def test_each_image_is_in_one_place_and_those_that_shall_fail_in_none(engine: FakeEngine, nodes: list[Any]) -> None:
    give(engine, TWO)
    ready = check(engine, nodes, [ONE, TWO, THREE, FOUR, INVALID], {THREE, ONE})
    assert (ready.there, ready.loaded, ready.stand_ins, ready.to_pull) == ((ONE,), (TWO,), (THREE,), (FOUR,))
    assert str(ready) == "images of the specs: 1 on the nodes, 1 loaded, 1 stand-ins, 1 to be pulled"


def test_what_the_engine_has_is_loaded_all_at_once(engine: FakeEngine, nodes: list[Any]) -> None:
    give(engine, TWO, THREE)
    assert check(engine, nodes, [ONE, TWO, THREE]).loaded == (TWO, THREE)
    assert engine.made("save_images") == [f"{TWO} {THREE}"]
    assert all({ONE, TWO, THREE} <= engine.containerd[node.container].images.keys() for node in nodes)


def test_where_nodes_have_all_nothing_is_sent(engine: FakeEngine, nodes: list[Any]) -> None:
    assert check(engine, nodes, [ONE]).there == (ONE,)
    assert engine.made("exec_with_input") == engine.made("save_images") == engine.made("image") == []


def test_a_stand_in_of_an_earlier_run_is_one_still(engine: FakeEngine, nodes: list[Any]) -> None:
    marks = "".join(json.dumps(one) for one in ({ONE: f"sha256:{ONE}", TWO: "sha256:another"}, {ONE: "sha256:older"}))
    engine.answer(["sh", "-c", "cat /kind/stand-ins/*.json 2>/dev/null || true"], marks, on="c-worker")
    ready = check(engine, nodes, [ONE, TWO])
    assert (ready.there, ready.stand_ins, ready.to_pull) == ((), (ONE,), (TWO,))


def test_a_node_that_refuses_an_image_is_an_error(engine: FakeEngine, nodes: list[Any]) -> None:
    give(engine, TWO)
    engine.containerd[nodes[1].container].refuses = "no space left on device"
    with pytest.raises(ImageError, match=r"(?s)1 of 2 nodes did not take .*busybox:1.*no space left on device"):
        check(engine, nodes, [TWO])


def test_a_containerd_that_does_not_answer_is_an_error(engine: FakeEngine, nodes: list[Any]) -> None:
    engine.answer(["ctr"], "dial unix: connection refused", code=1, on="c-worker")
    with pytest.raises(CommandError, match=r"^c-worker: .*\n?.*connection refused"):
        check(engine, nodes, [ONE])
