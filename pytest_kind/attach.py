"""A handle on a cluster that is there already, by its name: ours, or the real kind's."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind import labels
from pytest_kind.api import kubeconfig
from pytest_kind.config.types import ClusterConfig, Node
from pytest_kind.errors import KindError, UsageError
from pytest_kind.handle import KindCluster, KindNode
from pytest_kind.provision.plan import API_PORT

if TYPE_CHECKING:
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


def attach(provider: Provider, name: str, folder: Path) -> KindCluster:
    """A handle on a cluster that runs, or is stopped (then its API's address is not known, and the one inside is named).

    What the cluster was asked to be is not known: the handle's ``config`` has its nodes' roles, and defaults.

    Args:
        folder: a private one (a session's), for the kubeconfig file.

    Raises:
        UsageError: there is no such cluster.
        KindError: it has no control plane, or that has no kubeconfig yet.
    """
    containers = machines(provider, name)
    nodes = [one for one in containers if _role(one) != labels.ROLE_LOAD_BALANCER]
    admin = _admin(provider, name, server(provider, name))
    place = folder / name
    place.mkdir(mode=0o700, exist_ok=True)
    return KindCluster(
        name=name,
        kubeconfig_path=kubeconfig.write_private(place / "kubeconfig", yaml.safe_dump(admin, sort_keys=False)),
        nodes=tuple(KindNode(one.name, _role(one), one.id, provider) for one in nodes),
        config=ClusterConfig(nodes=tuple(Node(role="control-plane" if _is_plane(one) else "worker") for one in nodes)),
        kept=labels.is_kept(containers[0].labels),
        phases=(("attach", 0.0),),
        image_digest=containers[0].labels.get(labels.IMAGE_DIGEST, ""),
        _provider=provider,
        _admin=admin,
        _folder=place,
        _renewal=None,
    )


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
