"""What a worker asks and does not wait for any more."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import pytest

from pytest_kind.workers.broker import Broker, Home
from pytest_kind.workers.lessee import Lessee
from pytest_kind.workers.links import opened

KEY = b"key"


class _Late(Exception):
    """It takes too long."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where a broker listens that has no clusters."""
    broker = Broker(cast("Home", None))

    def serve(connection: socket.socket) -> None:
        link = opened(connection, KEY)
        assert link is not None
        broker.serve(link)

    def listen() -> None:
        while True:
            try:
                connection, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=listen, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
    broker.close()


@pytest.fixture
def limit() -> Iterator[Callable[[float], object]]:
    """Sets how many seconds from now a signal's handler raises."""

    def handler(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, handler)
    yield partial(signal.setitimer, signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_turn_that_is_broken_off_keeps_nobody_waiting(port: int, limit: Callable[[float], object]) -> None:
    one, other = Lessee(port, KEY, "gw0"), Lessee(port, KEY, "gw1")
    limit(0.3)
    with one.turn("c", alone=True), pytest.raises(_Late) as late, other.turn("c", alone=True):
        pytest.fail("both are alone")
    limit(10)
    with one.turn("c", alone=True):
        pass
    del late  # pytest has a failed test's frames, and what is open in them, until the run's end
