"""A timeline in the Trace Event Format, which chrome://tracing and Perfetto open. Pure.

Clusters are its processes, lanes its threads. Events of one thread may not overlap there, so a lane has as many threads as it
has rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pytest_kind.timeline.model import Boot, Lane, Span, rows

_MICROSECONDS = 1_000_000
_THREADS = 1000  # they begin above every cluster's number: no number means two things


def trace(boots: Sequence[Boot]) -> str:
    """The file's text: all clusters on one axis, whose beginning is that of the first one's boot."""
    zero = min((one.began for one in boots), default=0.0)
    named: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    thread = _THREADS
    for pid, boot in enumerate(boots, 1):
        named += _name("process", pid, 0, f"cluster {boot.cluster}: {boot.ended}", pid)
        offset = boot.began - zero
        for lane in boot.lanes:
            for number, row in enumerate(rows(lane.spans) or [[]], 1):
                thread += 1
                named += _name("thread", pid, thread, lane.name if number == 1 else f"{lane.name} ({number})", thread)
                events += [_span(one, offset, pid, thread) for one in row]
                if number == 1:
                    events += _marks(lane, offset, pid, thread)
    content = {"traceEvents": [*named, *sorted(events, key=lambda one: one["ts"])], "displayTimeUnit": "ms"}
    return f"{json.dumps(content, indent=1)}\n"


def _name(what: str, pid: int, tid: int, name: str, place: int) -> list[dict[str, Any]]:
    common = {"ph": "M", "ts": 0, "pid": pid, "tid": tid}
    return [
        {**common, "name": f"{what}_name", "args": {"name": name}},
        {**common, "name": f"{what}_sort_index", "args": {"sort_index": place}},
    ]


def _span(span: Span, offset: float, pid: int, tid: int) -> dict[str, Any]:
    start, end = _time(offset + span.start), _time(offset + span.end)
    return {"name": span.name, "cat": "boot", "ph": "X", "ts": start, "dur": end - start, "pid": pid, "tid": tid}


def _marks(lane: Lane, offset: float, pid: int, tid: int) -> list[dict[str, Any]]:
    return [{"name": one.name, "cat": "start", "ph": "i", "s": "t", "ts": _time(offset + one.at), "pid": pid, "tid": tid} for one in lane.marks]


def _time(seconds: float) -> int:
    return max(0, round(seconds * _MICROSECONDS))
