"""kind's published node image of a version, where the engine has it or a registry answers: nothing to compile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kind.errors import NotFound

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
