"""Events as the API has them, and which of many are shown. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from pytest_kind.html_report.model import ANY_CLUSTER, FAILED, WARNING, Event, Turn


def event_of(cluster: str, document: Mapping[str, Any], at: float | None) -> Event:
    """Reads an event of ``v1``.

    Args:
        at: when it came; none: what it says itself, which is whole seconds.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: it is none.
    """
    about = document["involvedObject"]
    namespace = str(about.get("namespace") or "")
    name = f"{namespace}/{about.get('name', '')}" if namespace else str(about.get("name", ""))
    series = document.get("series") or {}
    return Event(
        at=_moment(document) if at is None else at,
        cluster=cluster,
        type=str(document.get("type") or "Normal"),
        reason=str(document.get("reason") or ""),
        regarding=f"{about.get('kind', '')} {name}".strip(),
        namespace=namespace,
        message=str(document.get("message") or ""),
        count=int(series.get("count") or document.get("count") or 1),
        source=str((document.get("source") or {}).get("component") or document.get("reportingComponent") or ""),
    )


def _moment(document: Mapping[str, Any]) -> float:
    """When it was seen last."""
    series = document.get("series") or {}
    times = (series.get("lastObservedTime"), document.get("lastTimestamp"), document.get("eventTime"), document["metadata"].get("creationTimestamp"))
    said = [one for one in times if one]
    return datetime.fromisoformat(said[0]).timestamp()


def chosen(events: Iterable[Event], tests: Iterable[Turn], most: int) -> list[Event]:
    """At most so many events, in the order in which they came.

    First those of tests that failed, then warnings, then the others, of each the latest.
    """
    there = sorted(events, key=lambda one: one.at)
    if len(there) <= most:
        return there
    windows = _Windows([(one.start, one.end, one.cluster) for one in tests if one.outcome in FAILED])
    ranked = sorted(there, key=lambda one: (one in windows, one.type == WARNING, one.at), reverse=True)
    return sorted(ranked[:most], key=lambda one: one.at)


class _Windows:
    """The times of tests, of which an event may be one's."""

    def __init__(self, windows: Sequence[tuple[float, float, str]]) -> None:
        self._windows = sorted(windows)
        self._starts = [start for start, _, _ in self._windows]
        self._latest = list(accumulate((end for _, end, _ in self._windows), max))  # no window up to this one ends later

    def __contains__(self, event: Event) -> bool:
        number = bisect.bisect_right(self._starts, event.at) - 1
        while number >= 0 and self._latest[number] >= event.at:
            _, end, cluster = self._windows[number]
            if end >= event.at and cluster in {ANY_CLUSTER, event.cluster}:
                return True
            number -= 1
        return False
