"""The fixtures: thin. What stands behind them is ``run.py`` and ``cluster.py``."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import options
from pytest_kind.keys import TIDY
from pytest_kind.told import told_once

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from pytest_kind.config.settings import Settings
    from pytest_kind.e2e.runner import SpecRunner
    from pytest_kind.peer import KindCluster
    from pytest_kind.run import Run
    from pytest_kind.toolbox.registry import Registry


def _run(config: pytest.Config, settings: Settings) -> Run:
    from pytest_kind.run import opened  # noqa: PLC0415 - docker and the rest, for runs that use clusters

    return opened(config, settings.cache_dir)


def _wish(request: pytest.FixtureRequest) -> Settings:
    from pytest_kind.parameter import wish_of  # noqa: PLC0415 - for runs that use clusters

    return wish_of(request)


def share_by_name(session: pytest.Session) -> None:
    """Has a test that gets ``kind_cluster`` by its name (``getfixturevalue``, doctest's ``getfixture``) share that of the others.

    To pytest that is a value without a parameter, for which the cluster of those with one had to go.
    """
    for definition in session._fixturemanager.getfixturedefs("kind_cluster", session) or ():  # noqa: SLF001 - there is no public way
        if definition.func.__module__ == __name__:
            definition.cache_key = _wish  # type: ignore[method-assign]


@contextlib.contextmanager
def _cluster(config: pytest.Config, settings: Settings, own: str) -> Iterator[KindCluster]:
    from pytest_kind.wishes import request_of  # noqa: PLC0415

    with told_once():
        run, wanted = _run(config, settings), request_of(settings, config)
        cluster = run.make(wanted) if run.lessee is None else run.lease(wanted, own)
    try:
        yield cluster
    finally:
        with told_once():
            run.drop(cluster)


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Iterator[KindCluster]:
    """A ready Kubernetes cluster: one for all tests that ask for the same configuration."""
    settings = _wish(request)
    own = request.config.workerinput["workerid"] if (settings.per_worker or settings.apart) and hasattr(request.config, "workerinput") else ""
    tidy = request.config.stash.get(TIDY, None)
    with _cluster(request.config, settings, own) as cluster:
        if tidy is None:
            yield cluster
            return
        try:
            with told_once():
                tidy.begin(cluster, settings, settings.timeout)
            yield cluster
        finally:
            tidy.end(cluster)


@pytest.fixture
def kind_fresh_cluster(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[KindCluster]:
    """The cluster as it was when it was handed over, before the test and again after it; alone: no worker shares it."""
    tidy = request.config.stash.get(TIDY, None)
    if tidy is None:
        pytest.fail("kind_fresh_cluster: must be an argument of the test or of its fixtures: what the cluster was is not known", pytrace=False)
    with told_once(), tidy.fresh(kind_cluster, request.node):
        yield kind_cluster


@pytest.fixture(scope="session")
def kind_client(kind_cluster: KindCluster) -> ApiClient:
    """The ``kubernetes`` package's client for the cluster: ``CoreV1Api(kind_client)``."""
    return kind_cluster.client


@pytest.fixture(scope="session")
def kind_kubeconfig(kind_cluster: KindCluster) -> Path:
    """A private kubeconfig file for tools that want one."""
    return kind_cluster.kubeconfig_path


@pytest.fixture
def kind_environment(kind_cluster: KindCluster) -> Iterator[Path]:
    """``KUBECONFIG`` leads to the cluster while the test runs: for libraries, and programs that it starts."""
    with kind_cluster.environment() as path:
        yield path


@pytest.fixture(scope="session")
def kind_image(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Builds a folder and puts the image into the cluster: ``kind_image("./context", dockerfile=None, args=None, tag=None)``.

    A relative folder is below pytest's root directory. Returns the reference for a pod's ``image:`` (``imagePullPolicy:
    IfNotPresent``). What is unchanged is neither built nor loaded again.
    """

    def build(context: str | Path, dockerfile: str | None = None, args: dict[str, str] | None = None, tag: str | None = None) -> str:
        with told_once():
            return kind_cluster.build_image(request.config.rootpath / context, dockerfile, args, tag)

    return build


@pytest.fixture(scope="session")
def kind_cluster_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., KindCluster]]:
    """Makes further clusters: ``kind_cluster_factory(config=None, *, image=None, source=None, version=None, network=None, timeout=None)``.

    They go at the end of the session, or with their ``delete()``.
    """
    with contextlib.ExitStack() as stack:

        def make(config: Any = None, **values: Any) -> KindCluster:  # noqa: ANN401 - as the marker
            with told_once():
                settings = options.resolve(request.config, {"config": config, **values}, "kind_cluster_factory(…)")
            # Each call's own: a kept one would be the session's, and its delete() the session's end.
            settings = dataclasses.replace(settings, keep=False, name=None)
            return stack.enter_context(_cluster(request.config, settings, secrets.token_hex(8)))

        yield make


@pytest.fixture(scope="session")
def kind_specs(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[SpecRunner]:
    """What runs upstream specs on the cluster; the items of ``--kind-focus`` use it."""
    from pytest_kind import specs  # noqa: PLC0415

    hooks = request.config.pluginmanager.getplugin(specs.NAME)
    if not isinstance(hooks, specs.UpstreamSpecs):
        pytest.fail("kind_specs: this run has no upstream specs: --kind-focus asks for some", pytrace=False)
    with told_once():
        runner = hooks.start(kind_cluster, _run(request.config, options.resolve(request.config)))
    try:
        yield runner
    finally:
        with told_once():
            failures = hooks.close()
    if failures:
        pytest.fail("the suite failed outside of its specs:\n" + "\n".join(failures), pytrace=False)


@pytest.fixture(scope="session")
def kind_registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """A registry beside the clusters: push to its ``address``, and pods have the image by that name and by its ``name``.

    It is for all clusters of the run, and goes at the end of the session.
    """
    from pytest_kind.parameter import settings_of  # noqa: PLC0415
    from pytest_kind.wishes import request_of  # noqa: PLC0415

    with told_once():
        settings = settings_of(request.config)
        run = _run(request.config, settings)
        registry = run.registries.serve(run.workshop(settings.lease), request_of(settings, request.config))
    try:
        yield registry
    finally:
        with told_once():
            run.registries.drop(registry)
