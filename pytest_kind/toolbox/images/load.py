"""Images into all nodes at once, and no layer that a node has."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeVar, cast

from pytest_kind.errors import CommandError, ImageError, KindError, UnknownImage
from pytest_kind.provision.provider import Provider
from pytest_kind.toolbox.images.feed import Feed
from pytest_kind.toolbox.images.names import full_name
from pytest_kind.toolbox.images.node import NodeImages, Target, Wanted
from pytest_kind.toolbox.images.stream import Chunks, Documents, Entry, Reader, forward, named
from pytest_kind.waiting import Deadline, NotYet, wait_for

_KNOWN_SECONDS = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where images come from.

    Attributes:
        open: the archive, from its beginning.
        entries: see :func:`~pytest_kind.toolbox.images.stream.forward`.
        unwanted: its blobs that no node needs, by digest.
    """

    open: Callable[[], contextlib.AbstractContextManager[IO[bytes]]]
    entries: Callable[[Documents], Sequence[Entry]]
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lack:
    """A node that needs the archive: what it has of it."""

    node: NodeImages
    before: Mapping[str, str]
    snapshotter: str
    unpacked: frozenset[str]  # layers of the archive, by their digest there


def load_image(provider: Provider, nodes: Iterable[Target], references: Sequence[str]) -> None:
    """Puts images of the engine into nodes.

    Each node is asked once; one that has them gets nothing, one that has an image under another name gets the name. The
    others read one stream of the engine's, which is nowhere kept, without the layers that they have unpacked already.

    Args:
        references: the images' names in the engine, or their ids.

    Raises:
        UnknownImage: the engine has no images of those names; all of them are in the message.
        ImageError: a node did not take them; each such node and what its ``ctr`` said is in the message.
    """
    found = {reference: provider.image(reference) for reference in dict.fromkeys(references)}
    unknown = [repr(reference) for reference, image in found.items() if image is None]
    if unknown:
        what = f"image {unknown[0]}; build or pull it" if len(unknown) == 1 else f"images {', '.join(unknown)}; build or pull them"
        raise UnknownImage(f"load_image: the engine has no {what} first")
    # A layer of `docker save` is the tar archive itself; with the containerd image store it is packed, under another digest,
    # and then nothing is left out.
    wanted = [Wanted(name=full_name(name), id=image.id, layers=image.layers, blobs=image.layers) for name, image in found.items() if image]
    names: dict[str, list[str]] = {}
    for one in wanted:
        names.setdefault(one.id, []).append(one.name)

    @contextlib.contextmanager
    def save() -> Iterator[IO[bytes]]:
        with provider.save_images(list(found)) as chunks:
            yield cast("IO[bytes]", io.BufferedReader(Chunks(chunks), 1 << 20))

    load(provider, nodes, wanted, Source(open=save, entries=partial(named, names=names)), "load_image")


def load(provider: Provider, nodes: Iterable[Target], wanted: Sequence[Wanted], source: Source, doing: str) -> None:
    """Makes sure that nodes have images.

    Raises:
        ImageError: a node did not take them, or the source is not whole.
    """
    there = [NodeImages(provider, node) for node in nodes]
    checks = _at_once(there, lambda node: _check(node, wanted))
    failures = [error for error in checks if isinstance(error, KindError)]
    lacks = [lack for lack in checks if isinstance(lack, _Lack)]
    if lacks:
        ended = _send(lacks, wanted, source)
        # A layer that was there when asked may be gone: containerd collects what no image holds.
        again = [lack for lack, error in zip(lacks, ended, strict=True) if error and lack.unpacked]
        failures += [error for lack, error in zip(lacks, ended, strict=True) if error and not lack.unpacked]
        if again:
            whole = [_Lack(node=one.node, before=one.before, snapshotter=one.snapshotter, unpacked=frozenset()) for one in again]
            failures += [error for error in _send(whole, wanted, source) if error]
    if failures:
        names = ", ".join(one.name for one in wanted)
        raise ImageError(f"{doing}: {len(failures)} of {len(there)} nodes did not take {names}:\n" + "\n".join(str(error) for error in failures))


