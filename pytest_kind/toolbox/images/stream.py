"""An archive of images on its way: read once, written for each node without what that node has."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

from pytest_kind.errors import ImageError
from pytest_kind.toolbox.images.feed import Feed

BLOBS = "blobs/sha256/"
_PIECE = 1 << 20
DOCUMENT = 4 << 20  # bytes: what is larger is no manifest, index or configuration
NAME = "io.containerd.image.name"
_LAST = {"index.json", "manifest.json", "repositories"}  # written at the end, or not at all
_END = bytes(2 * tarfile.BLOCKSIZE)
Entry = dict[str, Any]  # of an index: a descriptor


class Chunks(io.RawIOBase):
    """A file to read from pieces of bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has a buffer
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


@dataclass(slots=True)
class Documents:
    """The JSON of an archive, by digest (``sha256:…``) or, outside of the blobs, by name."""

    found: dict[str, bytes] = field(default_factory=dict)

    def keep(self, key: str, content: bytes) -> None:
        """Remembers what may be JSON."""
        if content[:1] in {b"{", b"["}:
            self.found[key] = content

    def json(self, key: str) -> dict[str, Any]:
        """A document that is an object; an empty one where there is none such."""
        try:
            document = json.loads(self.found.get(key, b"{}"))
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def configurations(self, digest: str) -> list[str]:
        """The digests of the configurations below a manifest or index, as far as they are in the archive."""
        document = self.json(digest)
        if isinstance(document.get("config"), dict):
            return [str(document["config"].get("digest", ""))]
        return [one for child in document.get("manifests") or () for one in self.configurations(str(child.get("digest", "")))]


@dataclass(slots=True)
class Reader:
    """One node, as the archive's reader."""

    feed: Feed
    without: Collection[str] = ()  # blobs, by digest


def forward(source: IO[bytes], readers: Sequence[Reader], entries: Callable[[Documents], Sequence[Entry]]) -> Documents:
    """Reads an archive (``docker save``'s or OCI's) and writes it to each reader.

    Args:
        entries: what its ``index.json`` shall list, given all other documents. An archive without one (of engines before 25,
            and of many tools) goes through as it is.

    Raises:
        ImageError: what was read is no archive of images, or not whole.
    """
    documents = Documents()
    try:
        with tarfile.open(fileobj=source, mode="r|*", bufsize=_PIECE) as tar:
            for member in tar:
                if not any(reader.feed.wanted for reader in readers):
                    return documents
                _pass_on(tar, member, readers, documents)
    except (tarfile.TarError, EOFError) as error:
        raise ImageError(f"no whole archive of images: {first_line(error)}") from error
    if "index.json" in documents.found:
        name, content = "index.json", json.dumps({**documents.json("index.json"), "manifests": list(entries(documents))}).encode()
    elif "manifest.json" in documents.found:
        name, content = "manifest.json", documents.found["manifest.json"]
    else:
        raise ImageError("no archive of images: it has neither an index.json nor a manifest.json")
    member = tarfile.TarInfo(name)
    member.size = len(content)
    _write(member, [content], readers)
    for reader in readers:
        reader.feed.put(_END)
    return documents


def first_line(error: BaseException) -> str:
    """Of tarfile's errors, the further lines tell of every compression that it is not."""
    return str(error).partition("\n")[0].rstrip(":")


def named(documents: Documents, names: Mapping[str, Sequence[str]]) -> list[Entry]:
    """The entries of an archive's own index under the names that were asked for.

    Args:
        names: an image's id (see ``Wanted.id``) -> its references in full.
    """
    listed: dict[tuple[str, str], Entry] = {}  # an image under two of its names is two entries of the engine's already
    for entry in documents.json("index.json").get("manifests") or ():
        digest = str(entry.get("digest", ""))
        key = next((key for key in (digest, *documents.configurations(digest)) if key in names), None)
        for name in names[key] if key else ():
            listed[digest, name] = {**entry, "annotations": {NAME: name}}
    return list(listed.values())


def key_of(name: str) -> str:
    """What a member of an archive is found by: a blob by its digest, anything else by its name."""
    name = name.removeprefix("./")
    return f"sha256:{name.removeprefix(BLOBS)}" if name.startswith(BLOBS) else name


def _pass_on(tar: tarfile.TarFile, member: tarfile.TarInfo, readers: Sequence[Reader], documents: Documents) -> None:
    key = key_of(member.name)
    content = tar.extractfile(member) if member.isreg() else None
    pieces: Iterable[bytes] = ()
    if content is not None and member.size <= DOCUMENT:
        pieces = [content.read()]
        documents.keep(key, *pieces)
    elif content is not None:
        pieces = iter(partial(content.read, _PIECE), b"")
    if key not in _LAST:
        _write(member, pieces, [reader for reader in readers if key not in reader.without])


def _write(member: tarfile.TarInfo, pieces: Iterable[bytes], readers: Sequence[Reader]) -> None:
    for piece in itertools.chain([member.tobuf(tarfile.PAX_FORMAT)], pieces, [bytes(-member.size % tarfile.BLOCKSIZE)]):
        for reader in readers:
            reader.feed.put(piece)
