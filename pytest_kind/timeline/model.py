"""What a timeline shows of a boot. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_CLOCK = 1e-6  # seconds; what is less is a matter of rounding


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts: its beginning, in seconds since the boot's, and how long."""

    name: str
    start: float
    seconds: float

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, in seconds since the boot's beginning."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened in one place."""

    name: str
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def end(self) -> float:
        """When the last of it is over."""
        return max([0.0, *(one.end for one in self.spans), *(one.at for one in self.marks)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """How a cluster came up, or did not.

    Attributes:
        cluster: its name.
        ended: how, for people.
        began: by this process' monotonic clock.
        ready: seconds until it was handed over, if it was made and came up.
        lanes: of the run itself, and of each node.
    """

    cluster: str
    ended: str
    began: float
    ready: float | None
    lanes: tuple[Lane, ...]

    @property
    def end(self) -> float:
        """When the last of it is over."""
        return max([0.0, *(one.end for one in self.lanes)])


def rows(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans in as few rows as may be so that in a row none begins before the one before it has ended."""
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda one: one.start):
        row = next((one for one in found if one[-1].end <= span.start + _CLOCK), None)
        if row is None:
            found.append([span])
        else:
            row.append(span)
    return found
