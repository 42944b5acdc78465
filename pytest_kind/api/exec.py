"""A command in a container, through the API server: what ``kubectl exec`` does, in this process.

Kubernetes' ``v5.channel.k8s.io`` (KEP-4006; the API server's default since 1.30): a message begins with its channel, 0 standard
input, 1 standard output, 2 standard error, 3 a Status that says how the command ended, and 255 with a channel's number ends
that channel, which earlier versions cannot: a program that reads its input to the end would wait for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pytest_kind.api.websocket import Broken, Refused, WebSocket
from pytest_kind.waiting import Deadline

T = TypeVar("T")
PROTOCOL = "v5.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS, _END = 0, 1, 2, 3, 255
_CHUNK = 64 << 10


@dataclass(slots=True)
class Ran:
    """What is known of a command.

    Attributes:
        status: how it ended, a Status object; nothing while it runs.
    """

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: dict[str, Any] | None = None

    @property
    def code(self) -> int | None:
        """Its exit status; nothing where it was not started, or did not end."""
        status = self.status or {}
        if status.get("status") == "Success":
            return 0
        causes = (status.get("details") or {}).get("causes") or ()
        said = [one.get("message") for one in causes if one.get("reason") == "ExitCode"]
        return int(said[0]) if said else None


def run(server: str, path: str, context: ssl.SSLContext, given: bytes | None, deadline: Deadline) -> Ran:
    """Runs it to its end, or to the deadline: then there is no ``status``.

    Args:
        path: of the API, with everything.
        given: its standard input, where it has one.

    Raises:
        Refused: by the API server.
        Broken: the connection is.
    """
    return _finished(_run(server, path, context, given, deadline))


async def _run(server: str, path: str, context: ssl.SSLContext, given: bytes | None, deadline: Deadline) -> Ran:
    ran = Ran()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline.left):
            websocket = await WebSocket.connect(server, path, PROTOCOL, context)
            sending = asyncio.create_task(_send(websocket, given))
            try:
                await _receive(websocket, ran)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                await websocket.close()
    return ran


async def _send(websocket: WebSocket, given: bytes | None) -> None:
    if given is None:
        return
    for start in range(0, len(given), _CHUNK):
        await websocket.send(bytes([_STDIN]) + given[start : start + _CHUNK])
    await websocket.send(bytes([_END, _STDIN]))


async def _receive(websocket: WebSocket, ran: Ran) -> None:
    while (message := await websocket.receive()) is not None:
        if message[:1] == bytes([_STDOUT]):
            ran.stdout += message[1:]
        elif message[:1] == bytes([_STDERR]):
            ran.stderr += message[1:]
        elif message[:1] == bytes([_STATUS]):
            ran.status = json.loads(message[1:])
            return
    raise Broken("the connection to the API server ended before the command did")


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """What it comes to, also for a caller who is in an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="pytest-kind-exec") as pool:
        return pool.submit(asyncio.run, work).result()


__all__ = ["PROTOCOL", "Broken", "Ran", "Refused", "run"]
