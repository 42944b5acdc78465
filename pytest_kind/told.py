"""How errors of ours show in pytest's report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FrameType, TracebackType

import pytest

# Whose lines are not shown: ours, and those by which our context managers are entered. (`__tracebackhide__` has no power over
# the latter, and would have to be in every module.)
_OURS = {"contextlib", "pytest_kind"}
_PYTESTS = {"_pytest", "pluggy"}


@contextlib.contextmanager
def told_once() -> Iterator[None]:
    """An error of ours is its message: the lines of code between here and the engine tell a test's author nothing."""
    from pytest_kind.errors import KindError, told  # noqa: PLC0415 - this module is loaded in every run

    try:
        yield
    except (KindError, pytest.UsageError) as error:
        raise pytest.fail.Exception(told(error), pytrace=False) from None


@contextlib.contextmanager
def told_where_it_was_called(excinfo: pytest.ExceptionInfo[BaseException] | None) -> Iterator[None]:
    """While a report is made: an error of ours ends in the test's line that called us; its message has the words of what caused it.

    All other errors, ``--full-trace`` and debuggers see everything.
    """
    if excinfo is None:
        yield
        return
    from pytest_kind.errors import KindError  # noqa: PLC0415 - this module is loaded in every run

    ours = [error for error in _chain(excinfo.value) if isinstance(error, KindError) and _raised_by_us(error)]
    if excinfo.value in ours:
        shown = _shortened(excinfo.tb)
        if shown is not None and any(_module(one.tb_frame) not in _PYTESTS for one in _entries(shown)):  # else nobody but us was there
            excinfo.traceback = type(excinfo.traceback)(shown)  # pytest goes by its raw entries
    with contextlib.ExitStack() as after:
        for error in ours:
            after.callback(_restore, error, error.__cause__, error.__suppress_context__, error.__traceback__)
            error.__cause__ = None  # and with it the context
            error.__traceback__ = _shortened(error.__traceback__)
        yield


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and those that led to it, as pytest shows them."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _raised_by_us(error: BaseException) -> bool:
    """Whether it was not the test that raised it."""
    entries = _entries(error.__traceback__)
    return bool(entries) and _module(entries[-1].tb_frame) in _OURS


def _shortened(trace: TracebackType | None) -> TracebackType | None:
    kept: TracebackType | None = None
    for one in reversed(_entries(trace)):
        if _module(one.tb_frame) not in _OURS:
            kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _entries(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _restore(error: BaseException, cause: BaseException | None, suppressed: bool, trace: TracebackType | None) -> None:
    error.__cause__, error.__suppress_context__, error.__traceback__ = cause, suppressed, trace
