"""Which image another one is made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.image import derived
from pytest_kind.image.inputs import Inputs
from pytest_kind.provision.provider import Image

PROGRAMS = {f"program-{number}": "old" for number in range(7)}
WANTED = derived.Recipe(rest="r", programs=PROGRAMS)


def image(name: str = "i", tags: tuple[str, ...] = ("pytest-kind/node:v1-x",), changed: int = 0, **facts: Any) -> Image:
    programs = {one: "other" if number < changed else digest for number, (one, digest) in enumerate(PROGRAMS.items())}
    known = {"rest": "r", "programs": programs, "depth": 0, **facts}
    return Image(id=name, tags=tags, labels={labels.FACTS: json.dumps(known)}, architecture="amd64")


def test_the_one_with_the_fewest_differences() -> None:
    found = derived.nearest([image("a", changed=3), image("b", changed=1), image("c", changed=2)], WANTED)
    assert found is not None
    assert (found.image.id, found.changed, found.depth) == ("b", frozenset({"program-0"}), 1)


def test_of_equal_ones_the_shallowest() -> None:
    found = derived.nearest([image("a", changed=1, depth=3), image("b", changed=1, depth=2)], WANTED)
    assert found is not None
    assert (found.image.id, found.depth) == ("b", 3)


@pytest.mark.parametrize(
    "other",
    [
        image(rest="another"),
        image(depth=8),
        image(changed=5),
        image(tags=("mine:1",)),
        image(tags=()),
        image(programs={"program-0": "old"}),
        image(programs=None),
        image(depth=None),
        replace(image(), labels={}),
        replace(image(), labels={labels.FACTS: ""}),
        replace(image(), labels={labels.FACTS: "no json"}),
        replace(image(), labels={labels.FACTS: "[]"}),
    ],
)
def test_others_are_none_to_begin_with(other: Image) -> None:
    assert derived.nearest([image("good", changed=4), other], WANTED) == derived.nearest([image("good", changed=4)], WANTED)
    assert derived.nearest([other], WANTED) is None


def test_a_recipe_is_all_but_where_kubernetes_came_from(inputs: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "kubelet").write_bytes(b"one")
    first = derived.recipe(inputs, folder, ["etcd-1"])
    assert derived.recipe(replace(inputs, source="a checkout"), folder, ["etcd-1"]) == first
    assert derived.recipe(inputs, folder, ["etcd-2"]).rest != first.rest
    assert derived.recipe(replace(inputs, kubernetes="v1.36.0"), folder, ["etcd-1"]).rest != first.rest
    (folder / "kubelet").write_bytes(b"two")
    second = derived.recipe(inputs, folder, ["etcd-1"])
    assert (second.rest, second.programs == first.programs) == (first.rest, False)
