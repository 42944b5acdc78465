"""Which server of this machine is meant, and how it is connected to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

from pytest_kind.api.port_forward import reset
from pytest_kind.errors import UsageError
from pytest_kind.toolbox.reach.tunnel import Connect, acknowledge_at_once

_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_HIGHEST = 65535
_CHUNK = 64 << 10
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - a server that listens everywhere is on loopback, too


def address_of(server: Any) -> tuple[str, int]:  # noqa: ANN401 - what has an address is seen when it is asked
    """Where a server is on this machine.

    Args:
        server: its port, on 127.0.0.1; its host and port; a listening socket; or an object that has one: of ``socketserver`` and
            ``http.server`` (``server_address``), of asyncio (``sockets``).

    Raises:
        UsageError: it is none of these, or does not listen.
    """
    found: Any = server
    if isinstance(server, int) and not isinstance(server, bool):
        found = ("127.0.0.1", server)
    elif getattr(server, "server_address", None) is not None:
        found = server.server_address
    elif getattr(server, "sockets", None):
        found = server.sockets[0].getsockname()
    elif hasattr(server, "getsockname"):
        found = server.getsockname()
    if isinstance(found, (tuple, list)) and len(found) >= 2:  # noqa: PLR2004 - a host and a port; IPv6 has more
        host, port = found[:2]
        if isinstance(host, str) and isinstance(port, int) and 0 < port <= _HIGHEST:
            return _ANY.get(host, host), port
    raise UsageError(
        f"expose: server: {server!r} is not accepted; accepted are a port from 1 to {_HIGHEST}, (HOST, PORT), a listening TCP socket, "
        "or a server of http.server, socketserver or asyncio that listens"
    )


@contextlib.asynccontextmanager
async def straight(address: tuple[str, int]) -> AsyncIterator[Connect]:
    """Connections to the server as they are."""
    yield lambda: asyncio.open_connection(*address)


@contextlib.asynccontextmanager
async def without_tls(address: tuple[str, int], context: ssl.SSLContext) -> AsyncIterator[Connect]:
    """Connections whose TLS ends here: the server gets what is inside.

    asyncio ends TLS for servers that it listens for, so there is one, on loopback, for as long as this lasts.
    """
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        try:
            there = await asyncio.open_connection(*address)
        except OSError:
            reset(writer)
            return
        await _both_ways((reader, writer), there)

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=1024)
    try:
        yield lambda: asyncio.open_connection(*front.sockets[0].getsockname())
    finally:
        front.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _both_ways(one: _Ends, other: _Ends) -> None:
    both = [asyncio.create_task(_copy(one, other[1])), asyncio.create_task(_copy(other, one[1]))]
    writers = one[1], other[1]
    try:
        await asyncio.gather(*both)
        for writer in writers:
            writer.close()
    except (OSError, asyncio.CancelledError):
        for writer in writers:
            reset(writer)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _copy(source: _Ends, writer: asyncio.StreamWriter) -> None:
    acknowledge_at_once(source[1])
    while content := await source[0].read(_CHUNK):
        writer.write(content)
        await writer.drain()
        acknowledge_at_once(source[1])
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()  # TLS has one end for both directions
