"""Layers of an image: tar archives, packed, the same bytes for the same content."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from pytest_kind.image.archive import EPOCH, member

_LEVEL = 6  # gzip's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A packed layer on this machine's disk.

    Attributes:
        file: the archive.
        digest: of the file, as a registry names it.
        diff_id: of the unpacked archive, as an image's configuration names it.
        size: bytes, packed.
    """

    file: Path
    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One entry of a layer: a file, with its content or its place on this machine, a link, or a folder."""

    content: bytes | Path | None = None
    link: str | None = None
    mode: int = 0o644


def pack(target: Path, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """Writes a layer.

    Args:
        target: ``*.tar.gz``; what is known of it is written beside it, as ``*.json``, for :func:`packed`.
        fill: adds the entries.
    """
    with target.open("wb") as file:
        outer = _Hashing(file)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=cast("IO[bytes]", outer), mtime=EPOCH) as zipped:
            inner = _Hashing(zipped)
            with tarfile.open(fileobj=cast("IO[bytes]", inner), mode="w|", format=tarfile.PAX_FORMAT) as tar:
                fill(tar)
    known = {"digest": outer.digest, "diff_id": inner.digest, "size": target.stat().st_size}
    target.with_suffix(".json").write_text(json.dumps(known), encoding="utf-8")
    return packed(target)


def packed(target: Path) -> Layer:
    """A layer that :func:`pack` wrote."""
    known = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
    return Layer(file=target, digest=known["digest"], diff_id=known["diff_id"], size=known["size"])


def known(layer: Layer) -> dict[str, object]:
    """What of a layer decides an image."""
    return {key: value for key, value in asdict(layer).items() if key != "file"}


def add_nodes(tar: tarfile.TarFile, nodes: Mapping[str, Node]) -> None:
    """Entries of root's, with the folders above them; path without a leading slash -> what is there."""
    folders = {path for path, node in nodes.items() if node.content is None and node.link is None}
    for path, node in sorted(nodes.items()):
        for parent in reversed(Path(path).parents[:-1]):
            if str(parent) not in folders:
                folders.add(str(parent))
                tar.addfile(member(str(parent), tarfile.DIRTYPE, 0o755))
        if node.link is not None:
            entry = member(path, tarfile.SYMTYPE, 0o777)
            entry.linkname = node.link
            tar.addfile(entry)
        elif node.content is None:
            tar.addfile(member(path, tarfile.DIRTYPE, node.mode))
        elif isinstance(node.content, bytes):
            tar.addfile(member(path, tarfile.REGTYPE, node.mode, len(node.content)), io.BytesIO(node.content))
        else:
            with node.content.open("rb") as content:
                tar.addfile(member(path, tarfile.REGTYPE, node.mode, node.content.stat().st_size), content)


def add_tree(tar: tarfile.TarFile, root: Path, left_out: Callable[[str], bool]) -> None:
    """All of a folder with its owners and modes, in the order of names, without times and sockets.

    Args:
        left_out: whether a path below the folder is not wanted, with all that is below it.
    """
    first: dict[int, str] = {}
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not left_out(str((Path(folder) / name).relative_to(root))))
        for name in sorted([*names, *files]):
            place = Path(folder) / name
            path, status = str(place.relative_to(root)), place.lstat()
            if left_out(path) or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                continue
            entry = member(path, tarfile.DIRTYPE, stat.S_IMODE(status.st_mode))
            entry.uid, entry.gid = status.st_uid, status.st_gid
            entry.uname = entry.gname = ""
            if stat.S_ISLNK(status.st_mode):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(place.readlink())
            elif stat.S_ISREG(status.st_mode) and status.st_ino in first:
                entry.type, entry.linkname = tarfile.LNKTYPE, first[status.st_ino]
            elif stat.S_ISREG(status.st_mode):
                if status.st_nlink > 1:
                    first[status.st_ino] = path
                entry.type, entry.size = tarfile.REGTYPE, status.st_size
                with place.open("rb") as content:
                    tar.addfile(entry, content)
                continue
            tar.addfile(entry)


class _Hashing:
    """A file to write to that knows the digest of what went through."""

    def __init__(self, below: IO[bytes] | gzip.GzipFile) -> None:
        self._below, self._hash = below, hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._below.write(data)

    def flush(self) -> None:
        self._below.flush()
