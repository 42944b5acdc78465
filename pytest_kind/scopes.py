"""``kind_namespace``, and the same for wider scopes.

Not for packages: pytest's package is the one that defines the fixture, and a plugin's is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_kind import options
from pytest_kind.keys import FAILED, RUN, TIDY
from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster


def _namespace(cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    from pytest_kind.toolbox import namespaces  # noqa: PLC0415 - this module is loaded in every run
    from pytest_kind.toolbox.wished_namespace import parse  # noqa: PLC0415

    node = request.node
    where = f"@pytest.mark.kind(namespace=…) of {node.nodeid or 'the session'}"
    with told_once():
        name = namespaces.create(cluster, _owner(node), parse(options.namespace_values(node), where), where)
    yield name
    if options.resolve(request.config).keep_namespace == "failed" and _failed(request):
        _say(request, f"namespace {name} of cluster {cluster.name} is kept")
        if TIDY in request.config.stash:
            request.config.stash[TIDY].keep(cluster, name)
    else:
        with told_once():
            namespaces.delete(cluster, name)


def _owner(node: pytest.Item | pytest.Collector) -> str:
    """What tells whose it is: a test's name, a class's, a module's."""
    if isinstance(node, pytest.Session):
        return "session"
    return node.path.stem if isinstance(node, pytest.Module) else node.name


def _failed(request: pytest.FixtureRequest) -> bool:
    """Whether a test failed that uses the namespace."""
    failed = request.node.stash.get(FAILED, {}).values()
    return any(isinstance(request.node, pytest.Item) or request.fixturename in used for used in failed)


def _say(request: pytest.FixtureRequest, text: str) -> None:
    """In the report of the test whose it is; of what several tests share, in the run's last lines."""
    if isinstance(request.node, pytest.Item):
        request.node.add_report_section("teardown", "kind", text)
    else:
        request.config.stash[RUN].last_lines.append(text)


@pytest.fixture
def kind_namespace(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace with its default ServiceAccount; deleted afterwards without waiting."""
    yield from _namespace(kind_cluster, request)


@pytest.fixture(scope="class")
def kind_class_namespace(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace for the tests of a class; as ``kind_namespace``."""
    yield from _namespace(kind_cluster, request)


@pytest.fixture(scope="module")
def kind_module_namespace(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace for the tests of a module; as ``kind_namespace``."""
    yield from _namespace(kind_cluster, request)


@pytest.fixture(scope="session")
def kind_session_namespace(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace for all tests of a run (on xdist, of a worker); as ``kind_namespace``."""
    yield from _namespace(kind_cluster, request)
