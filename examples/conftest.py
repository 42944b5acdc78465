"""What the examples share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_kind import KindCluster

# Part of every node image that the plugin builds, so that the examples run where no registry is reached.
BUILT_IN = "localhost/pytest-kind/busybox:1.35.0"


@pytest.fixture(scope="session")
def busybox(kind_cluster: KindCluster) -> str:
    """An image with a shell and small servers; where the node image is kind's own, a registry gave it and gives this."""
    images = kind_cluster.nodes[0].exec("ctr", "--namespace", "k8s.io", "images", "list", "--quiet").split()
    return BUILT_IN if BUILT_IN in images else "docker.io/library/busybox:1.37"
