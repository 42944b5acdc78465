"""From settings to the cluster that is wanted: everything that can be checked without an engine is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import hooks
from pytest_kind.boot.audit import audited
from pytest_kind.cluster import Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import UsageError
from pytest_kind.invocation import asks_for_specs, has_own_cluster, worker_of
from pytest_kind.naming import check_cluster_name

if TYPE_CHECKING:
    import pytest
    from pluggy import HookCaller

    from pytest_kind.config.settings import Settings


def of_project(settings: Settings, config: pytest.Config, hook: HookCaller) -> Settings:
    """The settings, with what a project's hook says of the configuration where nobody else says anything."""
    if settings.config is not None:
        return settings
    return replace(settings, config=hooks.call(hook, pytestconfig=config), sources={**settings.sources, "config": hooks.source(hook)})


def request_of(settings: Settings, config: pytest.Config) -> Request:
    """The cluster that the settings describe.

    Raises:
        UsageError: a name or a configuration that cannot be; nothing was made.
    """
    wanted = settings.config
    cluster_config = ClusterConfig() if wanted is None else _config(wanted, settings.sources["config"], config.rootpath)
    if settings.audit:
        cluster_config = audited(cluster_config)
    image = cluster_config.nodes[0].image
    if image is not None and settings.source is not None:
        raise UsageError(
            f"{settings.sources['source']}: given together with nodes[0].image of the cluster's configuration ({image}); "
            "only one of them can say what is in the node image"
        )
    if settings.apart and cluster_config.name is not None:
        cluster_config = replace(cluster_config, name=None)
    return Request(
        config=cluster_config,
        name=None if settings.apart else _name(settings, cluster_config, config),
        image=settings.image,  # of nodes that name none themselves
        version=settings.version,
        source=settings.source,
        keep=settings.keep and not settings.apart,
        network=settings.network,
        timeout=settings.timeout,
        lease=settings.lease,
        cold=settings.cold,
        static_pods=settings.static_pods,
        warm=settings.warm,
        upstream=asks_for_specs(config),
    )


def _config(wanted: object, source: str, folder: Path) -> ClusterConfig:
    from pytest_kind.config.load import checked, from_file, from_mapping  # noqa: PLC0415 - pydantic: a tenth of a second, for those who have one

    if isinstance(wanted, ClusterConfig):
        return checked(wanted, source)
    if isinstance(wanted, Mapping):
        return from_mapping(wanted, source)
    if isinstance(wanted, (str, Path)):
        return from_file(folder / wanted)
    raise UsageError(f"{source}: {wanted!r} is not accepted; accepted is the path of a file, a mapping or a ClusterConfig")


def _name(settings: Settings, cluster_config: ClusterConfig, config: pytest.Config) -> str | None:
    """The name that is asked for; a worker of xdist that has a cluster of its own has a name of its own, too."""
    name, source = (settings.name, settings.sources["name"]) if settings.name is not None else (cluster_config.name, "name")
    if name is None:
        return None
    worker = worker_of(config) if has_own_cluster(config) else ""
    return check_cluster_name(f"{name}-{worker}" if worker else name, source)
