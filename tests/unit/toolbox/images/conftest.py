"""Nodes to load into, and an image to load."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from support.engine import FakeEngine
from support.images import Layout, NodeContainerd


@dataclass(frozen=True)
class Node:
    """A node of the fake engine."""

    name: str
    container: str


@dataclass(frozen=True)
class Saved:
    """An image that the engine has and saves: two layers."""

    layers: list[str]
    identity: str
    target: str
    layout: Layout = field(default_factory=Layout)


@pytest.fixture
def nodes(engine: FakeEngine) -> list[Node]:
    made = [Node(name, engine.add_container(name, {})) for name in ("a", "b", "c")]
    engine.containerd = {node.container: NodeContainerd() for node in made}
    return made


@pytest.fixture
def saved(engine: FakeEngine) -> Saved:
    layout = Layout()
    descriptor = layout.image([b"lower" * 500, b"upper" * 500])
    layout.add(descriptor, "docker.io/library/mine:1")
    layers = [digest for digest, content in layout.blobs.items() if content[:5] in {b"lower", b"upper"}]
    made = Saved(layers, layout.configuration(descriptor), descriptor["digest"], layout)
    engine.add_image("mine:1", identity=made.identity, layers=layers)
    engine.saved = layout.archive([{"Config": "x", "RepoTags": ["mine:1"]}])
    return made
