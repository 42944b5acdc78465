"""Progress of work that somebody else may break off: it does so at the next sign of life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pytest_kind.errors import KindError
from pytest_kind.progress import Progress


class RunEnds(KindError):
    """The run ends before this was done."""

    def __init__(self) -> None:
        super().__init__("the run ends")


class StoppableProgress(Progress):
    """Shows in another one.

    Args:
        shown: where; with lines that stay, since several may write at once.
        prefix: before each line.
    """

    def __init__(self, shown: Progress, prefix: str = "") -> None:
        super().__init__()
        self._shown, self._prefix, self._stopped = shown, prefix, threading.Event()

    def stop(self) -> None:
        """The work is to end."""
        self._stopped.set()

    def note(self, text: str) -> None:
        self._shown.note(f"{self._prefix}{text}")

    def tick(self, detail: str = "") -> None:
        if self._stopped.is_set():
            raise RunEnds
        self._shown.tick(detail)

    def _begin(self, what: str, usual: float | None) -> None:
        if self._stopped.is_set():
            raise RunEnds
        self._shown._begin(f"{self._prefix}{what}", usual)  # noqa: SLF001 - the same class

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        self._shown._end(f"{self._prefix}{what}", seconds, ended, details)  # noqa: SLF001

    def _forget(self) -> None:
        self._shown._forget()  # noqa: SLF001


class HeldProgress(StoppableProgress):
    """Says nothing until somebody waits for the work; then all that it would have said, and what it says from then on."""

    def __init__(self) -> None:
        super().__init__(Progress())
        self._lock = threading.RLock()
        self._held: list[Callable[[], None]] | None = []

    def show(self, shown: Progress) -> None:
        """Somebody waits, and looks there."""
        with self._lock:
            self._shown = shown
            held, self._held = self._held or [], None
            for say in held:
                say()

    def note(self, text: str) -> None:
        note = super().note
        self._say(lambda: note(text))

    def _begin(self, what: str, usual: float | None) -> None:
        self.tick()  # what is not shown is broken off as well
        begin = super()._begin
        self._say(lambda: begin(what, usual))

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        end = super()._end
        self._say(lambda: end(what, seconds, ended, details))

    def _forget(self) -> None:
        self._say(super()._forget)

    def _say(self, say: Callable[[], None]) -> None:
        with self._lock:
            if self._held is None:
                say()
            else:
                self._held.append(say)
