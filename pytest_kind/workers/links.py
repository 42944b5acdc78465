"""The connections between workers and the controller."""

from __future__ import annotations

import contextlib
import os
import socket
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge


def opened(connection: socket.socket, key: bytes) -> Connection | None:
    """The connection of one who knows the key; nothing for anybody else."""
    link = Connection(connection.detach())
    try:
        deliver_challenge(link, key)
        answer_challenge(link, key)
    except (AuthenticationError, EOFError, OSError):
        link.close()
        return None
    return link


def end(link: Connection) -> None:
    """Ends a connection for whoever waits at either side, also where a child of a test's still has it open. Closing it is its owner's."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(link.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
