"""A relay on a node (``node-relay``), as this process holds it: a command of the engine's with which it speaks."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError
from pytest_kind.toolbox.reach.frames import WINDOW, Decoder, Frame, Kind

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Conversation, Provider

_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a relay is to be.

    Attributes:
        node: its name, for messages.
        container: its container.
        addresses: where it listens.
        word: what it says to whoever connects before it is told to go.
        port: 0: a free one.
    """

    node: str
    container: str
    addresses: tuple[str, ...]
    word: str
    port: int = 0

    def at(self, port: int) -> Post:
        """The same at a port."""
        return replace(self, port=port)


def random_word() -> str:
    """One that nobody else says."""
    return secrets.token_hex(8)


class Relay:
    """One that listens. One thread receives, and one sends."""

    def __init__(self, post: Post, conversation: Conversation) -> None:
        self._conversation, self._decoder = conversation, Decoder()
        self.post = post
        self.port = 0

    @classmethod
    def open(cls, provider: Provider, post: Post) -> Relay:
        """Starts one, and waits until it listens.

        Raises:
            KindError: the engine or the node refused, or it did not listen within 10 s.
        """
        program = (resources.files("pytest_kind.toolbox.reach") / "node-relay").read_text(encoding="utf-8")
        argv: Sequence[str] = ["perl", "-e", program, post.word, str(WINDOW), str(post.port), *post.addresses]
        self = cls(post, provider.converse(post.container, argv))
        late = threading.Timer(_SECONDS, self.close)
        late.start()
        try:
            first = next(self.frames(), None)
        except BaseException:
            self.close()
            raise
        finally:
            late.cancel()
        if first is None or first.kind is not Kind.LISTENING:
            said = self.complaints or f"it did not listen within {_SECONDS:.0f} s"
            self.close()
            raise KindError(f"expose: the relay on {post.node} did not start: {said}")
        self.port = int(first.content)
        return self

    def frames(self) -> Iterator[Frame]:
        """Those that have come, at least one; none when it has ended.

        Raises:
            EngineError: the engine's connection broke.
        """
        found: list[Frame] = []
        while not found:
            piece = self._conversation.receive()
            if not piece:
                break
            found += self._decoder.feed(piece)
        return iter(found)

    def send(self, content: bytes) -> None:
        """Sends frames.

        Raises:
            EngineError: it has ended.
        """
        self._conversation.send(content)

    @property
    def complaints(self) -> str:
        """What it wrote to standard error."""
        return self._conversation.complaints

    def close(self) -> None:
        """Ends it, and lets go of whoever receives. Can be called by any thread, and twice."""
        self._conversation.close()
