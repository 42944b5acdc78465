"""Measurements, what is made of them, and the form in which they are kept. Pure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PEER = "kind"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class What:
    """Something that is measured.

    Attributes:
        title: in words.
        unit: of its values.
        counted: of what there are several: ``clusters``, ``nodes``, or nothing.
    """

    title: str
    unit: str = "s"
    counted: str = ""


WHATS = {
    "answer": What("from process start to a pod's answer by DNS name"),
    "handed": What("from process start to the cluster in hand"),
    "fixture": What("the fixture `kind_cluster`"),
    "memory": What("memory when the pod answers", "MB"),
    "memory-later": What("memory a while later", "MB"),
    "disk-written": What("disk: written by the container", "MB"),
    "disk-volume": What("disk: its volume", "MB"),
    "namespace": What("a fresh namespace, until it takes pods"),
    "delete": What("delete, until the engine lists nothing of it"),
    "load-new": What("image load: a new one"),
    "load-there": What("image load: the same again"),
    "unused": What("what the plugin adds to a run that does not use it", "ms"),
    "unused-with": What("a run that does not use the plugin", "ms"),
    "unused-without": What("the same without the plugin", "ms"),
    "scale": What("several at a time: until the last one answers", "s", "clusters"),
    "scale-each": What("several at a time: until each answers", "s", "clusters"),
    "scale-busy": What("several at a time: the processors' time that was used until then", "%", "clusters"),
    "nodes": What("until a pod on every node answers", "s", "nodes"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A single one.

    Attributes:
        what: of ``WHATS``.
        side: ``cold``, ``copied``, ``kept``, ``kind``.
        round: from 0.
        value: nothing where it failed.
        count: how many clusters or nodes.
        detail: phases of a boot, or why it failed; never a name, a path or an address.
    """

    what: str
    side: str
    round: int
    value: float | None
    count: int = 1
    detail: dict[str, float] | str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Several values: how many, and their middle and ends."""

    number: int
    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Raises ``statistics.StatisticsError`` where there is none."""
        return cls(len(values), statistics.median(values), min(values, default=0), max(values, default=0))

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.lowest)} to {figure(self.highest)})" if self.number > 1 else figure(self.median)


def figure(value: float) -> str:
    """A number with as many digits as mean something."""
    size = abs(value)
    if size == 0:
        return "0"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"  # noqa: PLR2004


@dataclass(slots=True)
class Results:
    """Everything of one invocation: the only thing that figures are compared within.

    Attributes:
        about: versions and the machine.
        measurements: all, in their order.
        left_out: what was not measured, and why.
    """

    about: dict[str, Any] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def values(self, what: str, side: str, count: int = 1) -> list[float]:
        """Those that did not fail."""
        return [one.value for one in self.measurements if (one.what, one.side, one.count) == (what, side, count) and one.value is not None]

    def failed(self, what: str, side: str, count: int = 1) -> int:
        """How many did."""
        return sum((one.what, one.side, one.count, one.value) == (what, side, count, None) for one in self.measurements)

    def summary(self, what: str, side: str, count: int = 1) -> Summary | None:
        """Nothing where nothing was measured."""
        values = self.values(what, side, count)
        return Summary.of(values) if values else None

    def ratio(self, over: tuple[str, str, int], under: tuple[str, str, int]) -> float | None:
        """One median by another: each of a what, a side and a count."""
        above, below = self.summary(*over), self.summary(*under)
        return above.median / below.median if above is not None and below is not None and below.median else None

    def sides(self, what: str) -> list[str]:
        """Whose there are, in the order in which they began."""
        return list(dict.fromkeys(one.side for one in self.measurements if one.what == what))

    def counts(self, what: str) -> list[int]:
        """Of how many clusters or nodes there are any."""
        return sorted({one.count for one in self.measurements if one.what == what})

    def to_json(self) -> str:
        """For a file: one measurement a line."""
        lines = ",\n".join(f"  {json.dumps(asdict(one), ensure_ascii=False)}" for one in self.measurements)
        head = {"format": FORMAT, **self.about, "left_out": self.left_out}
        return json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}") + f',\n "measurements": [\n{lines}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Results:
        """The same again.

        Raises:
            ValueError: it is no such file.
        """
        document = json.loads(text)
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise ValueError("this is no file of this benchmark")
        measurements = [Measurement(**one) for one in document.pop("measurements")]
        return cls(left_out=document.pop("left_out"), measurements=measurements, about=document)


def joined(first: Results, *others: Results) -> Results:
    """What a run measured, and of others on the same machine what it did not: a table is of one run."""
    found = Results(about=dict(first.about), left_out=[*first.left_out], measurements=[*first.measurements])
    for one in others:
        there = {measurement.what for measurement in found.measurements}
        more = [measurement for measurement in one.measurements if measurement.what not in there]
        words = ", ".join(dict.fromkeys(measurement.what.partition("-")[0] for measurement in more))
        found.measurements += more
        found.left_out += one.left_out
        found.about["others"] = [*found.about.get("others", []), f"{words}: {one.about.get('rounds', 0)}, in another run"]
    return found


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """A table for a terminal: the first column to the left, the others to the right; the first row is its head."""
    found = [list(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*found, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) if number == 0 else cell.rjust(width) for number, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in found
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
