"""The controller's side: makes what workers ask for, once for all that ask for the same, and removes what nobody wants any more.

A worker's connection is its lease, or its turn: the kernel closes it when the worker dies, however it dies. One thread for each connection.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_kind.workers import links
from pytest_kind.workers.messages import Done, Hello, Lease, Leased, Refused, Release, Served, ServeStandIns, Turn, said
from pytest_kind.workers.progress import RunEnds, StoppableProgress
from pytest_kind.workers.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kind.peer import KindCluster
    from pytest_kind.run import Run
    from pytest_kind.wanted import Request

_END_SECONDS = 60.0
_LOOK_SECONDS = 0.5


class Home(Protocol):
    """What the broker takes of its run."""

    def run(self) -> Run:
        """This process' run, opened when it is first wanted. Raises KindError where no engine answers."""

    def serve_stand_ins(self, cluster: KindCluster, run: Run) -> Mapping[str, str]:
        """Has a cluster's nodes pull stand-ins; upstream name -> what it is made of."""

    def limit(self, request: Request, run: Run) -> int:
        """How many clusters of workers' own there may be."""

    def progress(self, prefix: str) -> StoppableProgress:
        """Where the making of one cluster shows."""


@dataclass(eq=False, slots=True)
class _Entry:
    """A cluster that is being made, is there, or is going."""

    own: bool
    cluster: KindCluster | None = None
    error: BaseException | None = None
    users: int = 1
    ending: bool = False


@dataclass(eq=False, slots=True)
class _Worker:
    """A connection of one: for a lease, a turn or something that is to be done."""

    link: Connection
    name: str = "a worker"
    leases: dict[int, tuple[Hashable, _Entry]] = field(default_factory=dict)
    turn: Turn | None = None
    releasing: bool = False


