"""Images of the engine, into the nodes of a cluster."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, UnknownImage
from pytest_kind.image.archive import files_archive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kind.provision.provider import Provider

_SECONDS = 600.0
_PLACE = "kind"
_FILE = "pytest-kind-image.tar"


def load_image(provider: Provider, nodes: Iterable[str], reference: str, scratch: Path) -> None:
    """Puts an image into nodes.

    Args:
        provider: the engine.
        nodes: their containers.
        reference: the image's name in the engine.
        scratch: a private folder of the session, for the archive on its way.

    Raises:
        UnknownImage: the engine has no image of that name.
    """
    if provider.image(reference) is None:
        raise UnknownImage(f"load_image: the engine has no image {reference!r}; build or pull it first")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        saved = Path(folder) / _FILE
        with saved.open("wb") as file:
            file.writelines(provider.save_image(reference))
        for node in nodes:
            with files_archive({f"{_PLACE}/{_FILE}": saved}, scratch) as archive:
                provider.put(node, "/", archive)
            argv = ["ctr", "--namespace", "k8s.io", "images", "import", "--local", "--snapshotter", "overlayfs", f"/{_PLACE}/{_FILE}"]
            result = provider.exec(node, argv, seconds=_SECONDS)
            provider.exec(node, ["rm", "-f", f"/{_PLACE}/{_FILE}"])
            if result.code:
                raise CommandError(node[:12], argv, result.code, result.output)
