"""The connections of one relay, each led to the server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_kind.api.port_forward import reset
from pytest_kind.errors import EngineError
from pytest_kind.toolbox.reach.frames import WINDOW, Frame, Kind, count_of, taken
from pytest_kind.toolbox.reach.layer import Layer, Nothing, ServerTls
from pytest_kind.toolbox.reach.relay import Relay

_CHUNK = 64 << 10


@dataclass(frozen=True, slots=True)
class Server:
    """Where connections are led.

    Attributes:
        address: on this machine.
        context: for TLS that ends before it.
        told: is told why a connection broke.
    """

    address: tuple[str, int]
    context: ssl.SSLContext | None
    told: Callable[[str], None]

    def layer(self) -> Layer:
        """Of a new connection."""
        return Nothing() if self.context is None else ServerTls(self.context)


@dataclass(slots=True)
class _Stream:
    """One connection: what has come from the client and not been written yet, and how much may be sent to it."""

    number: int
    client: str
    layer: Layer
    come: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    room: int = WINDOW
    roomy: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    broken: bool = False


class Streams:
    """All of them, until the relay ends.

    Args:
        going: is called when the relay passes clients on.
    """

    def __init__(self, relay: Relay, server: Server, going: Callable[[], None]) -> None:
        self._relay, self._server, self._going = relay, server, going
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
        if frame.kind is Kind.GO:
            self._going()
        elif frame.kind is Kind.OPEN:
            stream = _Stream(frame.stream, frame.content.decode(), self._server.layer())
            task = asyncio.create_task(self._serve(stream))
            self._streams[frame.stream] = stream, task
            task.add_done_callback(lambda _: self._streams.pop(stream.number, None))
        elif frame.stream in self._streams:  # else it has ended here, which the relay did not know yet
            stream, task = self._streams[frame.stream]
            if frame.kind is Kind.RESET:
                stream.broken = True
                task.cancel()
                if not stream.layer.ready:
                    self._server.told(f"a connection of {stream.client}: TLS failed: it broke off at the beginning; does it believe the authority?")
            elif frame.kind is Kind.TAKEN:
                stream.room += count_of(frame)
                stream.roomy.set()
            else:
                stream.come.put_nowait(frame)

    async def _serve(self, stream: _Stream) -> None:
        try:
            reader, writer = await asyncio.open_connection(*self._server.address)
        except OSError as error:
            self._server.told(f"a connection of {stream.client}: nobody takes it here: {error}")
            self._emit(Frame(stream.number, Kind.RESET))
            return
        both = [asyncio.create_task(self._up(stream, writer)), asyncio.create_task(self._down(stream, reader, writer))]
        try:
            await asyncio.gather(*both)
            writer.close()
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                self._server.told(f"a connection of {stream.client}: TLS failed: {error}")
            self._emit(Frame(stream.number, Kind.RESET))
            reset(writer)
        except asyncio.CancelledError:
            if stream.broken:
                reset(writer)
            raise
        finally:
            for task in both:
                task.cancel()
            await self._close(writer, both)

    async def _close(self, writer: asyncio.StreamWriter, both: list[asyncio.Task[None]]) -> None:
        """Ends the connection to the server, at once where everything ends."""
        try:
            if not writer.is_closing():
                writer.transport.abort()
            await asyncio.gather(*both, writer.wait_closed(), return_exceptions=True)
        finally:
            writer.transport.abort()

    async def _up(self, stream: _Stream, writer: asyncio.StreamWriter) -> None:
        while (frame := await stream.come.get()).kind is Kind.DATA:
            content = stream.layer.decode(frame.content)
            await self._flush(stream)  # a handshake has something to say, too
            if stream.layer.ready:
                stream.ready.set()
            writer.write(content)
            await writer.drain()
            self._emit(taken(stream.number, len(frame.content)))
        writer.write_eof()

    async def _down(self, stream: _Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if stream.layer.ready:
            stream.ready.set()
        await stream.ready.wait()
        _acknowledge_at_once(writer)
        while content := await reader.read(_CHUNK):
            stream.layer.encode(content)
            await self._flush(stream)
            _acknowledge_at_once(writer)
        stream.layer.end()
        await self._flush(stream)
        self._emit(Frame(stream.number, Kind.END))

    async def _flush(self, stream: _Stream) -> None:
        """Sends to the client what is to be sent, as it takes it."""
        async with stream.sending:
            while content := stream.layer.take(min(_CHUNK, stream.room) or 1):
                stream.room -= len(content)
                self._emit(Frame(stream.number, Kind.DATA, content))
                while stream.room <= 0:
                    stream.roomy.clear()
                    await stream.roomy.wait()


def _acknowledge_at_once(writer: asyncio.StreamWriter) -> None:
    """For what is read next from a server, which may write a head and a body apart, as ``http.server`` does.

    Its kernel holds the second back until the first is acknowledged, and ours would take 40 ms for that. Linux alone can be asked,
    and forgets it again.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        one: socket.socket = writer.get_extra_info("socket")
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
