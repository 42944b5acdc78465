"""The boot benchmark's picture: bars to the medians, with whiskers to the lowest and the highest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from boot_results import PEER, WHATS, Results, Summary, figure

_WIDTH, _LABELS, _VALUES = 760, 190, 150
_BAR, _STEP, _TITLE, _GAP = 16, 24, 34, 18
_SHOWN = ("answer", "handed", "memory-later", "delete", "scale", "nodes")
# Readable on a white page and on a black one.
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.value { font-variant-numeric: tabular-nums }
.ours { fill: #2f6fde } .peer { fill: #9a9a9a }
.whisker { stroke: #24292f; stroke-width: 1.5; fill: none }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .whisker { stroke: #e6edf3 } .ours { fill: #6ea0ff } }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One of a panel.

    Attributes:
        label: before it.
        side: whose it is.
        summary: how long it is.
    """

    label: str
    side: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars with an axis of their own."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


def panels(results: Results) -> list[Panel]:
    """What there is to be seen of them: those without a bar are left out."""
    found = [_panel(results, what, f"{WHATS[what].title}, {WHATS[what].unit}") for what in _SHOWN]
    return [panel for panel in found if panel.bars]


def _panel(results: Results, what: str, title: str) -> Panel:
    bars = []
    counted = WHATS[what].counted
    for count in results.counts(what):
        for side in results.sides(what):
            summary = results.summary(what, side, count)
            if summary is not None:
                several = f", {count} {counted if count > 1 else counted.removesuffix('s')}" if counted else ""
                bars.append(Bar(f"{side}{several}", side, summary))
    return Panel(title, WHATS[what].unit, tuple(bars))


def svg(shown: Sequence[Panel]) -> str:
    """A picture of panels, one below the other."""
    height = sum(_TITLE + _STEP * len(panel.bars) + _GAP for panel in shown)
    lines, top = [], 0
    for panel in shown:
        lines.append(f'<text class="title" x="0" y="{top + 22}">{escape(panel.title)}</text>')
        scale = (_WIDTH - _LABELS - _VALUES) / (max((bar.summary.highest for bar in panel.bars), default=0) or 1)
        for number, bar in enumerate(panel.bars):
            lines += _bar(bar, panel.unit, top + _TITLE + number * _STEP, scale)
        top += _TITLE + _STEP * len(panel.bars) + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *lines, "</svg>", ""])


def _bar(bar: Bar, unit: str, top: float, scale: float) -> list[str]:
    one, middle, text = bar.summary, top + _BAR / 2, top + _BAR - 3
    low, high = _LABELS + max(0.0, one.lowest) * scale, _LABELS + max(0.0, one.highest) * scale
    kind = "peer" if bar.side == PEER else "ours"
    whisker = f"M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8"
    return [
        f'<text x="{_LABELS - 8}" y="{text:.0f}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{_LABELS}" y="{top:.0f}" width="{max(0.0, one.median) * scale:.1f}" height="{_BAR}" rx="2"/>',
        *([f'<path class="whisker" d="{whisker}"/>'] if one.number > 1 else []),
        f'<text class="value" x="{high + 8:.0f}" y="{text:.0f}">{escape(f"{figure(one.median)} {unit}")}</text>',
    ]
