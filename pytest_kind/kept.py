"""Clusters that are there already: found by their labels, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind import labels
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api, ApiError
from pytest_kind.boot.context import BootMachine
from pytest_kind.boot.kubeadm import API_PORT
from pytest_kind.config.types import Node
from pytest_kind.errors import KindError, UsageError
from pytest_kind.provision.places import LOAD_BALANCER, Machine, Place

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Container, Provider


# An engine under load was seen to lose what a command wrote that ended at once.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A cluster of ours in the engine: its machines, the first control plane first, and their containers."""

    name: str
    machines: tuple[BootMachine, ...]
    containers: tuple[Container, ...]

    @property
    def labels(self) -> Mapping[str, str]:
        """What the first machine carries."""
        return self.containers[0].labels

    @property
    def published(self) -> str:
        """The container through which the API is reached from outside."""
        last = self.machines[-1]
        return (last if last.machine.node is None else self.machines[0]).container


def find(provider: Provider, name: str) -> Found | None:
    """The cluster of that name, if there is one.

    Raises:
        UsageError: there is one that is not ours.
    """
    there = provider.containers({labels.CLUSTER: name})
    if not there:
        return None
    strange = next((one for one in there if not labels.is_ours(one.labels) or labels.NUMBER not in one.labels), None)
    if strange is not None:
        raise UsageError(f"cluster {name!r} is not ours (container {strange.name})")
    # A control plane first: the one that the cluster began with may be gone, and its number a worker's.
    control_planes = [one for one in there if one.labels[labels.ROLE] == labels.ROLE_CONTROL_PLANE]
    first = min(control_planes or there, key=_number)
    ordered = sorted(there, key=lambda one: (one is not first, _number(one)))
    return Found(name, tuple(BootMachine(_machine(one), one.id) for one in ordered), tuple(ordered))


def _number(container: Container) -> int:
    return int(container.labels[labels.NUMBER])


def _machine(container: Container) -> Machine:
    marks = container.labels
    number, role = int(marks[labels.NUMBER]), marks[labels.ROLE]
    place = Place(name=container.name, role=role, number=number, link=marks[labels.LINK], family=marks[labels.FAMILY])
    if number == LOAD_BALANCER:
        return Machine(place=place, node=None)
    return Machine(place=place, node=Node(role="control-plane" if role == labels.ROLE_CONTROL_PLANE else "worker"))


def admin(provider: Provider, found: Found) -> dict[str, Any]:
    """The administrator's kubeconfig, with the address at which the API is reached now.

    Raises:
        KindError: no control plane gives it.
    """
    said = "no control plane runs"
    for machine, container in zip(found.machines, found.containers, strict=True):
        if not machine.machine.is_control_plane or not container.running:
            continue
        for _ in range(_TRIES):
            result = provider.exec(machine.container, ["cat", "/etc/kubernetes/admin.conf"], seconds=5)
            if result.code or result.stdout.strip():
                break
        if result.code == 0:
            address, port = provider.published_port(found.published, API_PORT)
            return kubeconfig.outside(result.stdout, found.name, kubeconfig.url(address, port))
        said = f"its node {machine.name} has no kubeconfig: {result.output.strip()}"
    raise KindError(said)


def unwell(provider: Provider, found: Found, scratch: Path) -> str | None:
    """Why a cluster cannot be used as it is, if so."""
    for container in found.containers:
        if not container.running:
            return f"its node {container.name} is {container.state}"
    try:
        api = Api(kubeconfig.credentials(admin(provider, found)), scratch, seconds=3)
    except KindError as error:
        return str(error)
    except (yaml.YAMLError, LookupError, TypeError, ValueError, OSError) as error:
        return f"its node {found.machines[0].name} has a kubeconfig that cannot be read ({type(error).__name__})"
    try:
        api.text("/readyz")
    except ApiError as error:
        return str(error)
    finally:
        api.close()
    return None
