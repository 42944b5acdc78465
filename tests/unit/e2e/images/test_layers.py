"""Layers: the same bytes for the same content, whatever the times and the order on disk."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from pathlib import Path

from pytest_kind.e2e.images.layers import Layer, Node, add_nodes, add_tree, pack, packed


def test_digests_are_those_of_the_file_and_of_what_is_in_it(tmp_path: Path) -> None:
    layer = pack(tmp_path / "a.tar.gz", lambda tar: add_nodes(tar, {"x": Node(content=b"y")}))
    data = layer.file.read_bytes()
    assert layer.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(zlib.decompress(data, 31)).hexdigest()}"
    assert layer.size == len(data)
    assert packed(layer.file) == layer


def test_files_links_and_folders_are_roots_and_have_their_modes(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"elf")
    nodes = {
        "usr/bin/nnp": Node(content=tmp_path / "program", mode=0o6755),
        "usr/bin/other": Node(link="nnp"),
        "tmp": Node(mode=0o1777),
        "tmp/x": Node(content=b"1"),
    }
    layer = pack(tmp_path / "a.tar.gz", lambda tar: add_nodes(tar, nodes))
    with tarfile.open(layer.file) as tar:
        found = {one.name: (one.type, one.mode, one.linkname, one.uid, one.mtime) for one in tar}
    assert found == {
        "tmp": (tarfile.DIRTYPE, 0o1777, "", 0, 0),
        "tmp/x": (tarfile.REGTYPE, 0o644, "", 0, 0),
        "usr": (tarfile.DIRTYPE, 0o755, "", 0, 0),
        "usr/bin": (tarfile.DIRTYPE, 0o755, "", 0, 0),
        "usr/bin/nnp": (tarfile.REGTYPE, 0o6755, "", 0, 0),
        "usr/bin/other": (tarfile.SYMTYPE, 0o777, "nnp", 0, 0),
    }


def tree(root: Path, names: list[str]) -> Path:
    root.mkdir()
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    (root / "link").symlink_to("/nowhere")
    os.link(root / "b/two", root / "b/one-more")
    os.mkfifo(root / "pipe")
    return root


def test_a_tree_twice_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "1", ["b/two", "a/one", "c/out"]), tree(tmp_path / "2", ["c/out", "a/one", "b/two"])
    os.utime(second / "a/one", (1, 1))

    def packed_tree(root: Path) -> Layer:
        return pack(root.with_suffix(".tar.gz"), lambda tar: add_tree(tar, root, lambda path: path == "c"))

    layers = [packed_tree(first), packed_tree(second)]
    assert layers[0].digest == layers[1].digest
    with tarfile.open(layers[0].file) as tar:
        assert {one.name: (one.type, one.linkname) for one in tar} == {
            "a": (tarfile.DIRTYPE, ""),
            "a/one": (tarfile.REGTYPE, ""),
            "b": (tarfile.DIRTYPE, ""),
            "b/one-more": (tarfile.REGTYPE, ""),
            "b/two": (tarfile.LNKTYPE, "b/one-more"),
            "link": (tarfile.SYMTYPE, "/nowhere"),
        }
