"""From a port of this machine to one of a pod, through the API server: what ``kubectl port-forward`` does, in this process.

Each connection has a WebSocket of its own (``v4.channel.k8s.io``: channel 0 is data, channel 1 an error's text, and each
begins with the port's number; Kubernetes' pkg/kubelet/portforward/websocket.go). All of them are tasks of one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_kind.api.websocket import Refused, WebSocket
from pytest_kind.errors import KindError, reason_first
from pytest_kind.waiting import Deadline, NotYet

if TYPE_CHECKING:
    from pytest_kind.api.http import Api

PROTOCOL = "v4.channel.k8s.io"
_LOG = logging.getLogger(__name__)
_CHUNK = 64 << 10
_PAUSE = 0.05  # seconds between two attempts
_PROBATION = 0.1
_SILENCE = 1.0
_DATA, _ERROR = 0, 1


@dataclass(frozen=True, slots=True)
class PodPort:
    """Where connections go.

    Attributes:
        uid: of the pod, whose name another one may get.
    """

    namespace: str
    pod: str
    port: int
    uid: str = ""

    @property
    def path(self) -> str:
        """Of the API."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}/portforward?ports={self.port}"

    def __str__(self) -> str:
        return f"port {self.port} of pod {self.namespace}/{self.pod}"


class ConnectionLost(KindError):
    """The node could not connect to the pod's port, or lost it; the message is its own."""


@contextlib.contextmanager
def forwarding(tunnel: Tunnel, listener: socket.socket) -> Iterator[None]:
    """Serves a listening socket until the block ends; then its connections are cut, and no thread or socket is left."""
    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(tunnel.serve(listener, started)), name="pytest-kind-port-forward", daemon=True)
    thread.start()
    started.wait()
    try:
        yield
    finally:
        tunnel.stop()
        thread.join()


@dataclass(slots=True)
class _Sent:
    """What was sent while it is not known whether the pod takes the connection: for the next attempt."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    repeatable: bool = True

    def add(self, chunk: bytes) -> None:
        if self.repeatable:
            self.chunks.append(chunk)
            self.size += len(chunk)

    def taken(self) -> None:
        """The pod has the connection, as far as can be known."""
        self.repeatable = False
        self.chunks.clear()


class Tunnel:
    """Connections to one pod, or to the next one when that takes no new ones any more.

    Args:
        api: the API server, as it is reached now.
        find: the pod now; asked for each connection. It may block, and is called by one thread at a time.
        patience: seconds that a connection waits for a pod whose port takes it. A pod is running before its program listens.
        first: the pod, where it is known already.
    """

    def __init__(self, api: Callable[[], Api], find: Callable[[], PodPort | NotYet], patience: float, first: PodPort | None = None) -> None:
        self._api, self._find, self._patience = api, find, patience
        self.last = first
        """The pod that was found last; nothing where it refused."""
        self.failure: str | None = None
        """Why there was no connection last; nothing since one was made."""
        self._looked = 0.0
        self._seen: PodPort | NotYet = NotYet("nobody has looked yet")
        self._connections: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._finding: asyncio.Lock

    async def serve(self, listener: socket.socket, started: threading.Event) -> None:
        """Runs until :meth:`stop`."""
        self._loop, self._stop, self._finding = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
        server = await asyncio.start_server(self._connection, sock=listener)
        started.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def stop(self) -> None:
        """Ends it; for other threads."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def look(self) -> PodPort | NotYet:
        """Where a connection goes that is made now; for other threads."""
        return asyncio.run_coroutine_threadsafe(self._look(), self._loop).result()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            await self._forward(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            reset(writer)
        except (KindError, OSError) as error:
            self.failure = str(error)
            _LOG.warning("port-forward: %s", error)
            reset(writer)
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deadline, sent = Deadline(self._patience), _Sent()
        while True:
            pod = await self._pod(deadline)
            try:
                api = self._api()
                websocket = await WebSocket.connect(api.server, pod.path, PROTOCOL, api.context)
                try:
                    return await self._exchange(websocket, reader, writer, sent)
                finally:
                    await websocket.close()
            except ConnectionLost as error:
                # Refused means that nobody has read what was sent: it can be said again.
                if "connection refused" not in str(error) or not sent.repeatable or not deadline.left:
                    raise ConnectionLost(reason_first(str(error), str(pod))) from error
            except Refused as error:
                if not deadline.left:
                    raise ConnectionLost(reason_first(error.reason, str(pod))) from error
            self.last = None
            await asyncio.sleep(_PAUSE)

    async def _pod(self, deadline: Deadline) -> PodPort:
        while isinstance(found := await self._look(), NotYet):
            if not deadline.left:
                raise ConnectionLost(found.reason)
            await asyncio.sleep(_PAUSE)
        return found

    async def _look(self) -> PodPort | NotYet:
        """One look serves all who came before it began."""
        came = self._loop.time()
        async with self._finding:
            if self._looked <= came:
                begun = self._loop.time()
                self._looked, self._seen = begun, await asyncio.to_thread(self._find)
                self.last, self.failure = (None, self._seen.reason) if isinstance(self._seen, NotYet) else (self._seen, None)
            return self._seen

    async def _exchange(self, websocket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: _Sent) -> None:
        heard = asyncio.Event()
        up = asyncio.create_task(_upwards(reader, websocket, sent))
        down = asyncio.create_task(_downwards(websocket, writer, sent, heard))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            # The protocol cannot say that one direction has ended. Whether the client is gone or waits for an answer is
            # seen by nobody, so what the pod still sends is delivered until it is silent for a second (containerd, given
            # such an end by kubectl, waits for half of one, spoken or not).
            while not down.done():
                heard.clear()
                finished, _ = await asyncio.wait(
                    {down, listening := asyncio.create_task(heard.wait())}, timeout=_SILENCE, return_when=asyncio.FIRST_COMPLETED
                )
                listening.cancel()
                if not finished:
                    return
            down.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)


async def _upwards(reader: asyncio.StreamReader, websocket: WebSocket, sent: _Sent) -> None:
    for chunk in list(sent.chunks):
        await websocket.send(bytes([_DATA]) + chunk)
    while chunk := await reader.read(_CHUNK):
        if sent.repeatable and sent.size >= _CHUNK:
            # Nothing says that the pod took the connection, only that it did not, and that at once.
            await asyncio.sleep(_PROBATION)
            sent.taken()
        sent.add(chunk)
        await websocket.send(bytes([_DATA]) + chunk)


async def _downwards(websocket: WebSocket, writer: asyncio.StreamWriter, sent: _Sent, heard: asyncio.Event) -> None:
    begun: set[int] = set()
    while (message := await websocket.receive()) is not None:
        channel, content = message[0], message[1:]
        if channel not in begun:
            begun.add(channel)  # the port's number
        elif channel == _ERROR:
            raise ConnectionLost(" ".join(content.decode(errors="replace").split()))
        elif content:
            sent.taken()
            heard.set()
            writer.write(content)
            await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a client's connection so that it is seen to be broken: an end of file would look like an empty answer."""
    one: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is broken already
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
