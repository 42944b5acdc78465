"""Clusters that are there already, by their names: a handle on ours, the kubeconfig of the real kind's too."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind import kept, labels
from pytest_kind.api import kubeconfig
from pytest_kind.boot.files import CONFIG_FILE
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import KindError, UsageError
from pytest_kind.handle import KindCluster, Site
from pytest_kind.provision.plan import API_PORT, Plan

if TYPE_CHECKING:
    from pytest_kind.progress import Progress
    from pytest_kind.provision.provider import Container, Provider

_ADMIN = "/etc/kubernetes/admin.conf"


def machines(provider: Provider, name: str) -> list[Container]:
    """The containers of a cluster: control planes, a load balancer, workers, each in the order of their numbers.

    Raises:
        UsageError: there is no such cluster; the message has those that there are.
    """
    found = provider.containers({labels.CLUSTER: name})
    if not found:
        there = sorted({one.labels[labels.CLUSTER] for one in provider.containers({labels.CLUSTER: None})})
        raise UsageError(f"there is no cluster {name!r}; there {'are: ' + ', '.join(there) if there else 'is none at all'}")
    return sorted(found, key=lambda one: (_role(one), len(one.name), one.name))


def attach(provider: Provider, name: str, folder: Path, progress: Progress) -> KindCluster:
    """A handle on a cluster of ours that runs, or is stopped (then its API's address is not known: the one inside is named).

    Args:
        folder: a private one (a session's), for the kubeconfig file; a folder of the cluster's name in it says that it is used.

    Raises:
        UsageError: there is no such cluster, or it is not ours.
        KindError: it has no control plane, or that has no kubeconfig yet, or another version of this package made it.
    """
    machines(provider, name)  # raises where there is none
    found = kept.find(provider, name)
    assert found is not None  # noqa: S101 - seen above
    document, config = _admin(provider, name, server(provider, name)), _config(provider, name)
    place = folder / name
    place.mkdir(mode=0o700, exist_ok=True)
    plan = Plan(
        config=config,
        engine=provider.info(),
        cluster=name,
        marks={key: value for key, value in found.labels.items() if key not in labels.OF_PLACES},
        api_port=0,  # of machines that publish the API, and those are there
        shared=any(one.name == f"{name}-shared" for one in provider.volumes({labels.CLUSTER: name})),
        **_made(provider, found.containers[0]),
    )
    return KindCluster(
        name=name,
        kubeconfig_path=kubeconfig.write_private(place / "kubeconfig", yaml.safe_dump(document, sort_keys=False)),
        config=config,
        kept=labels.is_kept(found.labels),
        phases=(("attach", 0.0),),
        image_digest=found.labels.get(labels.IMAGE_DIGEST, ""),
        _machines=found.machines,
        _site=Site(provider=provider, plan=plan, image=found.containers[0].image, folder=place, progress=progress),
        _admin=document,
    )


def _config(provider: Provider, name: str) -> ClusterConfig:
    """What the cluster was asked to be: a file on its control planes (boot/files.py)."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - a tenth of a second, for those who attach

    plane = _plane(provider, name)
    try:
        with provider.get(plane.id, f"/{CONFIG_FILE}") as archive, tarfile.open(fileobj=archive) as tar:
            file = tar.extractfile("cluster.json")
            return TypeAdapter(ClusterConfig).validate_json(file.read() if file is not None else b"")
    except (KindError, tarfile.TarError, LookupError, ValueError) as error:
        raise KindError(f"cluster {name!r} was made by another version of this package: its configuration cannot be read: {error}") from error


def _made(provider: Provider, container: Container) -> dict[str, Any]:
    """What a node that joins must have in common with one that is there: the engine's network, the proxies."""
    inspected: Any = provider.inspect(container.id)
    environment = dict(one.split("=", 1) for one in inspected["Config"]["Env"] or () if "=" in one)
    return {
        "network": next(iter(inspected["NetworkSettings"]["Networks"]), "bridge"),
        "environment": {key: value for key, value in environment.items() if key.lower().endswith("_proxy")},
    }


def kubeconfig_of(provider: Provider, name: str, *, internal: bool = False) -> dict[str, Any]:
    """The administrator's kubeconfig of a cluster that runs.

    Args:
        internal: for a container on the nodes' network of the engine instead of this machine, as kind has it. A network
            of one's own resolves the nodes' names. The default bridge does not: there it is the address that the node has
            until it stops, and the certificate is checked against the name.

    Raises:
        UsageError: there is no such cluster.
        KindError: it does not run, or has no kubeconfig.
    """
    machine = _entrance(provider, name)
    outer = server(provider, name)
    if outer is None:
        raise KindError(f"cluster {name!r}: {machine.name} is {machine.state}; `pytest-kind start --name {name}` starts it")
    if not internal:
        return _admin(provider, name, outer)
    inspected: Any = provider.inspect(machine.id)
    bridge = inspected["NetworkSettings"]["Networks"].get("bridge")
    if bridge is None:
        return _admin(provider, name, kubeconfig.url(machine.name, API_PORT))
    document = _admin(provider, name, kubeconfig.url(bridge["IPAddress"] or bridge["GlobalIPv6Address"], API_PORT))
    document["clusters"][0]["cluster"]["tls-server-name"] = machine.name
    return document


def server(provider: Provider, name: str) -> str | None:
    """The API's URL for this machine; nothing while the cluster is stopped."""
    machine = _entrance(provider, name)
    if machine.state not in {"running", "paused"}:
        return None
    return kubeconfig.url(*provider.published_port(machine.id, API_PORT))


def _entrance(provider: Provider, name: str) -> Container:
    """The machine that publishes the API."""
    found = machines(provider, name)
    return next((one for one in found if _role(one) == labels.ROLE_LOAD_BALANCER), None) or _plane(provider, name)


def _plane(provider: Provider, name: str) -> Container:
    planes = [one for one in machines(provider, name) if _is_plane(one)]
    if not planes:
        raise KindError(f"cluster {name!r} has no control plane")
    return next((one for one in planes if one.running), planes[0])


def _admin(provider: Provider, name: str, address: str | None) -> dict[str, Any]:
    plane = _plane(provider, name)
    try:
        # As a file: so it can be had of a node that is off, too.
        with provider.get(plane.id, _ADMIN) as archive, tarfile.open(fileobj=archive) as tar:
            file = tar.extractfile("admin.conf")
            text = file.read().decode() if file is not None else ""
        return kubeconfig.outside(text, name, address or yaml.safe_load(text)["clusters"][0]["cluster"]["server"])
    except (KindError, tarfile.TarError, LookupError, TypeError, yaml.YAMLError) as error:
        raise KindError(f"node {plane.name} of cluster {name!r} has no kubeconfig that can be read ({error}); did it boot?") from error


def _role(container: Container) -> str:
    return container.labels.get(labels.ROLE, "")


def _is_plane(container: Container) -> bool:
    return _role(container) == labels.ROLE_CONTROL_PLANE
