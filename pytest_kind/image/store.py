"""Which node image a run gets: the one asked for, a cached one, or a fresh one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import ImageError, NotFound, UnknownImage, UsageError
from pytest_kind.image import inputs as image_inputs
from pytest_kind.image import kindest

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.source import Source
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.provision.provider import Image

_PULL_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeImage:
    """A node image in the engine.

    Attributes:
        reference: how it was asked for, or its tag.
        id: its content's name: nodes are made from this, so that a tag that moves changes nothing.
        digest: of its inputs where it is one of ours, else its id.
        kubernetes: the version in it, where the image's labels say it; else its nodes do (``/kind/version``).
    """

    reference: str
    id: str
    digest: str
    kubernetes: str | None


def resolve(workshop: Workshop, *, reference: str | None = None, kubernetes: str | None = None, source: str | Path | None = None) -> NodeImage:
    """The node image to use.

    Args:
        reference: an image (``--kind-image``): in the engine, or to be pulled.
        kubernetes: a version (``--kind-version``); the pinned default where none of the three is given.
        source: where Kubernetes comes from (``--kind-source``).

    Raises:
        UsageError: a source beside one of the others, or a version that is none.
        SourceError: ``source`` cannot be used.
        UnknownImage: ``reference`` is neither there nor to be had.
        ImageError: it is no node image, or building one failed.
    """
    if source is not None and (reference is not None or kubernetes is not None):
        other = f"--kind-image={reference}" if reference is not None else f"--kind-version={kubernetes}"
        raise UsageError(f"--kind-source={source}: given together with {other}; only one of them can say what is in the node image")
    if reference is not None:
        return existing(workshop, reference)
    if kubernetes is None and source is None:
        wanted = image_inputs.read_inputs(workshop.provider.info().architecture)
        found = cached(workshop, wanted)
        if found is not None:
            return found
    return _from_source(workshop, kubernetes, source)


def _from_source(workshop: Workshop, kubernetes: str | None, source: str | Path | None) -> NodeImage:
    from pytest_kind.image import source as sources  # noqa: PLC0415 - much, for those who have an image

    if kubernetes is not None and not sources.accepted(kubernetes, released=True):
        raise UsageError(f"--kind-version: {kubernetes!r} is not accepted; accepted is the form v1.37.1, from v1.{sources.OLDEST_MINOR}.0 on")
    architecture = workshop.provider.info().architecture
    if source is not None:
        named = sources.named(workshop, source, architecture)
        wanted = image_inputs.read_inputs(architecture, named.kubernetes, named.digest)
        return cached(workshop, wanted) or _made_once(workshop, wanted, named)
    wanted = image_inputs.read_inputs(architecture, kubernetes)
    return cached(workshop, wanted) or _made_once(workshop, wanted, sources.GoModules(wanted.kubernetes))


def cached(workshop: Workshop, wanted: Inputs) -> NodeImage | None:
    """An image in the engine whose digest is that of the inputs.

    An image that somebody built upon one of ours carries its labels; the tag tells them apart (:func:`_digest`).
    """
    tag = wanted.tag  # a look at all of its inputs
    found = next((image for image in workshop.provider.images(cached_labels(wanted)) if tag in image.tags), None)
    return None if found is None else _described(found, tag)


def cached_labels(wanted: Inputs) -> dict[str, str | None]:
    """What an image of these inputs carries."""
    return {labels.KIND: "node-image", labels.IMAGE_DIGEST: wanted.digest}


def existing(workshop: Workshop, reference: str) -> NodeImage:
    """The image of that name, pulled if need be."""
    image = workshop.provider.image(reference)
    if image is None:
        with workshop.progress.step(f"pulling {reference}", 60):
            try:
                workshop.provider.pull(reference, _PULL_SECONDS)
            except NotFound as error:
                raise UnknownImage(f"--kind-image: {reference} is not in the engine and cannot be pulled: {error}") from error
        image = workshop.provider.image(reference)
    if image is None or not image.entrypoint or not image.entrypoint[0].endswith("/entrypoint"):
        # kind's contract: the image's entrypoint prepares the node and then runs systemd.
        raise UnknownImage(f"--kind-image: {reference} is no node image: its entrypoint is {list(image.entrypoint) if image else None}, not kind's")
    return _described(image, reference)


def _made_once(workshop: Workshop, wanted: Inputs, source: Source) -> NodeImage:
    with workshop.locked(f"image-{wanted.digest}", f"node image {wanted.tag}"):
        found = cached(workshop, wanted)  # made by whoever held the lock
        if found is not None:
            return found
        image = None if wanted.source else kindest.published(workshop, wanted)
        if image is not None:
            return NodeImage(reference=kindest.reference(wanted), id=image.id, digest=image.id, kubernetes=wanted.kubernetes)
        from pytest_kind.image import assemble  # noqa: PLC0415 - as above

        workshop.progress.note(source.how)
        return _described(assemble.assemble(workshop, wanted, source), wanted.tag)


def _described(image: Image, reference: str) -> NodeImage:
    try:
        facts = json.loads(image.labels.get(labels.FACTS) or "{}")  # empty in an image made from a node
    except ValueError as error:
        raise ImageError(f"image {reference}: its label {labels.FACTS} cannot be read: {error}") from error
    return NodeImage(reference=reference, id=image.id, digest=_digest(image), kubernetes=facts.get("kubernetes"))


def _digest(image: Image) -> str:
    """What is in it: of one that somebody built upon one of ours its label says what is in ours."""
    inputs = image.labels.get(labels.IMAGE_DIGEST)
    return inputs if inputs and any(tag.endswith(f"-{inputs}") for tag in image.tags) else image.id
