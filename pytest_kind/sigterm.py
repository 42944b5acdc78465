"""SIGTERM ends a run as Ctrl-C does: with its clean-up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest


def catch(wanted: Callable[[], bool] = lambda: True) -> None:
    """From now on, unless somebody else looks after it.

    Args:
        wanted: whether there is anything to clean up; if not, the signal does what it does.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        del frame
        if not wanted():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        signal.signal(number, signal.SIG_IGN)  # once is enough: what follows is the clean-up
        pytest.exit("terminated by SIGTERM", returncode=128 + number)

    signal.signal(signal.SIGTERM, on_sigterm)
