"""Connections that a relay took on its node, led to a server of this machine. All of them are tasks of one thread.

When the relay ends, because its node stopped, it is started again at the same port as soon as that is possible.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from pytest_kind.api.port_forward import reset
from pytest_kind.errors import EngineError, KindError
from pytest_kind.toolbox.reach.frames import WINDOW, Frame, Kind, count_of, taken
from pytest_kind.toolbox.reach.relay import Relay

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Serve = Callable[[], contextlib.AbstractAsyncContextManager[Connect]]

_LOG = logging.getLogger(__name__)
_CHUNK = 64 << 10
_PAUSE = 0.1  # seconds between two attempts to start a relay again


@contextlib.contextmanager
def tunnelling(tunnel: Tunnel) -> Iterator[None]:
    """Passes connections on until the block ends; then they are cut, and no thread, socket or relay is left."""
    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(tunnel.run(started)), name="pytest-kind-expose", daemon=True)
    thread.start()
    started.wait()
    try:
        yield
    finally:
        tunnel.stop()
        thread.join()


class Tunnel:
    """From a relay to a server.

    Args:
        relay: one that listens.
        again: starts another one in its place, or raises a ``KindError``. It may block.
        serve: what lets us connect to the server, entered in the thread of the connections.
    """

    def __init__(self, relay: Relay, again: Callable[[], Relay], serve: Serve) -> None:
        self._relay, self._again, self._serve = relay, again, serve
        self.failure: str | None = None
        """Why connections were broken last, if any were."""
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    async def run(self, started: threading.Event) -> None:
        """Runs until :meth:`stop`."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        started.set()
        relay: Relay | None = self._relay
        async with self._serve() as connect:
            while relay is not None:
                await self._pass_on(relay, connect)
                relay = None if self._stopping.is_set() else await self._next(relay)

    def stop(self) -> None:
        """Ends it; for other threads."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _pass_on(self, relay: Relay, connect: Connect) -> None:
        streams = Streams(relay, connect, self._told)
        ending = asyncio.create_task(self._stopping.wait())
        passing = asyncio.create_task(streams.run())
        try:
            await asyncio.wait({ending, passing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await asyncio.to_thread(relay.close)  # which also ends what `passing` waits for
            ending.cancel()
            await passing

    async def _next(self, ended: Relay) -> Relay | None:
        """Another relay in the place of one that has ended; nothing when there is no need any more."""
        why = ended.complaints or "the node stopped, or the engine's connection broke"
        self._told(f"the relay on {ended.post.node} ended ({why}); nothing is passed on until it runs again")
        while not self._stopping.is_set():
            try:
                return await asyncio.to_thread(self._again)
            except KindError as error:
                self.failure = str(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _PAUSE)
        return None

    def _told(self, why: str) -> None:
        self.failure = why
        _LOG.warning("expose: %s", why)


@dataclass(slots=True)
class _Stream:
    """One connection: what has come for the server and not been written yet, and how much may be sent to the client."""

    number: int
    client: str
    come: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    room: int = WINDOW
    roomy: asyncio.Event = field(default_factory=asyncio.Event)


class Streams:
    """The connections of one relay."""

    def __init__(self, relay: Relay, connect: Connect, told: Callable[[str], None]) -> None:
        self._relay, self._connect, self._told = relay, connect, told
        self._streams: dict[int, tuple[_Stream, asyncio.Task[None]]] = {}
        self._out = bytearray()
        self._something = asyncio.Event()

    async def run(self) -> None:
        """Runs until the relay has ended; then every connection is cut."""
        sending = asyncio.create_task(self._send())
        self._emit(Frame(0, Kind.GO))
        try:
            while frames := list(await asyncio.to_thread(self._relay.frames)):
                for frame in frames:
                    self._take(frame)
        finally:
            tasks = [sending, *(task for _, task in self._streams.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        with contextlib.suppress(EngineError):  # it has ended: whoever receives learns so, too
            while await self._something.wait():
                self._something.clear()
                content, self._out = bytes(self._out), bytearray()
                await asyncio.to_thread(self._relay.send, content)

    def _emit(self, frame: Frame) -> None:
        self._out += frame.encode()
        self._something.set()

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            stream = _Stream(frame.stream, frame.content.decode())
            task = asyncio.create_task(self._serve(stream))
            self._streams[frame.stream] = stream, task
            task.add_done_callback(lambda _: self._streams.pop(stream.number, None))
            return
        stream, task = self._streams.get(frame.stream, (None, None))  # type: ignore[assignment]
        if stream is None:
            return  # it has ended here, which the relay did not know yet
        if frame.kind is Kind.RESET:
            task.cancel()
        elif frame.kind is Kind.TAKEN:
            stream.room += count_of(frame)
            stream.roomy.set()
        else:
            stream.come.put_nowait(frame)

    async def _serve(self, stream: _Stream) -> None:
        try:
            reader, writer = await self._connect()
        except OSError as error:
            self._told(f"a connection from {stream.client}: the server does not take it: {error}")
            self._emit(Frame(stream.number, Kind.RESET))
            return
        both = [asyncio.create_task(self._up(stream, writer)), asyncio.create_task(self._down(stream, reader, writer))]
        try:
            await asyncio.gather(*both)
            writer.close()
        except OSError:
            self._emit(Frame(stream.number, Kind.RESET))
            reset(writer)
        except asyncio.CancelledError:
            reset(writer)
            raise
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _up(self, stream: _Stream, writer: asyncio.StreamWriter) -> None:
        while (frame := await stream.come.get()).kind is Kind.DATA:
            writer.write(frame.content)
            await writer.drain()
            self._emit(taken(stream.number, len(frame.content)))
        if writer.can_write_eof():
            writer.write_eof()

    async def _down(self, stream: _Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            while not stream.room:
                stream.roomy.clear()
                await stream.roomy.wait()
            acknowledge_at_once(writer)
            content = await reader.read(min(_CHUNK, stream.room))
            if not content:
                break
            stream.room -= len(content)
            self._emit(Frame(stream.number, Kind.DATA, content))
        self._emit(Frame(stream.number, Kind.END))


def acknowledge_at_once(writer: asyncio.StreamWriter) -> None:
    """For what is read next from a server, which may write a head and a body apart, as ``http.server`` does.

    Its kernel holds the second back until the first is acknowledged, and ours would take 40 ms for that. Linux alone can be asked,
    and forgets it again.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        one: socket.socket = writer.get_extra_info("socket")
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
