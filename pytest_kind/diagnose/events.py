"""Events as a timeline. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytest_kind.diagnose.scene import Document, Scene, event_time, within


def lines_of(scene: Scene, most: int) -> list[str]:
    """The events since the test began: those of its own namespaces, then the others. Warnings are marked.

    Args:
        most: so many lines; where there are more, warnings stay before what is normal, and the last before the first.
    """
    found = within(scene.of("events"), scene.began)
    mine = [one for one in found if _namespace(one) in scene.own]
    others = [one for one in found if _namespace(one) not in scene.own]
    lines: list[str] = []
    left = most
    for title, events in (("", mine), ("elsewhere", others)):
        shown = _fitting(events, left)
        left = max(0, left - len(shown))
        if events and title and mine:
            lines.append(f"{title}:")
        lines += [_line(one, scene.began, with_namespace=bool(title) or len(scene.own) > 1) for one in shown]
        if len(shown) < len(events):
            lines.append(f"({len(events) - len(shown)} more{' elsewhere' if title else ''}, the older and the normal ones)")
    if scene.foreign:
        lines.append(f"({scene.foreign} of other tests' namespaces are left out)")
    return lines


def warns(event: Document) -> bool:
    """Whether it is more than normal."""
    return bool(event.get("type") != "Normal")


def _fitting(events: Sequence[Document], most: int) -> list[Document]:
    kept = sorted(enumerate(events), key=lambda one: (warns(one[1]), one[0]))[-most:] if most else []
    return [event for _, event in sorted(kept, key=lambda one: one[0])]


def _line(event: Document, began: datetime, *, with_namespace: bool) -> str:
    about = event.get("involvedObject") or {}
    place = f"{_namespace(event)}/" if with_namespace and about.get("namespace") else ""
    count = (event.get("series") or {}).get("count") or event.get("count") or 1
    times = f" x{count}" if count > 1 else ""
    mark = "!" if warns(event) else " "
    message = " ".join((event.get("message") or "").split())
    at = f"{(event_time(event) - began).total_seconds():+7.1f} s"
    return f"{mark}{at}{times:<4} {event.get('reason', '')}  {about.get('kind', '')} {place}{about.get('name', '')}  {message}"


def _namespace(event: Document) -> str:
    about = event.get("involvedObject") or {}
    return str(about.get("namespace") or "")
