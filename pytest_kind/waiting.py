"""The one way to wait: a deadline, a reason last seen, a name."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pytest_kind.errors import WaitTimeout

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NotYet:
    """What a probe returns while the thing has not happened: why not."""

    reason: str


class Deadline:
    """A moment on the monotonic clock. One deadline is shared by all the phases of a piece of work."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())


def wait_for(
    what: str,
    probe: Callable[[], T | NotYet],
    deadline: Deadline,
    *,
    every: float = 0.05,
    on_wait: Callable[[str], None] = lambda _: None,
    seen: Callable[[], str] | None = None,
) -> T:
    """Calls ``probe`` until it returns something else than :class:`NotYet`.

    Args:
        what: what is waited for, for the message.
        probe: must itself return within a second or so: it is not interrupted.
        deadline: after which it raises; the probe is called at least once.
        every: seconds between two probes, from one's end to the next one's start.
        on_wait: told each reason, for progress.
        seen: the reason last seen, of a probe that itself waits.

    Raises:
        WaitTimeout: the deadline passed; its message has the last reason.
    """
    reason = "it has not answered"
    with _told(what, lambda: reason if seen is None else seen()):
        while True:
            found = probe()
            if not isinstance(found, NotYet):
                return found
            reason = found.reason
            if deadline.left <= 0:
                raise WaitTimeout(what, deadline.seconds, reason)
            on_wait(reason)
            time.sleep(min(every, deadline.left))  # the only sleep of the package: a poll's own period


@contextlib.contextmanager
def _told(what: str, seen: Callable[[], str]) -> Iterator[None]:
    """Who breaks a wait off (Ctrl-C, a time limit of others) is told what it was for."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception):
            error.add_note(f"{what}: broken off; last seen: {seen()}")
        raise
