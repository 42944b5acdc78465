"""Images of the engine, into nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_kind.errors import EngineError, ImageError, UnknownImage
from pytest_kind.toolbox.images import load, load_image
from support.engine import FakeEngine
from support.images import Layout, chains, tar_of

NAME = "docker.io/library/mine:1"
IMPORT = "ctr --namespace k8s.io images import --local --snapshotter overlayfs --discard-unpacked-layers -"


def blobs(engine: FakeEngine, node: Any) -> list[set[str]]:
    """The blobs of each archive that a node got."""
    return [{f"sha256:{name.rpartition('/')[2]}" for name in one if name.startswith("blobs/")} for one in engine.containerd[node.container].imports]


def test_all_names_that_the_engine_does_not_have(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    with pytest.raises(UnknownImage) as caught:
        load_image(engine, nodes, ["nobody/has:it", "mine:1", "nor:this"])
    assert str(caught.value) == "load_image: the engine has no images 'nobody/has:it', 'nor:this'; build or pull them first"
    with pytest.raises(UnknownImage, match=r"^load_image: the engine has no image 'nobody/has:it'; build or pull it first$"):
        load_image(engine, nodes, ["nobody/has:it"])
    assert engine.made("exec") == engine.made("exec_with_input") == []


def test_every_node_gets_it_from_one_stream(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    load_image(engine, nodes, ["mine:1"])
    assert engine.made("save_images") == ["mine:1"]
    assert engine.made("exec_with_input") == [IMPORT] * 3
    for node in nodes:
        assert engine.containerd[node.container].images == {NAME: saved.target, saved.identity: saved.target}
        assert blobs(engine, node) == [set(saved.layout.blobs)]


def test_the_second_load_is_one_question_to_each_node(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    load_image(engine, nodes, ["mine:1"])
    before = len(engine.calls)
    load_image(engine, nodes, ["mine:1"])
    assert sorted(call.split()[0] for call in engine.calls[before:]) == ["exec"] * 3 + ["image"]


def test_a_name_that_is_missing_alone_is_given(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    load_image(engine, nodes, ["mine:1"])
    engine.add_image("other.example/mine:2", identity=saved.identity, layers=saved.layers)
    load_image(engine, nodes, ["other.example/mine:2"])
    assert len(engine.made("save_images")) == 1
    assert all(engine.containerd[node.container].images["other.example/mine:2"] == saved.target for node in nodes)


def test_a_name_that_is_another_images_moves(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    for node in nodes:
        engine.containerd[node.container].images = {NAME: "sha256:old", "sha256:oldconfig": "sha256:old"}
    load_image(engine, nodes, ["mine:1"])
    assert all(engine.containerd[node.container].images[NAME] == saved.target for node in nodes)


def test_layers_that_a_node_has_unpacked_do_not_travel(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    lower, upper = saved.layers
    engine.containerd[nodes[0].container].unpacked = {lower}
    engine.containerd[nodes[1].container].unpacked = {lower, chains([lower, upper])[1]}
    engine.containerd[nodes[2].container].unpacked = {upper}  # as another image's lowest: not this one's
    load_image(engine, nodes, ["mine:1"])
    assert [set(saved.layout.blobs) - blobs(engine, node)[0] for node in nodes] == [{lower}, {lower, upper}, set()]


def test_a_layer_that_is_gone_meanwhile_is_sent_after_all(engine: FakeEngine, nodes: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = engine.containerd[nodes[0].container]
    engine.answer(["sh"], f"overlayfs\n{saved.layers[0]} Committed\n")  # which containerd collects right afterwards
    load_image(engine, nodes[:1], ["mine:1"])
    assert [saved.layers[0] in one for one in blobs(engine, nodes[0])] == [False, True]
    assert first.images[NAME] == saved.target


def test_a_node_that_refuses_it_is_named_and_as_it_was(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    broken = engine.containerd[nodes[1].container]
    broken.refuses = "ctr: no space left on device"
    with pytest.raises(ImageError) as caught:
        load_image(engine, nodes, ["mine:1"])
    assert str(caught.value) == (f"load_image: 1 of 3 nodes did not take {NAME}:\nb: `{IMPORT}` ended with 1:\nctr: no space left on device")
    assert broken.images == {}
    assert NAME in engine.containerd[nodes[0].container].images


def test_a_node_that_refuses_it_keeps_what_the_name_was(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    broken = engine.containerd[nodes[0].container]
    broken.refuses, broken.images = "ctr: no", {NAME: "sha256:old", "sha256:oldconfig": "sha256:old"}
    with pytest.raises(ImageError, match="ctr: no"):
        load_image(engine, nodes, ["mine:1"])
    assert broken.images == {NAME: "sha256:old", "sha256:oldconfig": "sha256:old"}


def test_what_could_not_be_taken_back_is_said_too(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    engine.containerd[nodes[0].container].refuses = "ctr: no"
    engine.answer(["ctr", "--namespace", "k8s.io", "images", "remove"], "containerd is gone", code=1)
    with pytest.raises(ImageError, match=r"(?s)ctr: no\nand what it left could not be removed: a: .*containerd is gone"):
        load_image(engine, nodes[:1], ["mine:1"])


def test_a_node_that_cannot_be_asked_does_not_stop_the_others(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    engine.fail("exec", EngineError("container is paused"))
    with pytest.raises(ImageError, match=r"^load_image: 1 of 3 nodes did not take docker\.io/library/mine:1:\ncontainer is paused$"):
        load_image(engine, nodes, ["mine:1"])
    assert sorted(len(one.images) for one in engine.containerd.values()) == [0, 2, 2]


def test_a_command_that_ends_without_reading(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    engine.answer(IMPORT.split(), "ctr: cannot access socket", code=1)
    with pytest.raises(ImageError, match=r"^load_image: 3 of 3 nodes(?s:.*)cannot access socket"):
        load_image(engine, nodes, ["mine:1"])


def test_a_stream_that_breaks_off(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    engine.fail("saving", EngineError("saving mine:1: the engine's connection failed"))
    with pytest.raises(EngineError, match=r"^saving mine:1: the engine's connection failed$"):
        load_image(engine, nodes, ["mine:1"])
    assert all(one.images == {} and one.imports == [] for one in engine.containerd.values())


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_an_engine_that_saves_half(engine: FakeEngine, nodes: Any, saved: Any, kept: int) -> None:
    engine.saved = engine.saved[:kept]
    with pytest.raises(ImageError, match="no whole archive of images"):
        load_image(engine, nodes, ["mine:1"])
    assert all(one.images == {} for one in engine.containerd.values())


def test_an_archive_of_something_else(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    engine.saved = tar_of({"etc/passwd": b"root"})
    with pytest.raises(ImageError, match=r"neither an index\.json nor a manifest\.json"):
        load_image(engine, nodes, ["mine:1"])


def test_an_engine_before_25_writes_no_index(engine: FakeEngine, nodes: Any) -> None:
    configuration = json.dumps({"architecture": "amd64"}).encode()
    layout = Layout()
    identity = layout.blob(configuration)
    place = f"{identity.removeprefix('sha256:')}.json"
    engine.add_image("mine:1", identity=identity, layers=["sha256:lower"])
    members = {place: configuration, "aa/layer.tar": b"layer", "manifest.json": json.dumps([{"Config": place, "RepoTags": ["mine:1"]}]).encode()}
    engine.saved = tar_of(members)
    load_image(engine, nodes, ["mine:1"])
    (got,) = engine.containerd[nodes[0].container].imports
    assert got == members
    load_image(engine, nodes, ["mine:1"])
    assert len(engine.made("save_images")) == 1


def test_an_engine_with_the_containerd_image_store(engine: FakeEngine, nodes: Any) -> None:
    layout = Layout()
    here, there = layout.image([b"layer"]), Layout().image([b"other"], architecture="arm64")
    index = layout.index([here, there])  # whose second manifest the engine does not have: kind#3795
    layout.add(index, "docker.io/library/mine:1")
    engine.add_image("mine:1", identity=index["digest"])
    engine.saved = layout.archive()
    load_image(engine, nodes, ["mine:1"])
    known = engine.containerd[nodes[0].container].images
    assert known == {NAME: index["digest"], layout.configuration(here): index["digest"]}
    load_image(engine, nodes, ["mine:1"])
    engine.add_image("again:2", identity=index["digest"])
    load_image(engine, nodes, ["again:2"])
    assert len(engine.made("save_images")) == 1
    assert known["docker.io/library/again:2"] == index["digest"]


def test_an_image_by_its_id_is_found_by_its_id(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    load_image(engine, nodes, [saved.identity])
    assert engine.containerd[nodes[0].container].images[f"docker.io/library/{saved.identity}"] == saved.target


def test_several_images_that_share_a_layer(engine: FakeEngine, nodes: Any, saved: Any) -> None:
    # The lower layer is unpacked as the first image's; the second has it above another one, where it is needed.
    second = saved.layout.image([b"base", b"lower" * 500])
    saved.layout.add(second, "docker.io/library/second:1")
    lower = saved.layers[0]
    layers = [saved.layout.blob(b"base"), lower]
    engine.add_image("second:1", identity=saved.layout.configuration(second), layers=layers)
    engine.saved = saved.layout.archive()
    engine.containerd[nodes[0].container].unpacked = {lower}
    load_image(engine, nodes[:1], ["mine:1", "second:1"])
    assert lower in blobs(engine, nodes[0])[0]
    assert engine.made("save_images") == ["mine:1 second:1"]
    assert {NAME, "docker.io/library/second:1"} < set(engine.containerd[nodes[0].container].images)


def test_kubernetes_that_does_not_learn_of_it(engine: FakeEngine, nodes: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(type(engine.containerd[nodes[0].container]), "_made", lambda self, name, target, _: self.images.update({name: target}))
    with pytest.raises(ImageError, match=r"node a to know the images: not within 0\.0 s; last seen: containerd has docker\.io/.*, Kubernetes"):
        load_image(engine, nodes[:1], ["mine:1"])
