"""What the engine has of clusters and images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.diagnose.doctor.facts import Holdings, Wanted
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.store import cached_labels
from pytest_kind.image.unused import unused_images
from pytest_kind.lease.sweep import sweep

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Container, Image, Provider


def see_clusters(provider: Provider) -> Holdings:
    """The clusters that are there; what a run's first cluster waits for."""
    machines = provider.containers({labels.CLUSTER: None})
    nodes = Counter(one.labels[labels.CLUSTER] for one in machines if one.running)
    names = {one.labels[labels.CLUSTER]: _whose(one) for one in machines}
    foreign = sorted({one.labels[labels.CLUSTER] for one in machines if not labels.is_ours(one.labels)})
    return Holdings(nodes=dict(nodes), foreign=tuple(foreign), names=names)


def see_holdings(provider: Provider, cache: Path, wanted: Wanted, own: str | None) -> Holdings:
    """Everything.

    Args:
        own: a session of the caller's, which is no leftover.
    """
    seen = see_clusters(provider)
    containers = {one.name: _whose(one) for one in provider.containers({}) if labels.CLUSTER not in one.labels}
    image, name = _image(provider, wanted)
    return Holdings(
        nodes=seen.nodes,
        foreign=seen.foreign,
        names={**containers, **seen.names},
        leftovers=tuple(sweep(provider, cache, own, look=True).removed),
        unused={one.tags[0] if one.tags else one.id.removeprefix("sha256:")[:12]: one.id for one in unused_images(provider)},
        image=image is not None,
        image_name=name,
    )


def node_image(provider: Provider, wanted: Wanted) -> Image | None:
    """A node image to look around with: the one that is wanted, else any of ours."""
    found, _ = _image(provider, wanted)
    return found or next(iter(provider.images({labels.KIND: "node-image"})), None)


def _image(provider: Provider, wanted: Wanted) -> tuple[Image | None, str]:
    asked = wanted.image or wanted.config.nodes[0].image
    if asked is not None:
        return provider.image(asked), asked
    inputs = read_inputs(provider.info().architecture)
    return next((one for one in provider.images(cached_labels(inputs)) if inputs.tag in one.tags), None), inputs.tag


def _whose(container: Container) -> str:
    if not labels.is_ours(container.labels):
        return f"container {container.name}, which is not ours"
    return "kept" if labels.is_kept(container.labels) else "a run's"
