"""``pytest-kind``: the command over the same functions as the fixtures, for clusters that outlive a test run."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from pytest_kind.cli.parser import make_parser
from pytest_kind.cli.upkeep import collect_garbage
from pytest_kind.errors import KindError, UsageError

__all__ = ["collect_garbage", "main"]

_INTERRUPTED = 130
_TERMINATED = 128 + signal.SIGTERM
# What the rest of the package calls options of pytest has here the same name less `kind-`.
_OPTION = re.compile(r"^--kind-", re.MULTILINE)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; 0: done, 1: an error of the cluster or the engine, 2: wrong usage, 130 and 143: interrupted."""
    arguments = make_parser().parse_args(argv)
    arguments.cache_dir = arguments.cache_dir.expanduser().absolute()
    try:
        with _sigterm():
            return int(arguments.run(arguments) or 0)
    except KindError as error:
        print(f"pytest-kind: {_OPTION.sub('--', str(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:  # a file or folder that the user named; the engine's are EngineErrors
        print(f"pytest-kind: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("pytest-kind: interrupted", file=sys.stderr)
        return _INTERRUPTED


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    """SIGTERM ends the command by way of its clean-up."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the clean-up
        raise SystemExit(_TERMINATED)

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
