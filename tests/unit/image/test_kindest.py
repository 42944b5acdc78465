"""A node image from kind's published one."""

from __future__ import annotations

import pytest

from pytest_kind import labels
from pytest_kind.errors import EngineError, ImageError
from pytest_kind.image import kindest
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from support import tarballs
from support.engine import FakeEngine


def test_where_kind_publishes_a_version(inputs: Inputs) -> None:
    assert kindest.reference(inputs) == "kindest/node:v1.37.1"


def test_nothing_where_no_registry_has_it(workshop: Workshop, inputs: Inputs, engine: FakeEngine) -> None:
    assert kindest.published(workshop, inputs) is None
    assert engine.made("create") == []


def test_it_is_used_as_it_was_published(workshop: Workshop, inputs: Inputs, engine: FakeEngine) -> None:
    image = engine.add_image("kindest/node:v1.37.1")
    assert kindest.published(workshop, inputs) == image
    assert engine.made("create") == engine.made("commit") == engine.made("pull") == []


def test_an_engine_that_fails_is_not_taken_for_a_registry_that_does(workshop: Workshop, inputs: Inputs, engine: FakeEngine) -> None:
    engine.fail("pull", EngineError("disk full"))
    with pytest.raises(EngineError, match=r"^disk full$"):
        kindest.published(workshop, inputs)


class TestVersion:
    """The version of an image without labels of ours is in a file, as kind has it."""

    @pytest.fixture
    def image(self, engine: FakeEngine) -> str:
        return engine.add_image("localhost/node:1").id

    def test_it_is_read_from_a_container_that_does_not_stay(self, workshop: Workshop, engine: FakeEngine, image: str) -> None:
        engine.offer("/kind/version", tarballs.tar({"version": b"v1.36.2\n"}))
        assert kindest.kubernetes_in(workshop, image) == "v1.36.2"
        assert engine.made("start") == engine.names == []

    def test_the_container_is_the_sessions(self, workshop: Workshop, engine: FakeEngine, image: str) -> None:
        engine.fail("remove", EngineError("gone"))
        engine.offer("/kind/version", tarballs.tar({"version": b"v1.36.2"}))
        with pytest.raises(EngineError, match=r"^gone$"):
            kindest.kubernetes_in(workshop, image)
        (holder,) = engine.containers({})
        assert (holder.image, holder.labels) == (image, {**workshop.labels, labels.KIND: "builder"})

    @pytest.mark.parametrize(
        ("offered", "message"),
        [
            (None, "it is no node image of kind's: it has no file /kind/version"),
            ({"other": b""}, "it is no node image of kind's: it has no file /kind/version"),
            ({"version": b" \n"}, "its file /kind/version is empty"),
        ],
    )
    def test_an_image_without_one_is_no_node_image(
        self, workshop: Workshop, engine: FakeEngine, image: str, offered: dict[str, bytes] | None, message: str
    ) -> None:
        if offered is not None:
            engine.offer("/kind/version", tarballs.tar(offered))
        with pytest.raises(ImageError) as caught:
            kindest.kubernetes_in(workshop, image)
        assert str(caught.value) == f"image {image}: {message}"
        assert engine.names == []
