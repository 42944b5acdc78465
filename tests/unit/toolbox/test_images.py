"""Images of the engine, into the nodes of a cluster."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, UnknownImage
from pytest_kind.toolbox.images import load_image
from support.engine import FakeEngine

IMPORT = "ctr --namespace k8s.io images import --local --snapshotter overlayfs /kind/pytest-kind-image.tar"


@pytest.fixture
def nodes(engine: FakeEngine) -> list[str]:
    return [engine.add_container(name, {}) for name in ("a", "b")]


def test_an_image_that_the_engine_does_not_have(engine: FakeEngine, nodes: list[str], tmp_path: Path) -> None:
    with pytest.raises(UnknownImage) as caught:
        load_image(engine, nodes, "nobody/has:it", tmp_path)
    assert str(caught.value) == "load_image: the engine has no image 'nobody/has:it'; build or pull it first"
    assert engine.made("put") == []


def test_every_node_gets_it_and_keeps_no_copy(engine: FakeEngine, nodes: list[str], tmp_path: Path) -> None:
    engine.add_image("mine:1")
    load_image(engine, nodes, "mine:1", tmp_path)
    assert engine.made("save_image") == ["mine:1"]
    assert engine.made("exec") == [IMPORT, "rm -f /kind/pytest-kind-image.tar"] * 2
    for node in nodes:
        ((folder, archive),) = engine.puts(node)
        assert folder == "/"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            content = tar.extractfile("kind/pytest-kind-image.tar")
            assert content is not None
            assert content.read() == b"saved mine:1"


def test_a_node_that_refuses_it_says_why_and_keeps_no_copy(engine: FakeEngine, nodes: list[str], tmp_path: Path) -> None:
    engine.add_image("mine:1")
    engine.answer(["ctr"], "unsupported platform", code=1)
    with pytest.raises(CommandError) as caught:
        load_image(engine, nodes, "mine:1", tmp_path)
    assert str(caught.value) == f"{nodes[0][:12]}: `{IMPORT}` ended with 1:\nunsupported platform"
    assert engine.made("exec") == [IMPORT, "rm -f /kind/pytest-kind-image.tar"]


def test_the_archive_does_not_stay_on_this_machine(engine: FakeEngine, nodes: list[str], tmp_path: Path) -> None:
    engine.add_image("mine:1")
    before = sorted(tmp_path.iterdir())
    load_image(engine, nodes, "mine:1", tmp_path)
    assert sorted(tmp_path.iterdir()) == before
