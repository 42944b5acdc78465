"""The fixtures with which a test reaches the cluster, and is reached from it: thin. What stands behind them is ``toolbox/reach/``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster
    from pytest_kind.toolbox.reach.exposed import Exposed
    from pytest_kind.toolbox.reach.http import Http


@pytest.fixture
def kind_expose(kind_cluster: KindCluster, kind_namespace: str) -> Iterator[Callable[..., Exposed]]:
    """Makes a server of this process a Service of the cluster, until the test ends: ``kind_expose(server, name="exposed", tls=None)``.

    The arguments are those of ``kind_cluster.expose``; the namespace is the test's own where none is given.
    """
    with contextlib.ExitStack() as stack:

        def expose(server: Any, name: str = "exposed", **how: Any) -> Exposed:  # noqa: ANN401 - as kind_cluster.expose
            with told_once():
                return stack.enter_context(kind_cluster.expose(server, name, **{"namespace": kind_namespace, **how}))

        yield expose


@pytest.fixture
def kind_http(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[Http]:
    """A session that reaches Services by their names in the cluster: ``kind_http.get("http://web/")``.

    A name without a namespace is in the test's own, where it has one (``kind_namespace``), else in ``default``.
    """
    namespace = request.getfixturevalue("kind_namespace") if "kind_namespace" in request.fixturenames else "default"
    with kind_cluster.http(namespace) as session:
        yield session


@pytest.fixture
def kind_port_forward(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[Callable[..., int]]:
    """A port of this machine that leads to one of a pod, until the test ends: ``kind_port_forward("deployment/web", 8080)``.

    The arguments are those of ``kind_cluster.port_forward``, and ``namespace``: where none is given the test's own, where it has
    one (``kind_namespace``), else ``default``.
    """
    own = request.getfixturevalue("kind_namespace") if "kind_namespace" in request.fixturenames else "default"
    with contextlib.ExitStack() as stack:

        def forward(what: str, port: int | str, *args: str, namespace: str = own, **how: Any) -> int:  # noqa: ANN401 - as kind_cluster.port_forward
            with told_once():
                return stack.enter_context(kind_cluster.port_forward(what, port, "-n", namespace, *args, **how))

        yield forward
