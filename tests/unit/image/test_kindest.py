"""A node image from kind's published one."""

from __future__ import annotations

import pytest

from pytest_kind.errors import EngineError
from pytest_kind.image import kindest
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
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
