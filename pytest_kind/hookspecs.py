"""Hooks that a conftest.py or a plugin may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_kind.boot.actions import Action
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.peer import KindCluster


@pytest.hookspec(firstresult=True)
def pytest_kind_cluster_config(pytestconfig: pytest.Config) -> ClusterConfig | dict[str, Any] | Path | str | None:
    """Returns the configuration (or its file) of clusters for which no option or marker gives one; the first answer counts."""


@pytest.hookspec
def pytest_kind_boot_actions(cluster_config: ClusterConfig) -> Iterable[Action]:  # type: ignore[empty-body]
    """Returns boot actions that run after the plugin's own, before a test sees the cluster."""


@pytest.hookspec
def pytest_kind_cluster_ready(cluster: KindCluster) -> None:
    """Is told of a cluster before the first test gets it."""


@pytest.hookspec
def pytest_kind_cluster_ends(cluster: KindCluster) -> None:
    """Is told of a cluster after its last test, before it is removed, or let go of where it is kept."""


@pytest.hookspec
def pytest_kind_cluster_failed(name: str, evidence: str) -> None:
    """Is told of a cluster that did not boot, before what is there of it is removed."""
