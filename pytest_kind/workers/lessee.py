"""A worker's side: asks the controller of the run for what all workers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection
from typing import TypeVar

from pytest_kind.errors import KindError
from pytest_kind.wanted import Request
from pytest_kind.workers import links
from pytest_kind.workers.messages import Done, Hello, Lease, Leased, Refused, Release, Served, ServeStandIns, Turn

_Answer = TypeVar("_Answer")


class Lessee:
    """The way to the controller: a connection for each lease and each turn, which end with it, however this process ends.

    So a question that is broken off, by Ctrl-C or by a time limit's signal, leaves no answer behind for the next one, and no lease.

    Args:
        port: where the controller listens, on loopback.
        key: that lets workers in.
        worker: this one's name, such as ``gw0``.
    """

    def __init__(self, port: int, key: bytes, worker: str) -> None:
        self._port, self._key, self._worker = port, key, worker
        self._leases: dict[int, Connection] = {}

    def lease(self, request: Request, own: str = "") -> Leased:
        """A ready cluster; waits until it is.

        Args:
            own: see :class:`~pytest_kind.workers.messages.Lease`.

        Raises:
            UsageError: what is wanted cannot be.
            KindError: it did not come up, or the controller is gone; so it is for every method.
            pytest.skip.Exception, pytest.fail.Exception: a hook of the project did.
        """
        link, leased = self._asked(Lease(request, own), Leased)
        self._leases[leased.number] = link
        return leased

    def release(self, number: int, *, deleted: bool = False) -> None:
        """Ends a lease; the last one of a cluster ends that, behind our back.

        Args:
            deleted: whether it has been removed here: nobody need look for it.
        """
        with _ending(self._leases.pop(number)) as link:
            _ask(link, Release(number, deleted), Done)

    @contextmanager
    def turn(self, cluster: str, *, alone: bool) -> Iterator[None]:
        """Waits until a spec may run on a cluster beside those of other workers, or alone; it may until the block ends."""
        link, _ = self._asked(Turn(cluster, alone), Done)
        with _ending(link):
            yield

    def serve_stand_ins(self, cluster: str) -> Mapping[str, str]:
        """Has the nodes of a cluster pull stand-ins for upstream's images; upstream name -> what it is made of."""
        link, served = self._asked(ServeStandIns(cluster), Served)
        with _ending(link):
            return served.images

    def close(self) -> None:
        """Ends all leases."""
        for link in self._leases.values():
            _end(link)

    def _asked(self, question: object, kind: type[_Answer]) -> tuple[Connection, _Answer]:
        """The answer, and the connection with which it ends."""
        try:
            link = Client(("127.0.0.1", self._port), authkey=self._key)
        except (OSError, EOFError) as error:
            raise _gone(error) from error
        try:
            _ask(link, Hello(self._worker), Done)
            return link, _ask(link, question, kind)
        except BaseException:
            _end(link)
            raise


@contextmanager
def _ending(link: Connection) -> Iterator[Connection]:
    try:
        yield link
    finally:
        _end(link)


def _end(link: Connection) -> None:
    links.end(link)
    link.close()


def _ask(link: Connection, question: object, kind: type[_Answer]) -> _Answer:
    try:
        link.send(question)
        answer = link.recv()
    except (OSError, EOFError) as error:
        raise _gone(error) from error
    if isinstance(answer, Refused):
        raise answer.error()
    assert isinstance(answer, kind)  # noqa: S101 - the other side is ours
    return answer


def _gone(error: Exception) -> KindError:
    return KindError(f"the controller of this run, which makes the clusters, is gone ({type(error).__name__}: {error})")