class Broker:
    """Serves workers until it is closed.

    Attributes:
        failed: whether the end of a cluster did, which without workers is a test's error.
    """

    def __init__(self, home: Home) -> None:
        self.failed = False
        self._home = home
        self._changed = threading.Condition()
        self._entries: dict[Hashable, _Entry] = {}
        self._workers: list[_Worker] = []
        self._turns = Turns()
        self._numbers = 0
        self._making: list[StoppableProgress] = []
        self._closing = False

    def serve(self, link: Connection) -> None:
        """Answers on one connection until it ends; then what was leased with it is nobody's any more."""
        worker = _Worker(link)
        with self._changed:
            if self._closing:
                link.close()
                return
            self._workers.append(worker)
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._serve_one(worker, link.recv())
        finally:
            self._leave(worker)
            link.close()
            with self._changed:
                self._workers.remove(worker)
                self._changed.notify_all()

    def _serve_one(self, worker: _Worker, question: object) -> None:
        after: Callable[[], None] = lambda: None  # noqa: E731 - what the worker need not wait for
        answer: object = Done()
        try:
            match question:
                case Hello(name):
                    worker.name = name
                case Lease():
                    answer = self._lease(worker, question)
                case Release(number, deleted):
                    worker.releasing = True
                    key, entry = worker.leases.pop(number)
                    after = lambda: self._let_go(key, entry, deleted=deleted)  # noqa: E731
                case Turn():
                    self._begin(worker, question)
                case ServeStandIns(name):
                    answer = Served(self._home.serve_stand_ins(self._named(name), self._home.run()))
        except BaseException as error:  # noqa: BLE001 - the worker's test says it; here nobody would see it
            answer = Refused.because(error)
        worker.link.send(answer)
        after()

    # Clusters

    def _lease(self, worker: _Worker, wanted: Lease) -> Leased:
        self._wait_for_released(worker)
        key = (wanted.own, *_identity(wanted.request))
        entry = self._shared(worker, key, wanted)
        if entry is None:
            entry = self._made(worker, key, wanted)
        assert entry.cluster is not None  # noqa: S101 - both give one that is there
        with self._changed:
            self._numbers += 1
            worker.leases[self._numbers] = (key, entry)
            return Leased(self._numbers, entry.cluster.name, entry.cluster.phases)

    def _wait_for_released(self, worker: _Worker) -> None:
        """What a worker lets go of is gone before it has another: both may be of one name, or have the same port of this machine."""
        with self._changed:
            self._changed.wait_for(lambda: not any(one.releasing for one in self._of(worker)))

    def _of(self, worker: _Worker) -> Iterator[_Worker]:
        """All connections of one."""
        return (one for one in self._workers if one.name == worker.name)

    def _shared(self, worker: _Worker, key: Hashable, wanted: Lease) -> _Entry | None:
        """One that is there, or nothing: then a place is taken for one that the caller is to make."""
        # Before the lock is taken: the first one asks the engine.
        limit = self._home.limit(wanted.request, self._home.run()) if wanted.own else 0
        told, waited = False, None
        with self._changed:
            while True:
                if self._closing:
                    raise RunEnds
                if waited is not None and waited.error is not None:
                    raise waited.error
                entry = self._entries.get(key)
                if entry is None:
                    there = sum(1 for one in self._entries.values() if one.own)
                    # Who has one goes on with a second: it would wait for itself.
                    if not wanted.own or there < limit or any(one.leases for one in self._of(worker)):
                        self._entries[key] = _Entry(own=bool(wanted.own))
                        return None
                    if not told:
                        self._home.run().progress.note(f"{worker.name} waits for a cluster: there are {there}, at most {limit} (--kind-max-clusters)")
                        told = True
                elif entry.cluster is not None and not entry.ending:
                    entry.users += 1
                    return entry
                waited = entry
                self._changed.wait(_LOOK_SECONDS)

    def _made(self, worker: _Worker, key: Hashable, wanted: Lease) -> _Entry:
        entry = self._entries[key]
        try:
            with self._progress(f"{worker.name}: " if wanted.own else "") as progress:
                entry.cluster = self._home.run().make(wanted.request, progress)
        except BaseException as error:
            entry.error = error
            for cluster in self._home.run().take_unready():
                self._drop(cluster)
            raise
        finally:
            with self._changed:
                if entry.cluster is None:
                    # Those who wait see its error; who comes later may have better luck.
                    del self._entries[key]
                self._changed.notify_all()
        return entry

    @contextlib.contextmanager
    def _progress(self, prefix: str) -> Iterator[StoppableProgress]:
        progress = self._home.progress(prefix)
        with self._changed:
            self._making.append(progress)
            if self._closing:
                progress.stop()
        try:
            yield progress
        finally:
            with self._changed:
                self._making.remove(progress)

    def _let_go(self, key: Hashable, entry: _Entry, *, deleted: bool = False) -> None:
        """One user less; the last one ends it, or has."""
        with self._changed:
            entry.users -= 1
            if entry.users:
                return
            entry.ending = True
        assert entry.cluster is not None  # noqa: S101 - it was leased
        self._drop(entry.cluster, deleted=deleted)
        with self._changed:
            del self._entries[key]
            self._changed.notify_all()

    def _drop(self, cluster: KindCluster, *, deleted: bool = False) -> None:
        """What goes wrong here is no test's any more: it is one of the run's last lines."""
        try:
            if deleted:
                cluster.delete()  # so that no lease of it counts as lost
            self._home.run().drop(cluster)
        except BaseException as error:  # noqa: BLE001 - as it says, and other clusters go on
            self.failed = self.failed or not isinstance(error, pytest.skip.Exception)
            self._home.run().last_lines.append(f"cluster {cluster.name}: {said(error)}")

    def _named(self, name: str) -> KindCluster:
        with self._changed:
            found = (one.cluster for one in self._entries.values() if one.cluster is not None)
            return next(cluster for cluster in found if cluster.name == name)

    # Turns of specs

    def _begin(self, worker: _Worker, turn: Turn) -> None:
        with self._changed:
            if turn.alone:
                self._turns.wait(turn.cluster)
            try:
                while not self._turns.may_begin(turn.cluster, alone=turn.alone):
                    if self._closing:
                        raise RunEnds
                    self._changed.wait(_LOOK_SECONDS)
            finally:
                if turn.alone:
                    self._turns.waited(turn.cluster)
            self._turns.begin(turn.cluster, alone=turn.alone)
            worker.turn = turn

    def _end_turn(self, worker: _Worker) -> None:
        with self._changed:
            if worker.turn is not None:
                self._turns.end(worker.turn.cluster, alone=worker.turn.alone)
                worker.turn = None
                self._changed.notify_all()

    # The end

    def _leave(self, worker: _Worker) -> None:
        self._end_turn(worker)
        for key, entry in list(worker.leases.values()):
            self._let_go(key, entry)
        worker.leases.clear()

    def close(self) -> None:
        """Sends all workers away, breaks off what is being made, and waits until what they had is gone, a minute at most."""
        with self._changed:
            self._closing = True
            for progress in self._making:
                progress.stop()
            for worker in self._workers:
                links.end(worker.link)
            self._changed.notify_all()
        end = time.monotonic() + _END_SECONDS
        while self._workers and time.monotonic() < end:
            with self._changed:
                making = bool(self._making)
            if making:
                # A boot that waits for a machine ends when that is gone.
                self._home.run().remove_unfinished()
            with self._changed:
                self._changed.wait(_LOOK_SECONDS)


def _identity(request: Request) -> tuple[Hashable, ...]:
    """Requests of which this is equal want the same cluster."""
    return request.config.digest, request.name, request.image, request.version, str(request.source), request.keep, request.network
