"""Connections that a relay took on its node, led to a server of this machine. All of them are tasks of one thread.

When the relay ends, because its node stopped, it is started again at the same port as soon as that is possible.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Iterator

from pytest_kind.errors import KindError
from pytest_kind.toolbox.reach.relay import Relay
from pytest_kind.toolbox.reach.streams import Server, Streams

_LOG = logging.getLogger(__name__)
_PAUSE = 0.1  # seconds between two attempts to start a relay again


@contextlib.contextmanager
def tunnelling(tunnel: Tunnel) -> Iterator[None]:
    """Passes connections on until the block ends; then they are cut, and no thread, socket or relay is left."""
    going = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(tunnel.run(going)), name="pytest-kind-expose", daemon=True)
    thread.start()
    going.wait()
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
        address: the server's.
        context: for TLS that ends here.
    """

    def __init__(self, relay: Relay, again: Callable[[], Relay], address: tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        self._relay, self._again = relay, again
        self._server = Server(address, context, self._told)
        self.failure: str | None = None
        """Why connections were broken last, if any were."""
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    async def run(self, going: threading.Event) -> None:
        """Runs until :meth:`stop`.

        Args:
            going: set when the relay passes clients on, or has ended.
        """
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        relay: Relay | None = self._relay
        while relay is not None:
            await self._pass_on(relay, going.set)
            going.set()
            relay = None if self._stopping.is_set() else await self._next(relay)

    def stop(self) -> None:
        """Ends it; for other threads."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _pass_on(self, relay: Relay, going: Callable[[], None]) -> None:
        ending = asyncio.create_task(self._stopping.wait())
        passing = asyncio.create_task(Streams(relay, self._server, going).run())
        await asyncio.wait({ending, passing}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        await asyncio.to_thread(relay.close)  # which also ends what `passing` waits for
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
