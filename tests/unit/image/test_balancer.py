"""The image of a load balancer: the node image where it is ours, else our base layer."""

from __future__ import annotations

import os

import pytest

from pytest_kind.errors import ImageError
from pytest_kind.image import debian
from pytest_kind.image.balancer import balancer_image
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.store import NodeImage, resolve
from pytest_kind.image.workshop import Workshop
from support.engine import FakeEngine


@pytest.fixture
def foreign(workshop: Workshop, engine: FakeEngine) -> NodeImage:
    engine.add_image("kindest/node:v1.30.0")
    return resolve(workshop, reference="kindest/node:v1.30.0", kubernetes=None)


@pytest.fixture
def base(engine: FakeEngine) -> str:
    return f"pytest-kind/base:{debian.base_digest(read_inputs('amd64'))}"


def test_our_node_image_has_the_program(workshop: Workshop, engine: FakeEngine) -> None:
    ours = engine.add_node_image()
    assert balancer_image(workshop, resolve(workshop, reference=None, kubernetes=None)) == ours.id


def test_beside_another_image_it_is_our_base_layer(workshop: Workshop, engine: FakeEngine, foreign: NodeImage, base: str) -> None:
    there = engine.add_image(base)
    assert balancer_image(workshop, foreign) == there.id
    assert engine.made("create") == []


def test_the_base_layer_is_made_once(workshop: Workshop, engine: FakeEngine, foreign: NodeImage, base: str) -> None:
    engine.add_to_registry("debian:bookworm-slim", ())
    first = balancer_image(workshop, foreign)
    assert first == balancer_image(workshop, foreign)
    assert len(engine.made("commit")) == 1


def test_a_base_layer_that_cannot_be_made_is_told(
    workshop: Workshop, engine: FakeEngine, foreign: NodeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="the base layer cannot be pulled, and debootstrap needs root"):
        balancer_image(workshop, foreign)


def test_a_base_layer_that_vanishes_is_told(workshop: Workshop, foreign: NodeImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "base_image", lambda *_: "pytest-kind/base:gone")
    with pytest.raises(ImageError, match=r"^the base layer pytest-kind/base:gone is gone again$"):
        balancer_image(workshop, foreign)
