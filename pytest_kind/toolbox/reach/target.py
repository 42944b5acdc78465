"""Which server of this machine is meant."""

from __future__ import annotations

from typing import Any

from pytest_kind.errors import UsageError

_HIGHEST = 65535
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
