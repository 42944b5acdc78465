"""The toolbox' fixtures for objects and identities: thin. What stands behind them is ``toolbox/objects/``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pytest_kind.api.client import IdentityClient
    from pytest_kind.peer import KindCluster
    from pytest_kind.toolbox.objects.scope import Scope


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The test begins: ``logs(since="test")`` asks when that was."""
    if "kind_cluster" in getattr(item, "fixturenames", ()):
        from pytest_kind.toolbox.objects import moments  # noqa: PLC0415 - this module is loaded in every run

        moments.test_begins()


@contextlib.contextmanager
def _scope(cluster: KindCluster, request: pytest.FixtureRequest, namespace: str | None = None) -> Iterator[Scope]:
    """Undone at the end, also where the test failed; what cannot be undone is the fixture's error."""
    from pytest_kind.toolbox.objects.scope import Scope  # noqa: PLC0415

    scope = Scope(cluster, namespace, request.config.rootpath)
    try:
        yield scope
    finally:
        with told_once():
            scope.undo()


@pytest.fixture
def kind_apply(kind_cluster: KindCluster, kind_namespace: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Applies manifests into the test's namespace, undone after it: ``kind_apply(source, namespace=None, values=None, timeout=60)``.

    A relative path is below pytest's root directory. Returns live objects: one for a mapping, else a list.
    """
    with _scope(kind_cluster, request, kind_namespace) as scope:
        yield scope.apply


@pytest.fixture(scope="module")
def kind_module_apply(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """``kind_apply`` for a module's fixtures: undone after its last test. Objects that name no namespace go to ``default``."""
    with _scope(kind_cluster, request) as scope:
        yield scope.apply


@pytest.fixture(scope="session")
def kind_session_apply(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """``kind_apply`` for a session's fixtures: undone after the cluster's last test. Objects that name no namespace go to ``default``."""
    with _scope(kind_cluster, request) as scope:
        yield scope.apply


@pytest.fixture
def kind_as_user(kind_cluster: KindCluster, kind_namespace: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., IdentityClient]]:
    """A client that acts as a user with rights in the test's namespace: ``kind_as_user("alice", groups=(), rules=["get,list pods"])``."""
    with _scope(kind_cluster, request, kind_namespace) as scope:
        yield scope.as_user


@pytest.fixture
def kind_service_account(kind_cluster: KindCluster, kind_namespace: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., IdentityClient]]:
    """A client that acts as a ServiceAccount of the test's namespace: ``kind_service_account("robot", cluster_role="view")``."""
    with _scope(kind_cluster, request, kind_namespace) as scope:
        yield scope.service_account
