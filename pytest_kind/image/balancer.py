"""The image of a load balancer: the node image itself where it has HAProxy, so that no second one is pulled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import ImageError
from pytest_kind.image import debian
from pytest_kind.image.inputs import read_inputs

if TYPE_CHECKING:
    from pytest_kind.image.store import NodeImage
    from pytest_kind.image.workshop import Workshop


def balancer_image(workshop: Workshop, node_image: NodeImage) -> str:
    """The id of an image with HAProxy: our node images have it; beside another's it is our base layer, made once.

    Raises:
        ImageError: the base layer cannot be made.
    """
    found = workshop.provider.image(node_image.id)
    if found is not None and found.labels.get(labels.KIND) == "node-image":
        return node_image.id
    base = debian.base_image(workshop, read_inputs(workshop.provider.info().architecture))
    image = workshop.provider.image(base)
    if image is None:
        raise ImageError(f"the base layer {base} is gone again")
    return image.id
