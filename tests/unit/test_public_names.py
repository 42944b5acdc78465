"""What ``import pytest_kind`` offers."""

from __future__ import annotations

import importlib

import pytest

import pytest_kind
from pytest_kind import cluster, errors, peer
from pytest_kind.config import types
from pytest_kind.toolbox.objects import apply, model


def test_the_public_names_are_these_and_are_there() -> None:
    assert {name: getattr(pytest_kind, name) for name in pytest_kind.__all__} == {
        "ApplyError": apply.ApplyError,
        "BootError": errors.BootError,
        "ClusterConfig": types.ClusterConfig,
        "ConfigError": errors.ConfigError,
        "KindCluster": peer.KindCluster,
        "KindError": errors.KindError,
        "KindNode": cluster.KindNode,
        "KindObject": model.KindObject,
        "WaitTimeout": errors.WaitTimeout,
    }


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'pytest_kind' has no attribute 'Nonsense'$"):
        pytest_kind.Nonsense  # noqa: B018


def test_the_handle_has_the_name_that_users_of_pypis_plugin_import() -> None:
    from_cluster = importlib.import_module("pytest_kind.cluster").KindCluster
    assert from_cluster is pytest_kind.KindCluster
    with pytest.raises(AttributeError, match=r"^module 'pytest_kind.cluster' has no attribute 'Nonsense'$"):
        cluster.Nonsense  # noqa: B018
