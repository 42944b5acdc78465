"""A cluster that is begun before anybody asks for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from pytest_kind.errors import told

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster
    from pytest_kind.progress import Progress
    from pytest_kind.workers.progress import HeldProgress

_LOOK_SECONDS, _END_SECONDS = 0.2, 60.0


class Begun:
    """Is made in a thread, for the first who asks for such a one.

    Args:
        key: who asks with an equal one wants this cluster.
        progress: shows when somebody waits.
        make: makes it.

    Attributes:
        cluster: what was made, when it is ready.
    """

    def __init__(self, key: Hashable, progress: HeldProgress, make: Callable[[], KindCluster]) -> None:
        self._key, self._progress, self._make = key, progress, make
        self._lock = threading.Lock()
        self._taken = self._ended = False
        self.cluster: KindCluster | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="pytest-kind-begun", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.cluster = self._make()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for the cluster
            self._error = error

    def take(self, key: Hashable, shown: Progress) -> KindCluster | None:
        """The cluster, when it is ready; nothing where another one is wanted, or somebody has it.

        Args:
            shown: where its making shows from now on, with what it has said so far.

        Raises:
            KindError: what making it raised.
        """
        with self._lock:
            if self._taken or self._ended or key != self._key:
                return None
            self._taken = True
        self._progress.show(shown)
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.cluster

    def end(self, remove: Callable[[], None]) -> str | None:
        """Breaks off what is still being done. Returns a line about a cluster that nobody asked for, the first time.

        Args:
            remove: takes away what is there of it: a boot that waits for a machine ends when that is gone.
        """
        with self._lock:
            ended, self._ended = self._ended, True
        doing, last = self._thread.is_alive(), time.monotonic() + _END_SECONDS
        self._progress.stop()
        while self._thread.is_alive() and time.monotonic() < last:
            remove()
            self._thread.join(_LOOK_SECONDS)
        if ended or self._taken:
            return None
        if self._error is not None and not doing:
            return f"--kind-ahead: the cluster that was begun with the session failed, and no test asked for it: {told(self._error).splitlines()[0]}"
        return "--kind-ahead: no test asked for the cluster that was begun with the session"
