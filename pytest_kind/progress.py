"""Progress of long work, for whoever watches: a terminal, a CI log, nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """Says what is being done, for how long, and how it ended. This base form says nothing.

    The edge hands in a form that writes to pytest's terminal or to standard error.
    """

    timings: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, what: str, usual: float | None = None) -> Iterator[list[str]]:
        """A piece of work with a beginning and an end. What is put into the list that it gives is said at its end.

        Args:
            what: in a few words.
            usual: how many seconds it usually takes, where that is known and long.
        """
        start, details = time.monotonic(), list[str]()
        self._begin(what, usual)
        ended = "failed"
        try:
            yield details
            ended = "done"
        finally:
            seconds = time.monotonic() - start
            self.timings.append((what, seconds))
            self._end(what, seconds, ended, details)

    @contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """A time in which something goes on that says for itself how it ends; ticks show it meanwhile."""
        self._begin(what, None)
        try:
            yield
        finally:
            self._forget()

    def note(self, text: str) -> None:
        """One line that stays."""

    def tick(self, detail: str = "") -> None:
        """Called often while a step runs, so that a form can show that time passes."""

    def _begin(self, what: str, usual: float | None) -> None:
        pass

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        pass

    def _forget(self) -> None:
        pass


CLEARED = "\r\x1b[2K"
"""What empties the line that the cursor is in."""
_MINUTES_FROM = 100
_REDRAW_SECONDS = 0.2


def _about(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f" (about {seconds:.0f} s)" if seconds < _MINUTES_FROM else f" (about {seconds / 60:.0f} min)"


def _in_brackets(details: Sequence[str]) -> str:
    return f" ({', '.join(details)})" if details else ""


@dataclass(slots=True)
class PlainProgress(Progress):
    """A line when a step that takes long begins and one when it ends, and a sign of life every 30 seconds: for CI logs."""

    write: Callable[[str], None] = lambda _: None
    every: float = 30.0
    _steps: list[tuple[str, float]] = field(default_factory=list)
    _last: float = 0.0

    def note(self, text: str) -> None:
        self.write(f"kind: {text}\n")

    def tick(self, detail: str = "") -> None:
        now = time.monotonic()
        if self._steps and now - self._last > self.every:
            self._last = now
            what, start = self._steps[-1]
            self.write(f"kind: {what}: {now - start:.0f} s so far{detail and ', ' + detail}\n")

    def _begin(self, what: str, usual: float | None) -> None:
        self._last = time.monotonic()
        self._steps.append((what, self._last))
        if usual is not None:
            self.write(f"kind: {what}{_about(usual)} …\n")

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        self._steps.pop()
        self.write(f"kind: {what}: {ended} in {seconds:.1f} s{_in_brackets(details)}\n")

    def _forget(self) -> None:
        self._steps.pop()


@dataclass(slots=True)
class TerminalProgress(Progress):
    """One line that is rewritten while a step runs, and one that stays when a step took over a second."""

    write: Callable[[str], None] = lambda _: None
    width: int = 80
    _steps: list[tuple[str, float, float | None]] = field(default_factory=list)
    _last: float = 0.0

    def note(self, text: str) -> None:
        self._stay(f"kind: {text}")

    def tick(self, detail: str = "") -> None:
        now = time.monotonic()
        if self._steps and now - self._last > _REDRAW_SECONDS:
            self._last = now
            what, start, usual = self._steps[-1]
            self._line(f"kind: {what}: {now - start:.0f} s{_about(usual)}{detail and ' · ' + detail}")

    def _line(self, text: str) -> None:
        self.write(CLEARED + " ".join(text.splitlines())[: self.width - 1])

    def _stay(self, text: str) -> None:
        self.write(f"{CLEARED}{text}\n")

    def _begin(self, what: str, usual: float | None) -> None:
        self._steps.append((what, time.monotonic(), usual))
        self._line(f"kind: {what}{_about(usual)} …")

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        self._steps.pop()
        if seconds > 1 or ended != "done":
            self._stay(f"kind: {what}: {ended} in {seconds:.1f} s{_in_brackets(details)}")
        else:
            self._line("")

    def _forget(self) -> None:
        self._steps.pop()
        self._line("")
