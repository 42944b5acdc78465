"""Who comes in to the controller, and who does not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client

import pytest

from pytest_kind.door import Door
from pytest_kind.errors import KindError
from pytest_kind.workers.lessee import Lessee


@pytest.fixture
def door(pytester: pytest.Pytester) -> Iterator[Door]:
    opened = Door(pytester.parseconfig())
    yield opened
    opened.close()


def test_a_wrong_key_opens_nothing(door: Door) -> None:
    port, _ = door.place
    with pytest.raises(AuthenticationError):
        Client(("127.0.0.1", port), authkey=b"guessed")


def test_a_stranger_who_says_nothing_keeps_nobody_out(door: Door) -> None:
    port, key = door.place
    with socket.create_connection(("127.0.0.1", port)):
        Client(("127.0.0.1", port), authkey=key).close()


def test_it_is_on_loopback_alone(door: Door) -> None:
    assert door._socket.getsockname()[0] == "127.0.0.1"


def test_a_controller_that_is_gone_is_told_of(door: Door) -> None:
    lessee = Lessee(*door.place, "gw0")
    door.close()
    with pytest.raises(KindError, match="the controller of this run, which makes the clusters, is gone"), lessee.turn("c", alone=True):
        pytest.fail("somebody answers")


def test_sigterm_ends_a_controller_that_made_nothing_as_ever() -> None:
    code = (
        "import os, pytest, signal, time\n"
        "class Hooks:\n"
        "    def pytest_configure(self, config):\n"
        "        from pytest_kind import sigterm\n"
        "        sigterm.catch(config, lambda: False)\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(9)\n"
        "pytest.main(['--co'], plugins=[Hooks()])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == -signal.SIGTERM
