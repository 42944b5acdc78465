"""Images into the nodes of a cluster: from the engine, from an archive, from a folder with a Dockerfile."""

from pytest_kind.toolbox.images.archive import load_archive
from pytest_kind.toolbox.images.build import build_image
from pytest_kind.toolbox.images.load import load_image

__all__ = ["build_image", "load_archive", "load_image"]
