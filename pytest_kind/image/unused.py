"""Images of ours that nothing needs any more, for ``pytest-kind gc --images``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.image import debian
from pytest_kind.image.facts import facts_of
from pytest_kind.image.inputs import Inputs, read_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kind.provision.provider import Image, Provider

_DAY = 86400.0


def unused_images(provider: Provider, days: float = 14.0, now: float | None = None) -> list[Image]:
    """Frozen clusters, node images and base layers of ours that no longer serve, and are older than ``days``. Nothing is removed.

    Frozen clusters are told by their age alone: of what they were made nobody knows without asking for it. The others serve where
    this version of the plugin would use them, or a container is made of them, running or not. Another version of it, or another
    checkout, may still use what is listed: it would build that again. A node image from before images carried their age counts as
    old.

    Args:
        now: seconds since the epoch.
    """
    oldest = (time.time() if now is None else now) - days * _DAY
    architecture = provider.info().architecture
    used = {container.image for container in provider.containers({})}
    base = debian.base_digest(read_inputs(architecture))
    frozen = provider.images({labels.KIND: labels.KIND_FROZEN})
    # Before the node images that they are made of.
    found = [image for image in frozen if not used & {image.id, *image.tags} and _made(facts_of(image)) < oldest]
    for kind in ("node-image", "base-image"):
        for image in provider.images({labels.KIND: kind}):
            facts = facts_of(image)
            digest = base if kind == "base-image" else _current(architecture, facts).digest
            if image.labels.get(labels.IMAGE_DIGEST) != digest and not used & {image.id, *image.tags} and _made(facts) < oldest:
                found.append(image)
    return found


def _current(architecture: str, facts: Mapping[str, object]) -> Inputs:
    """What an image of the same Kubernetes would be made of now."""
    return read_inputs(architecture, str(facts.get("kubernetes") or "") or None, str(facts.get("source") or ""))


def _made(facts: Mapping[str, object]) -> float:
    made = facts.get("made")
    return float(made) if isinstance(made, (int, float)) else 0.0
