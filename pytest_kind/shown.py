"""Progress on pytest's terminal."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pytest_kind.invocation import progress_form
from pytest_kind.progress import PlainProgress, Progress, TerminalProgress
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
    capture = config.pluginmanager.getplugin("capturemanager")
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")

    def write(text: str) -> None:
        def put() -> None:
            if reporter is None:
                sys.stderr.write(text)
                return
            # Progress begins on a line of its own, after the dots of the tests so far; those of xdist's workers ensure_newline() does not know.
            if not getattr(write, "fresh", False):
                reporter.ensure_newline()
                if reporter._tw.width_of_current_line:  # noqa: SLF001 - the reporter says it of no public name
                    reporter.line("")
            reporter.write(text, flush=True)
            write.fresh = True  # type: ignore[attr-defined]
            if text.endswith("\n"):
                write.fresh = False  # type: ignore[attr-defined]
                reporter.currentfspath = None

        if capture is None:
            put()
        else:
            with capture.global_and_fixture_disabled():
                put()

    if form == "plain":
        return PlainProgress(write=write)
    return TerminalProgress(write=write, width=reporter.screen_width if reporter else 80)
