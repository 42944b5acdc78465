"""Kubernetes clusters as pytest fixtures: kind as a pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.errors import BootError, ConfigError, KindError, WaitTimeout
    from pytest_kind.node import KindNode
    from pytest_kind.peer import KindCluster
    from pytest_kind.toolbox.objects.apply import ApplyError
    from pytest_kind.toolbox.objects.model import KindObject

__all__ = ["ApplyError", "BootError", "ClusterConfig", "ConfigError", "KindCluster", "KindError", "KindNode", "KindObject", "WaitTimeout"]

_HOMES = {
    "ApplyError": "pytest_kind.toolbox.objects.apply",
    "BootError": "pytest_kind.errors",
    "ClusterConfig": "pytest_kind.config.types",
    "ConfigError": "pytest_kind.errors",
    "KindCluster": "pytest_kind.peer",
    "KindError": "pytest_kind.errors",
    "KindNode": "pytest_kind.node",
    "KindObject": "pytest_kind.toolbox.objects.model",
    "WaitTimeout": "pytest_kind.errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - lazily, because this package is imported in every pytest run
    if name in _HOMES:
        import importlib  # noqa: PLC0415

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
