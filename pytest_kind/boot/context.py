"""What the steps of a boot share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_kind.api.http import Api
from pytest_kind.errors import CommandError, KindError

if TYPE_CHECKING:
    from pytest_kind.api.kubeconfig import Credentials
    from pytest_kind.boot.frozen import Frozen
    from pytest_kind.boot.kubeadm import ClusterFacts
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.progress import Progress
    from pytest_kind.provision.places import Machine
    from pytest_kind.provision.provider import Provider
    from pytest_kind.waiting import Deadline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BootMachine:
    """A machine of the cluster and its container."""

    machine: Machine
    container: str

    @property
    def name(self) -> str:
        return self.machine.place.name


def led_by(first: BootMachine, machines: Iterable[BootMachine]) -> tuple[BootMachine, ...]:
    """The machines in their order, but this one first."""
    return (first, *(one for one in machines if one is not first))


@dataclass(slots=True, kw_only=True)
class BootContext:
    """What the steps share. The second half is filled by the steps themselves.

    Attributes:
        provider: the engine.
        machines: all of the cluster, the first control plane first.
        fresh: those that boot now.
        facts: what kubeadm must know of the cluster.
        lease: of each machine, in seconds.
        scratch: a private folder.
        deadline: of the whole boot.
        rest: creates those of a new cluster but the first, while that one starts.
        meanwhile: called in a thread when the machines start, which leaves a fifth of a second for it.
        copied: the frozen cluster that this one is a copy of, if it is one.
        frozen: what is to be frozen of this one, when it is ready.
        dns_later: whether nobody has waited for DNS' first answer yet.
        images: those of a node before the configuration brought any; nothing where it brings none.
        phases: how long each step took, in seconds.
        begins: when each of them began, by ``time.monotonic()``.
    """

    provider: Provider
    machines: tuple[BootMachine, ...]
    fresh: tuple[BootMachine, ...]
    config: ClusterConfig
    facts: ClusterFacts
    lease: int
    scratch: Path
    deadline: Deadline
    progress: Progress
    rest: Callable[[], tuple[BootMachine, ...]] = lambda: ()
    meanwhile: Callable[[], object] = lambda: None
    copied: Frozen | None = None
    frozen: Frozen | None = None
    dns_later: bool = False
    images: set[str] | None = None
    server: str = ""
    admin: dict[str, Any] = field(default_factory=dict)
    authorities: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    phases: list[tuple[str, float]] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)
    _api: Api | None = None

    @property
    def first(self) -> BootMachine:
        """The control plane that the cluster begins with."""
        return self.machines[0]

    @property
    def nodes(self) -> tuple[BootMachine, ...]:
        """The machines but a load balancer."""
        return tuple(one for one in self.machines if one.machine.node is not None)

    @property
    def container(self) -> str:
        """The first control plane's container."""
        return self.first.container

    @property
    def published(self) -> BootMachine:
        """The machine through which the API is reached from outside."""
        return next(one for one in self.machines if one.machine.place == self.facts.endpoint)

    @property
    def api(self) -> Api:
        """The API, as its administrator; there from ``Facts`` on."""
        if self._api is None:
            raise KindError("no step has found the API server's address yet")
        return self._api

    def make_rest(self) -> tuple[BootMachine, ...]:
        """Creates the machines of a new cluster but the first, which was there already; from now on they are among its machines."""
        rest, self.rest = self.rest(), lambda: ()
        self.machines, self.fresh = self.machines + rest, self.fresh + rest
        return rest

    def connect(self, credentials: Credentials) -> None:
        """Opens the connection that ``api`` is."""
        self._api = Api(credentials, self.scratch)

    def close(self) -> None:
        """Closes it."""
        if self._api is not None:
            self._api.close()

    def exec(self, argv: Sequence[str], seconds: float | None = None, on: BootMachine | None = None) -> str:
        """A command on a machine (the first control plane) that must succeed.

        Raises:
            CommandError: it did not.
        """
        machine = on or self.first
        result = self.provider.exec(machine.container, argv, seconds=max(1.0, seconds or self.deadline.left))
        if result.code:
            raise CommandError(machine.name, argv, result.code, result.output)
        return result.stdout

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures a step."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append((name, time.monotonic() - start))
            self.begins.append(start)


def side_by_side(do: Callable[[T], object], things: Iterable[T]) -> None:
    """Does something to several things at once; ends when all have ended, or at once when it is interrupted.

    Raises:
        KindError: what the first of them raised that did.
    """
    several = list(things)
    if len(several) < 2:  # noqa: PLR2004 - a pair takes threads
        for one in several:
            do(one)
        return
    pool, interrupted = ThreadPoolExecutor(len(several), thread_name_prefix="pytest-kind"), True
    try:
        for future in [pool.submit(do, one) for one in several]:
            future.result()
        interrupted = False
    except Exception:
        interrupted = False
        raise
    finally:
        # Who is interrupted does not wait for commands on nodes: they end when the nodes are removed.
        pool.shutdown(wait=not interrupted, cancel_futures=interrupted)
