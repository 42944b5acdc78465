"""Progress on pytest's terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_kind.invocation import progress_form
from pytest_kind.progress import CLEARED, PlainProgress, Progress, TerminalProgress
from pytest_kind.workers.progress import HeldProgress, StoppableProgress

_PROGRESSES: pytest.StashKey[list[Progress]] = pytest.StashKey()


def progresses(config: pytest.Config) -> list[Progress]:
    """Every progress of this process: they know what took how long."""
    return config.stash.setdefault(_PROGRESSES, [])


def make_progress(config: pytest.Config) -> Progress:
    """Progress in the form that the run's terminal and options ask for."""
    made = _progress(config, progress_form(config))
    progresses(config).append(made)
    return made


def make_stoppable(config: pytest.Config, prefix: str) -> StoppableProgress:
    """The same for work that the controller of xdist does for a worker: in lines, since the terminal is also the tests'."""
    made = StoppableProgress(_progress(config, "none" if progress_form(config) == "none" else "plain"), prefix)
    progresses(config).append(made)
    return made


def hold(config: pytest.Config) -> HeldProgress:
    """The same for work that nobody waits for yet."""
    made = HeldProgress()
    progresses(config).append(made)
    return made


def _progress(config: pytest.Config, form: str) -> Progress:
    if form == "none":
        return Progress()
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    begun = False

    def write(text: str) -> None:
        nonlocal begun
        with _uncaptured(config):
            if reporter is None:
                sys.stderr.write(text)
                return
            # Progress begins on a line of its own, after the dots of the tests so far; those of xdist's workers ensure_newline() does not know.
            if not begun:
                reporter.ensure_newline()
                if reporter._tw.width_of_current_line:  # noqa: SLF001 - the reporter says it of no public name
                    reporter.line("")
                reporter.currentfspath = None  # the next dot says whose it is
            if text.endswith("\n"):
                reporter.write(text, flush=True)
            else:  # a line that goes again: the reporter counts what it writes itself, to know where its line ends
                sys.stdout.write(text)
                sys.stdout.flush()
            begun = text != CLEARED and not text.endswith("\n")

    if form == "plain":
        return PlainProgress(write=write)
    return TerminalProgress(write=write, width=config.get_terminal_writer().fullwidth)


@contextmanager
def _uncaptured(config: pytest.Config) -> Iterator[None]:
    """Writes reach the terminal meanwhile. Whoever has put something else in a stream's place has it there again: doctests do."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    streams = sys.stdout, sys.stderr
    try:
        with capture.global_and_fixture_disabled():
            yield
    finally:
        sys.stdout, sys.stderr = streams
