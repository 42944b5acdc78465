"""How errors of ours show in pytest's report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def told_once() -> Iterator[None]:
    """An error of ours is its message: the lines of code between here and the engine tell a test's author nothing."""
    from pytest_kind.errors import KindError, told  # noqa: PLC0415 - this module is loaded in every run

    try:
        yield
    except (KindError, pytest.UsageError) as error:
        raise pytest.fail.Exception(told(error), pytrace=False) from None
