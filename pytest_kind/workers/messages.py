"""What workers and the controller say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_kind.wanted import Request


@dataclass(frozen=True, slots=True)
class Hello:
    """Who it is, once for each connection, in the beginning."""

    worker: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A cluster is wanted.

    Attributes:
        own: empty for one that all workers share that ask for the same; else what makes it one of its own.
    """

    request: Request
    own: str = ""


@dataclass(frozen=True, slots=True)
class Leased:
    """It is there.

    Attributes:
        number: of the lease.
        name: of the cluster.
        phases: how long each phase of its boot took, in seconds.
    """

    number: int
    name: str
    phases: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Release:
    """It is not wanted any more.

    Attributes:
        deleted: whether the worker itself has removed the cluster.
    """

    number: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """An upstream spec is to begin on a cluster: beside others, or alone. Its turn is over when the connection ends."""

    cluster: str
    alone: bool


@dataclass(frozen=True, slots=True)
class ServeStandIns:
    """The nodes of a cluster are to have stand-ins for upstream's images."""

    cluster: str


@dataclass(frozen=True, slots=True)
class Served:
    """They have: upstream name -> what it is made of."""

    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked for is done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done.

    Attributes:
        usage: whether because of what the user gave.
    """

    message: str
    usage: bool
