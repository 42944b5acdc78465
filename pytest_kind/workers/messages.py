"""What workers and the controller say to each other."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from pytest_kind.errors import KindError, UsageError, reason_first, told
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


# The first of which an error is one; a hook of the project may raise pytest's own.
_RAISED: dict[str, type[BaseException]] = {
    "usage": UsageError,
    "error": KindError,
    "failed": pytest.fail.Exception,
    "skipped": pytest.skip.Exception,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done.

    Attributes:
        kind: of what the worker is to raise.
    """

    message: str
    kind: str

    @classmethod
    def because(cls, error: BaseException) -> Refused:
        """What an error of the controller's is on a worker, where it cannot be sent as it is."""
        for kind, raised in _RAISED.items():
            if isinstance(error, raised):
                return cls(str(error) if kind == "skipped" else told(error), kind)
        return cls(f"{reason_first(said(error), 'on the controller')}\n\n{''.join(traceback.format_exception(error))}", "error")

    def error(self) -> BaseException:
        """For the worker to raise."""
        error = _RAISED[self.kind](self.message)
        if isinstance(error, pytest.fail.Exception):
            error.pytrace = False  # the lines that led to it are the controller's
        return error


def said(error: BaseException) -> str:
    """What an error says, with its name where it is nobody's message to a reader."""
    return told(error) if isinstance(error, tuple(_RAISED.values())) else "".join(traceback.format_exception_only(error)).strip()
