"""kind's published node image of a version, where the engine has it or a registry answers: nothing to compile."""

from __future__ import annotations

import secrets
import tarfile
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import ImageError, NotFound
from pytest_kind.provision.provider import ContainerSpec

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.provision.provider import Image

_PULL_SECONDS = 600.0


def reference(wanted: Inputs) -> str:
    """Where kind publishes that version."""
    return f"kindest/node:{wanted.kubernetes}"


def published(workshop: Workshop, wanted: Inputs) -> Image | None:
    """The image as kind published it, or nothing, with a line that says why.

    What a node of ours needs beside kind's contract is put into each node before it starts (``boot/files.py``), so there
    is no layer to put on it.
    """
    name = reference(wanted)
    image = workshop.provider.image(name)
    if image is not None:
        return image
    with workshop.progress.step(f"looking for {name} in its registry"):
        try:
            workshop.provider.pull(name, _PULL_SECONDS)
        except NotFound as error:
            workshop.progress.note(f"no registry gives {name} ({str(error).splitlines()[0]})")
            return None
    return workshop.provider.image(name)


def kubernetes_in(workshop: Workshop, image: str) -> str:
    """The version in a node image that has no label of ours, as kind finds it: the file ``/kind/version``.

    Args:
        image: its id.

    Raises:
        ImageError: it has no such file, or nothing in it.
    """
    marks = {**workshop.labels, labels.KIND: "builder"}
    holder = workshop.provider.create(ContainerSpec(name=f"pytest-kind-peek-{secrets.token_hex(4)}", image=image, labels=marks))
    try:
        with workshop.provider.get(holder, "/kind/version") as archive, tarfile.open(fileobj=archive) as tar:
            file = tar.extractfile("version")
            version = file.read().decode(errors="replace").strip() if file else ""
    except (NotFound, KeyError) as error:
        raise ImageError(f"image {image}: it is no node image of kind's: it has no file /kind/version") from error
    finally:
        workshop.provider.remove(holder)
    if not version:
        raise ImageError(f"image {image}: its file /kind/version is empty")
    return version
