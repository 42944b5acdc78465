"""Clusters made beside the tests, for whoever comes next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError

if TYPE_CHECKING:
    from pytest_kind.cluster import Maker, Request

# How long one that nobody takes is there, in seconds.
SPARE_SECONDS = 3600


class Warming:
    """A thread that makes spares of a kind, one after the other.

    Args:
        maker: with a connection and a progress of its own.
        ended: closes them.
    """

    def __init__(self, maker: Maker, request: Request, count: int, ended: Callable[[], None]) -> None:
        self._maker, self._count, self._ended = maker, count, ended
        self._request = replace(request, name=None, keep=False, lease=SPARE_SECONDS)
        self._stopped = threading.Event()
        self.made: list[str] = []
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="pytest-kind-warm", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when all are there, or one failed."""
        self._thread.join()

    def stop(self) -> None:
        """Begins no further one."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            while len(self.made) < self._count and not self._stopped.is_set():
                self.made.append(self._maker.warm(self._request))
        except KindError as error:
            self.failure = str(error).splitlines()[0]
        finally:
            self._ended()
