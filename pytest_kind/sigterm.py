"""SIGTERM ends a run as Ctrl-C does: with its clean-up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest


def catch(config: pytest.Config, wanted: Callable[[], bool] = lambda: True) -> None:
    """From now on to the run's end, unless somebody else looks after it.

    Args:
        wanted: whether there is anything to clean up; if not, the signal does what it does.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    process, ends = os.getpid(), False

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        nonlocal ends
        del frame
        if os.getpid() != process or not wanted():  # what a test has forked has nothing to clean up
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not ends:  # once is enough: what follows is the clean-up
            ends = True
            pytest.exit("terminated by SIGTERM", returncode=128 + number)

    def let_go() -> None:
        if signal.getsignal(signal.SIGTERM) is on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, on_sigterm)
    config.add_cleanup(let_go)
