"""Where the workers of a run come in: a socket on loopback, from which nothing is loaded until one comes.

This module is loaded in every run of pytest-xdist of every project that has this plugin installed: pytest and the standard
library only.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_kind import sigterm

if TYPE_CHECKING:
    from pytest_kind.workers.broker import Broker


class Door:
    """Listens on the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._key = secrets.token_bytes(32)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._broker: Broker | None = None
        self._closed = False
        sigterm.catch(config, lambda: self._broker is not None)
        threading.Thread(target=self._listen, name="kind-door", daemon=True).start()

    @property
    def place(self) -> tuple[int, bytes]:
        """What a worker needs to come in."""
        return self._socket.getsockname()[1], self._key

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._socket.accept()
                # Its own thread from the first byte on: a stranger who says nothing keeps nobody out.
                threading.Thread(target=self._let_in, args=(connection,), name="kind-worker", daemon=True).start()

    def _let_in(self, connection: socket.socket) -> None:
        from pytest_kind.controller import Home  # noqa: PLC0415 - for runs that use clusters
        from pytest_kind.workers.broker import Broker  # noqa: PLC0415
        from pytest_kind.workers.links import opened  # noqa: PLC0415

        link = opened(connection, self._key)
        if link is None:
            return
        with self._lock:
            if self._closed:
                link.close()
                return
            if self._broker is None:
                self._broker = Broker(Home(self._config))
        self._broker.serve(link)

    def close(self) -> None:
        """Lets nobody in any more, and removes what was made for those who were."""
        with self._lock:
            self._closed = True
        # Whoever waits in accept() does not notice that its socket is closed.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._broker is not None:
            self._broker.close()
            if self._broker.failed:
                self._fail()

    def _fail(self) -> None:
        """The end of a cluster, which without workers is a test's error, is the run's."""
        session: pytest.Session | None = self._config.pluginmanager.getplugin("session")
        if session is not None and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
