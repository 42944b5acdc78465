"""Keeps the leases of machines from running out while this process lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

LEASE_FILE = "/run/pytest-kind-lease"


class Renewal:
    """A thread that touches the lease file of machines, four times per lease. It has a connection of its own."""

    def __init__(self, connect: Callable[[], Provider], containers: Iterable[str], lease: int) -> None:
        self._connect, self._every = connect, lease / 4
        self._containers = frozenset(containers)
        self._stop = threading.Event()
        self.last_failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="pytest-kind-lease", daemon=True)
        self._thread.start()

    def of(self, containers: Iterable[str]) -> None:
        """From now on these are its machines."""
        self._containers = frozenset(containers)

    def leave_out(self, container: str) -> None:
        """One that is off or frozen for a while: its lease ends with it, or stands still."""
        self._containers -= {container}

    def take_in(self, container: str) -> None:
        """It is back."""
        self._containers |= {container}

    def stop(self) -> None:
        """Ends the thread; the machines have what is left of their lease."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        provider: Provider | None = None
        while not self._stop.wait(self._every):
            failures = []
            for container in self._containers:
                try:
                    provider = provider or self._connect()
                    provider.exec(container, ["touch", LEASE_FILE], seconds=10)
                except KindError as error:
                    # Tried again three more times before the lease runs out; shown if the cluster is lost by it.
                    if container in self._containers:
                        failures.append(str(error))
                    provider = None
            self.last_failure = "; ".join(failures) or None
        if provider is not None:
            provider.close()
