"""The images that specs need, before the first spec: what nodes have, what the engine gives, what stands in, what is left to be pulled."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind.e2e.images.names import wanted
from pytest_kind.e2e.images.serve import MARKS
from pytest_kind.toolbox.images import load_image
from pytest_kind.toolbox.images.node import NodeImages, Wanted

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider
    from pytest_kind.toolbox.images.node import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Where the suite's images are; each is in one of these. Those whose pull specs expect to fail are in none.

    Attributes:
        there: every node had them.
        loaded: the engine had them, and now every node does.
        stand_ins: something else answers to their names: it is served, or a node of a kept cluster has it from earlier.
        to_pull: nodes will have to pull them, when a pod asks for them.
    """

    there: tuple[str, ...]
    loaded: tuple[str, ...]
    stand_ins: tuple[str, ...]
    to_pull: tuple[str, ...]

    def __str__(self) -> str:
        counts = ((self.there, "on the nodes"), (self.loaded, "loaded"), (self.stand_ins, "stand-ins"), (self.to_pull, "to be pulled"))
        return "images of the specs: " + ", ".join(f"{len(images)} {what}" for images, what in counts)


def check(provider: Provider, nodes: Iterable[Target], images: Iterable[str], stand_ins: Collection[str] = ()) -> Readiness:
    """Looks, and loads what the engine has: all of it at once, into the nodes that lack it.

    Args:
        images: the suite's list.
        stand_ins: what is served to the nodes in place of upstream's images. One that nodes have already, or that the engine has,
            is not counted as one; yet a pull with ``imagePullPolicy: Always`` would get it.

    Raises:
        ImageError: a node did not take an image.
        CommandError: a node's containerd does not answer.
    """
    needed, targets = wanted(images), list(nodes)
    with ThreadPoolExecutor(len(targets), "pytest-kind-images") as pool:
        seen = list(pool.map(lambda node: _look(provider, node, needed), targets))
    false = {image for found, marks in seen for image in found if found[image] in marks.get(image, ())}
    there = {image for image in needed if all(image in found for found, _ in seen)} - false
    lacking = [image for image in needed if image not in there]
    loaded = [image for image in lacking if provider.image(image) is not None]
    if loaded:
        load_image(provider, targets, loaded)
    rest = [image for image in lacking if image not in loaded]
    standing = tuple(image for image in rest if image in stand_ins or image in false)
    return Readiness(
        there=tuple(sorted(there)), loaded=tuple(loaded), stand_ins=standing, to_pull=tuple(image for image in rest if image not in standing)
    )


def _look(provider: Provider, node: Target, images: Iterable[str]) -> tuple[Mapping[str, str], Mapping[str, set[str]]]:
    """Of the images, those that a node has: name -> digest; and the digests that stood in for upstream's there: name -> digests."""
    found = NodeImages(provider, node).find([Wanted(name=image, id=image) for image in images])
    marks: dict[str, set[str]] = {}
    # Files that are not there are nothing to complain about: most nodes never had a stand-in.
    listed = provider.exec(node.container, ["sh", "-c", f"cat /{MARKS}/*.json 2>/dev/null || true"]).stdout
    decoder, rest = json.JSONDecoder(), listed.strip()
    while rest:
        known, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()
        for image, digest in known.items():
            marks.setdefault(image, set()).add(digest)
    return found, marks
