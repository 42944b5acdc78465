"""Answers of the API that go on: lines as they come, each waited for until a deadline and no longer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pytest_kind.api.http import ApiError
from pytest_kind.api.reasons import failure, refusal
from pytest_kind.waiting import Deadline

_OK, _LEAST = 200, 0.001


class Late(Exception):
    """The deadline passed before the next line came."""


class Lines:
    """The lines of an answer, without their ends.

    On a connection of its own: urllib3 has one timeout for all reads of an answer, and a line that comes just before the
    deadline would give the next one as long again.

    Raises:
        ApiError: the server cannot be reached; while lines are read: it refused, or ended the connection in the middle.
        Late: in time there was nothing.
    """

    def __init__(self, server: str, path: str, context: ssl.SSLContext, deadline: Deadline) -> None:
        where = urlsplit(server)
        self._deadline, self._server, self._path, self._closed = deadline, server, path, False
        self._answer: http.client.HTTPResponse | None = None
        self._connection = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=max(deadline.left, _LEAST), context=context)
        try:
            self._connection.request("GET", path, headers={"Accept": "application/json, */*"})
        except BaseException as error:
            self.close()
            raise self._told(error) from error
        # The connection gives its socket away where the server will close it.
        self._socket: socket.socket = self._connection.sock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        try:
            # Not before: where a container has written nothing yet, neither has the server.
            answer = self._answer = self._connection.getresponse()
            if answer.status != _OK:
                raise ApiError(answer.status, refusal(answer.status, answer.read()), f"GET {self._path}")
            while line := self._next(answer):
                yield line.decode(errors="replace").removesuffix("\n")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not self._closed:  # by another thread, which wants no more of it
                raise self._told(error) from error

    def _next(self, answer: http.client.HTTPResponse) -> bytes:
        if answer.isclosed():  # newer Pythons let go of the socket with the last byte, not with the attempt to read one more
            return b""
        self._socket.settimeout(max(self._deadline.left, _LEAST))
        return answer.readline()

    def cut(self) -> None:
        """Ends it for a thread that waits for a line; for other threads."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection."""
        self._closed = True
        if self._answer is not None:
            self._answer.close()
        self._connection.close()

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, TimeoutError):
            return Late()
        if isinstance(error, OSError | http.client.HTTPException | ValueError):
            return ApiError(0, failure(error), f"GET {self._server}{self._path}")
        return error
