"""Keeps a node's lease from running out while this process lives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

LEASE_FILE = "/run/pytest-kind-lease"


class Renewal:
    """A thread that touches the lease file of nodes, four times per lease. It has a connection of its own."""

    def __init__(self, connect: Callable[[], Provider], containers: list[str], lease: int) -> None:
        self._connect, self._containers, self._every = connect, containers, lease / 4
        self._stop = threading.Event()
        self.last_failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="pytest-kind-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; the nodes have what is left of their lease."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        provider: Provider | None = None
        while not self._stop.wait(self._every):
            try:
                provider = provider or self._connect()
                for container in self._containers:
                    provider.exec(container, ["touch", LEASE_FILE], seconds=10)
                self.last_failure = None
            except KindError as error:
                # Tried again three more times before the lease runs out; shown if the cluster is lost by it.
                self.last_failure = str(error)
                provider = None
        if provider is not None:
            provider.close()
