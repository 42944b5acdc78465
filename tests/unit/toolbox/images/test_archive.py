"""Archives of images, into nodes."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.errors import ImageError
from pytest_kind.toolbox.images import load_archive
from support.engine import FakeEngine
from support.images import Layout, digest_of, tar_of

NAME = "docker.io/library/mine:1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved"


@pytest.fixture
def layout() -> Layout:
    return Layout()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_layout_of_one_image(engine: FakeEngine, nodes: Any, layout: Layout, path: Path, pack: Callable[[bytes], bytes]) -> None:
    descriptor = layout.image([b"layer"])
    layout.add(descriptor, "mine:1")
    path.write_bytes(pack(layout.archive()))
    assert load_archive(engine, nodes, path) == (NAME,)
    for node in nodes:
        assert engine.containerd[node.container].images == {NAME: descriptor["digest"], layout.configuration(descriptor): descriptor["digest"]}
    load_archive(engine, nodes, path)
    assert [len(engine.containerd[node.container].imports) for node in nodes] == [1, 1, 1]


def test_of_several_platforms_the_nodes(engine: FakeEngine, nodes: Any, layout: Layout, path: Path) -> None:
    ours, other = layout.image([b"ours"]), layout.image([b"other"], architecture="arm64")
    attestation = layout.image([b"attested"], architecture="unknown", os="unknown")
    attestation["platform"] = {"os": "unknown", "architecture": "unknown"}
    layout.add(layout.index([other, attestation, ours]), "docker.io/library/mine:1")
    path.write_bytes(layout.archive())
    load_archive(engine, nodes, path)
    (got,) = engine.containerd[nodes[0].container].imports
    needed = {ours["digest"], layout.configuration(ours), digest_of(b"ours")}
    assert {f"sha256:{name.rpartition('/')[2]}" for name in got if name.startswith("blobs/")} == needed
    assert engine.containerd[nodes[0].container].images[NAME] == ours["digest"]


def test_layers_that_a_node_has_unpacked_do_not_travel(engine: FakeEngine, nodes: Any, layout: Layout, path: Path) -> None:
    layout.add(layout.image([b"lower", b"upper"]), "mine:1")
    path.write_bytes(layout.archive())
    engine.containerd[nodes[0].container].unpacked = {digest_of(b"lower")}
    load_archive(engine, nodes, path)
    sizes = [len(engine.containerd[node.container].imports[0]) for node in nodes]
    assert sizes[0] == sizes[1] - 1 == sizes[2] - 1


def docker_archive(architecture: str = "amd64", tags: list[str] | None = None, place: str = "config.json", member: str = "config.json") -> bytes:
    configuration = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"diff_ids": ["sha256:a"]}}).encode()
    manifest = [{"Config": place, "RepoTags": ["mine:1"] if tags is None else tags, "Layers": ["a/layer.tar"]}]
    return tar_of({member: configuration, "a/layer.tar": b"layer", "manifest.json": json.dumps(manifest).encode()})


@pytest.mark.parametrize("place", ["config.json", f"blobs/sha256/{'c0' * 32}"], ids=["docker", "rules_oci"])
def test_an_archive_without_an_index(engine: FakeEngine, nodes: Any, path: Path, place: str) -> None:
    path.write_bytes(docker_archive(place=place, member=place))
    assert load_archive(engine, nodes, path) == (NAME,)
    load_archive(engine, nodes, path)
    assert [len(engine.containerd[node.container].imports) for node in nodes] == [1, 1, 1]


def unnamed(layout: Layout) -> bytes:
    layout.add(layout.image([b"layer"]), None)
    layout.add(layout.image([b"layer"]), "latest", key="org.opencontainers.image.ref.name")
    return layout.archive()


def foreign(layout: Layout) -> bytes:
    layout.add(layout.index([layout.image([b"a"], architecture="arm64"), layout.image([b"b"], architecture="s390x")]), "mine:1")
    return layout.archive()


def lacking(layout: Layout) -> bytes:
    layout.add(layout.image([b"layer"]), "mine:1")
    del layout.blobs[digest_of(b"layer")]
    return layout.archive()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda _: b"", "no whole archive of images: file could not be opened successfully"),
        (lambda _: b"nonsense" * 1000, "no whole archive of images: file could not be opened successfully"),
        (lambda _: docker_archive()[:700], "no whole archive of images: unexpected end of data"),
        (lambda _: gzip.compress(docker_archive())[:60], "no whole archive of images: Compressed file ended before"),
        (lambda _: tar_of({"etc/passwd": b"root"}), "no archive of images: it has neither an index.json nor a manifest.json"),
        (lambda _: tar_of({"manifest.json": b"[]"}), "it lists no image"),
        (lambda _: tar_of({"manifest.json": b"[nonsense"}), "it lists no image"),
        (lambda _: tar_of({"index.json": b"{}"}), "it lists no image"),
        (unnamed, "has no name (found ''); write the archive with one"),
        (unnamed, "has no name (found 'latest'); write the archive with one"),
        (foreign, "mine:1 is for linux/arm64, linux/s390x; the nodes are linux/amd64"),
        (lacking, f"mine:1: the archive lacks {digest_of(b'layer')}"),
        (lambda _: docker_archive("arm64"), "mine:1 is for linux/arm64; the nodes are linux/amd64"),
        (lambda _: docker_archive(tags=[]), "the image config.json has no name"),
        (lambda _: docker_archive(place="gone.json"), "mine:1: the archive lacks its configuration gone.json"),
    ],
)
def test_what_cannot_be_used(engine: FakeEngine, nodes: Any, layout: Layout, path: Path, content: Callable[[Layout], bytes], said: str) -> None:
    path.write_bytes(content(layout))
    with pytest.raises(ImageError) as caught:
        load_archive(engine, nodes, path)
    assert str(caught.value).startswith(f"load_archive: {path}: ")
    assert said in str(caught.value)
    assert engine.made("exec_with_input") == []


def test_a_file_that_is_not_there(engine: FakeEngine, nodes: Any, path: Path) -> None:
    with pytest.raises(ImageError, match=r"saved: No such file or directory$"):
        load_archive(engine, nodes, path)
