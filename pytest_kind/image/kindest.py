"""A node image from kind's published one, where a registry answers: pulled, our digest put on it, nothing compiled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import NotFound
from pytest_kind.provision.provider import ContainerSpec

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.provision.provider import Image

_PULL_SECONDS = 600.0


def reference(wanted: Inputs) -> str:
    """Where kind publishes that version."""
    return f"kindest/node:{wanted.kubernetes}"


def derive(workshop: Workshop, wanted: Inputs) -> Image | None:
    """The image under our tag and labels, or nothing where no registry has it.

    What a node of ours needs beside kind's contract is put into each node before it starts (``boot/node``), so the layer
    has labels alone; the preloaded images stay where kind put them.
    """
    provider = workshop.provider
    published = reference(wanted)
    image = provider.image(published)
    if image is None:
        with workshop.progress.step(f"looking for {published} in its registry"):
            try:
                provider.pull(published, _PULL_SECONDS)
            except NotFound:
                return None
        image = provider.image(published)
        if image is None:
            return None
    holder = provider.create(
        ContainerSpec(name=f"pytest-kind-builder-{workshop.scratch.name}", image=image.id, labels={**workshop.labels, labels.KIND: "builder"})
    )
    try:
        return provider.commit(
            holder,
            wanted.tag,
            labels={
                labels.KIND: "node-image",
                labels.IMAGE_DIGEST: wanted.digest,
                labels.FACTS: json.dumps({"kubernetes": wanted.kubernetes, "preloaded": False}, sort_keys=True),
            },
            entrypoint=image.entrypoint,
            environment={"container": "docker", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    finally:
        provider.remove(holder)