def _check(node: NodeImages, wanted: Sequence[Wanted]) -> _Lack | None:
    before = node.find(wanted)
    whole = True
    for one in wanted:
        same = {one.id, before.get(one.id, one.id)}  # what a reference to this image may point to
        if before.get(one.name) in same:
            continue
        other = next((name for name, digest in before.items() if digest in same), None)
        if other is None:
            whole = False
        else:
            node.tag(other, one.name)
    if whole:
        return None
    snapshotter, chains = node.layers()
    return _Lack(node=node, before=before, snapshotter=snapshotter, unpacked=_unpacked(wanted, chains))


def _unpacked(wanted: Sequence[Wanted], chains: frozenset[str]) -> frozenset[str]:
    """The layers of the archive that a node need not get: unpacked at every place where an image has them."""
    known: set[str] = set()
    needed: set[str] = set()
    for one in wanted:
        chain = ""
        for layer, blob in zip(one.layers, one.blobs, strict=False):
            # https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
            chain = f"sha256:{hashlib.sha256(f'{chain} {layer}'.encode()).hexdigest()}" if chain else layer
            (known if chain in chains else needed).add(blob)
    return frozenset(known - needed)


def _send(lacks: Sequence[_Lack], wanted: Sequence[Wanted], source: Source) -> list[KindError | None]:
    readers = [Reader(Feed(), lack.unpacked | source.unwanted) for lack in lacks]
    with ThreadPoolExecutor(len(lacks), "pytest-kind-load") as pool:
        taking = [pool.submit(_take, lack, reader.feed, wanted) for lack, reader in zip(lacks, readers, strict=True)]
        broken: str | None = "interrupted"
        try:
            with source.open() as archive:
                documents = forward(archive, readers, source.entries)
            broken = None
        except KindError as error:
            broken = str(error)
            raise
        finally:
            for reader in readers:
                reader.feed.end(broken)
        ended = [one.result() for one in taking]
    taken = [lack.node for lack, error in zip(lacks, ended, strict=True) if error is None]
    known = dict(zip(taken, _at_once(taken, lambda node: _known(node, wanted, documents)), strict=True))
    return [error or known.get(lack.node) for lack, error in zip(lacks, ended, strict=True)]


def _take(lack: _Lack, feed: Feed, wanted: Sequence[Wanted]) -> KindError | None:
    """Why the node did not take the archive; it is then as it was before."""
    try:
        try:
            argv, result = lack.node.take(feed, lack.snapshotter)
        finally:
            feed.leave()
        if result.code == 0:
            return None
        error: KindError = CommandError(lack.node.target.name, argv, result.code, result.output)
    except KindError as raised:
        error = raised
    try:
        lack.node.restore(lack.before, wanted)
    except KindError as second:
        return ImageError(f"{error}\nand what it left could not be removed: {second}")
    return error


def _known(node: NodeImages, wanted: Sequence[Wanted], documents: Documents) -> None:
    """Waits until Kubernetes' side of containerd knows the images: a pod before that would have them pulled."""

    def probe() -> NotYet | None:
        rows = node.find(wanted)
        identities = {one.name: documents.configurations(rows.get(one.name, "")) or [one.id] for one in wanted}
        rows |= node.find([Wanted(name=key, id=key) for keys in identities.values() for key in keys if key not in rows])
        for one in wanted:
            if one.name not in rows:
                return NotYet(f"{one.name} is not there")
            if rows[one.name] not in {rows.get(key) for key in identities[one.name]}:
                return NotYet(f"containerd has {one.name}, Kubernetes' side of it does not know it yet")
        return None

    wait_for(f"node {node.target.name} to know the images", probe, Deadline(_KNOWN_SECONDS))


def _at_once(nodes: Sequence[NodeImages], work: Callable[[NodeImages], T]) -> list[T | KindError]:
    def one(node: NodeImages) -> T | KindError:
        try:
            return work(node)
        except KindError as error:
            return error

    if len(nodes) < 2:  # noqa: PLR2004 - a thread costs more than it brings
        return [one(node) for node in nodes]
    with ThreadPoolExecutor(len(nodes), "pytest-kind-nodes") as pool:
        return list(pool.map(one, nodes))
