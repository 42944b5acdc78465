"""When the test that runs began: told by the edge, asked by ``logs(since="test")``."""

from __future__ import annotations

import datetime as dt

_began: dt.datetime | None = None


def test_begins() -> None:
    """It begins now."""
    global _began  # noqa: PLW0603 - there is one test at a time in a process
    _began = dt.datetime.now(dt.UTC)


def began() -> dt.datetime | None:
    """When it began; nothing outside of tests."""
    return _began


def clock(moment: str) -> str:
    """The time of day of a moment as the API writes it; anything else as it is."""
    try:
        return dt.datetime.fromisoformat(moment).strftime("%H:%M:%S")
    except ValueError:
        return moment
