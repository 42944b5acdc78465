"""Where the machines of a cluster are on its network: a number each, and what follows from it. Pure.

Addresses and link addresses are constant for a machine's life, and known before it exists. So certificates, etcd members and
kubeconfigs outlive restarts, and machines find each other by fixed neighbour entries (``boot/node/network``) instead of by
the engine's addresses, which change. Other clusters on the same engine network have the same addresses and other link
addresses: they never meet.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind import labels, naming
from pytest_kind.config.networks import NODES_IPV4, NODES_IPV6
from pytest_kind.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kind.config.types import ClusterConfig, Node

LAST_NODE = 253
LOAD_BALANCER = 254


def random_link() -> str:
    """What tells a cluster's link addresses from those of others: four random bytes."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One machine.

    Attributes:
        name: its container's and its node's.
        role: kind's word: ``control-plane``, ``worker``, ``external-load-balancer``.
        number: from 1 (the first control plane) to 253; 254 is the load balancer.
        link: the cluster's, see :func:`random_link`.
        family: the cluster's: ``ipv4``, ``ipv6`` or ``dual``.
    """

    name: str
    role: str
    number: int
    link: str
    family: str = "ipv4"

    @property
    def addresses(self) -> tuple[str, ...]:
        """One for each IP family of the cluster."""
        ipv4, ipv6 = NODES_IPV4.replace("0/24", str(self.number)), NODES_IPV6.replace("/64", f"{self.number:x}")
        return {"ipv4": (ipv4,), "ipv6": (ipv6,), "dual": (ipv4, ipv6)}[self.family]

    @property
    def address(self) -> str:
        """The one that Kubernetes calls it by."""
        return self.addresses[0]

    @property
    def mac(self) -> str:
        """Its link address: locally administered, unicast."""
        return ":".join(["02", *(self.link[at : at + 2] for at in range(0, 8, 2)), f"{self.number:02x}"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A place, and what the configuration says of it; a load balancer is no node.

    Attributes:
        index: of its node in the configuration; None: it joined later.
    """

    place: Place
    node: Node | None
    index: int | None = None

    @property
    def is_control_plane(self) -> bool:
        return self.place.role == labels.ROLE_CONTROL_PLANE

    @property
    def is_initial(self) -> bool:
        """Whether it is a control plane that the cluster begins with: of etcd's initial members."""
        return self.is_control_plane and self.index is not None


def machines(config: ClusterConfig, cluster: str, link: str) -> tuple[Machine, ...]:
    """Every machine of a new cluster: the first control plane, the other nodes as they come, a load balancer where one is needed."""
    family = config.networking.ip_family
    roles: list[str] = [node.role for node in config.nodes]
    first = roles.index(labels.ROLE_CONTROL_PLANE)
    order = [first, *(index for index in range(len(roles)) if index != first)]
    counts: dict[str, int] = {}
    planned = []
    for number, index in enumerate(order, 1):
        role = roles[index]
        count = counts.setdefault(role, 0)
        counts[role] += 1
        place = Place(name=naming.node_name(cluster, role, count), role=role, number=number, link=link, family=family)
        planned.append(Machine(place=place, node=config.nodes[index], index=index))
    if counts[labels.ROLE_CONTROL_PLANE] > 1:
        name = naming.node_name(cluster, labels.ROLE_LOAD_BALANCER, 0)
        planned.append(Machine(place=Place(name=name, role=labels.ROLE_LOAD_BALANCER, number=LOAD_BALANCER, link=link, family=family), node=None))
    return tuple(planned)


def next_place(there: Iterable[Place], cluster: str, role: str) -> Place:
    """The place of a node that joins a cluster that runs: the lowest free number and name.

    Raises:
        UsageError: every number is taken.
    """
    known = list(there)
    numbers, names = {place.number for place in known}, {place.name for place in known}
    number = next((one for one in range(1, LAST_NODE + 1) if one not in numbers), None)
    if number is None:
        raise UsageError(f"cluster {cluster} has {LAST_NODE} nodes, which is as many as its network holds")
    name = next(name for index in range(LAST_NODE) if (name := naming.node_name(cluster, role, index)) not in names)
    return Place(name=name, role=role, number=number, link=known[0].link, family=known[0].family)
