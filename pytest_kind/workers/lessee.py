"""A worker's side: asks the controller of the run for what all workers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Client
from typing import TypeVar

from pytest_kind.errors import KindError, UsageError
from pytest_kind.wanted import Request
from pytest_kind.workers.messages import Done, Hello, Lease, Leased, Refused, Release, Served, ServeStandIns, Turn, TurnOver

_Answer = TypeVar("_Answer")


class Lessee:
    """A connection to the controller. What was leased ends with it, however this process ends.

    Args:
        port: where the controller listens, on loopback.
        key: that lets workers in.
        worker: this one's name, such as ``gw0``.

    Raises:
        KindError: the controller is gone; so it is for every method.
    """

    def __init__(self, port: int, key: bytes, worker: str) -> None:
        try:
            self._link = Client(("127.0.0.1", port), authkey=key)
        except (OSError, EOFError) as error:
            raise _gone(error) from error
        self._ask(Hello(worker), Done)

    def lease(self, request: Request, own: str = "") -> Leased:
        """A ready cluster; waits until it is.

        Args:
            own: see :class:`~pytest_kind.workers.messages.Lease`.

        Raises:
            UsageError: what is wanted cannot be.
            KindError: it did not come up.
        """
        return self._ask(Lease(request, own), Leased)

    def release(self, number: int, *, deleted: bool = False) -> None:
        """Ends a lease; the last one of a cluster ends that, behind our back.

        Args:
            deleted: whether it has been removed here: nobody need look for it.
        """
        self._ask(Release(number, deleted), Done)

    @contextmanager
    def turn(self, cluster: str, *, alone: bool) -> Iterator[None]:
        """Waits until a spec may run on a cluster beside those of other workers, or alone; it may until the block ends."""
        self._ask(Turn(cluster, alone), Done)
        try:
            yield
        finally:
            self._ask(TurnOver(), Done)

    def serve_stand_ins(self, cluster: str) -> Mapping[str, str]:
        """Has the nodes of a cluster pull stand-ins for upstream's images; upstream name -> what it is made of."""
        return self._ask(ServeStandIns(cluster), Served).images

    def close(self) -> None:
        """Ends all leases."""
        self._link.close()

    def _ask(self, question: object, kind: type[_Answer]) -> _Answer:
        try:
            self._link.send(question)
            answer = self._link.recv()
        except (OSError, EOFError) as error:
            raise _gone(error) from error
        if isinstance(answer, Refused):
            raise (UsageError if answer.usage else KindError)(answer.message)
        assert isinstance(answer, kind)  # noqa: S101 - the other side is ours
        return answer


def _gone(error: Exception) -> KindError:
    return KindError(f"the controller of this run, which makes the clusters, is gone ({type(error).__name__}: {error})")
