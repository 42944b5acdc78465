"""A timeline as a picture: SVG, alone or in a page. Pure; no script, nothing from elsewhere, light and dark.

Every word has room of its own. What a bar cannot carry stands below it on a flag, and flags are hung from right to left, so
that no pole crosses a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from pytest_kind.timeline.model import Boot, Lane, Span, rows

_LEFT = 16.0
_PLOT = 1080.0  # the longest boot
_SHORTEST = 0.1  # seconds that fill the plot, where nothing lasts longer
_TICK = 64.0  # between two of the axis, at least
_CHARACTER = 6.7  # of the small monospaced font
_LINE = 14.0
_BAR = 18.0
_WORTH_SECONDS = 0.05  # by which a boot began later than the first, to be told of
_GAP = 4.0
_LONGEST = 60  # characters of a name that are shown; all of it is its tooltip
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = """
.k{font:11px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.k .paper{fill:#fff}.k text{fill:#1b1f24}.k .cluster{font-size:14px;font-weight:bold}.k .lane{font-weight:bold}.k .dim{fill:#57606a}
.k .grid{stroke:#d8dee4}.k .ready{stroke:#1a7f37;stroke-dasharray:4 3}.k .pole{stroke:#8c959f}.k .line{stroke:#8c959f}
.k .a{fill:#b6d4fe}.k .b{fill:#8bbcfb}.k .pod{fill:#c8e6c9}.k .mark{fill:#bc4c00}
@media (prefers-color-scheme:dark){
.k .paper{fill:#0d1117}.k text{fill:#e6edf3}.k .dim{fill:#9198a1}
.k .grid{stroke:#2a313a}.k .ready{stroke:#3fb950}.k .pole{stroke:#6e7681}.k .line{stroke:#6e7681}
.k .a{fill:#1f4a86}.k .b{fill:#2f6ab8}.k .pod{fill:#1d5a2c}.k .mark{fill:#f0883e}
}
"""
_HINT = (
    "bars: seconds that it took, of pods (green) from scheduled to ready; dots: when a program of the node began, "
    "in seconds since the boot did; dashes: ready"
)


def page(boots: Sequence[Boot], trace: str) -> str:
    """An HTML page with the picture.

    Args:
        trace: the name of the trace that lies beside it.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{_text(_title(boots))}</title>
<style>
:root{{color-scheme:light dark}}
body{{margin:16px;background:#fff;color:#1b1f24;font:14px system-ui,sans-serif}}
@media (prefers-color-scheme:dark){{body{{background:#0d1117;color:#e6edf3}}a{{color:#79c0ff}}}}
.scroll{{overflow-x:auto}}
</style>
</head>
<body>
<div class="scroll">
{picture(boots)}</div>
<p>The same as a trace, for chrome://tracing and Perfetto: <a href="./{_text(trace)}">{_text(trace)}</a></p>
</body>
</html>
"""


def picture(boots: Sequence[Boot]) -> str:
    """An SVG document: each cluster below the other, all in one scale."""
    scale = _PLOT / max([_SHORTEST, *(boot.end for boot in boots)])
    drawing = _Drawing(scale)
    first = min((boot.began for boot in boots), default=0.0)
    for boot in boots:
        _draw_boot(drawing, boot, boot.began - first)
    drawing.text(_LEFT, drawing.y + _LINE, _HINT, "dim")
    width, height = drawing.right + _LEFT, drawing.y + 2 * _LINE
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="k" role="img" {size}>\n<title>{_text(_title(boots))}</title>\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" fill="#fff" width="{width:.0f}" height="{height:.0f}"/>\n' + "\n".join([*drawing.below, *drawing.parts]) + "\n</svg>\n"
    )


@dataclass(slots=True)
class _Drawing:
    """What is drawn so far: the things below the others, the others, how far down and how far right it goes."""

    scale: float
    y: float = _GAP
    right: float = _LEFT + _PLOT
    below: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def x(self, seconds: float) -> float:
        return _LEFT + seconds * self.scale

    def text(self, x: float, y: float, text: str, kind: str = "", whole: str = "") -> None:
        """A text that begins at ``x``, on the line ``y``."""
        self.right = max(self.right, x + _width(text) * (14 / 11 if kind == "cluster" else 1))
        title = f"<title>{_text(whole)}</title>" if whole else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{_class(kind)}>{title}{_text(text)}</text>')

    def bar(self, span: Span, kind: str) -> None:
        width = max(1.0, span.seconds * self.scale - 1)
        title = f"<title>{_text(_tip(span))}</title>"
        self.parts.append(f'<rect x="{self.x(span.start):.1f}" y="{self.y:.1f}" width="{width:.1f}" height="{_BAR:.0f}"{_class(kind)}>{title}</rect>')

    def line(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
        (x1, y1), (x2, y2) = start, end
        self.below.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_class(kind)}/>')

    def flags(self, flags: Iterable[tuple[float, str, str]], top: float) -> None:
        """Texts on poles that begin at ``top``; goes on below the lowest.

        Args:
            flags: where, what, and the whole of it.
        """
        ends: list[float] = []  # of each row: where its last flag, which is the leftmost, begins
        for x, text, whole in sorted(flags, key=lambda one: one[0], reverse=True):
            end = x + _width(text) + 2 * _GAP
            # Through a row go the poles of those that hang lower.
            row = next((number for number in range(len(ends)) if end <= min(ends[number:])), len(ends))
            ends[row : row + 1] = [x]
            bottom = self.y + (row + 1) * _LINE
            self.line((x, top), (x, bottom - _GAP), "pole")
            self.text(x + _GAP, bottom - 3, text, whole=whole)
        self.y += len(ends) * _LINE + (_GAP if ends else 0)


def _draw_boot(drawing: _Drawing, boot: Boot, after: float) -> None:
    later = f", begun {after:.1f} s after the first" if after >= _WORTH_SECONDS else ""
    drawing.y += 2 * _GAP
    drawing.text(_LEFT, drawing.y + 14, _cut(f"cluster {boot.cluster}: {boot.ended}{later}", 2 * _LONGEST), "cluster")
    drawing.y += 14 + 3 * _GAP
    axis = drawing.y + _LINE
    drawing.y = axis + _GAP
    for lane in boot.lanes:
        _draw_lane(drawing, lane)
    bottom = drawing.y
    for number in range(int(boot.end / (step := _step(drawing.scale))) + 2):
        x = drawing.x(number * step)
        if x > _LEFT + _PLOT + 1:
            break
        drawing.line((x, axis), (x, bottom), "grid")
        drawing.text(x + 2, axis - 3, f"{number * step:g} s", "dim")
    if boot.ready is not None:
        x = drawing.x(boot.ready)
        drawing.line((x, axis), (x, bottom), "ready")
    drawing.y = bottom + 2 * _GAP


def _draw_lane(drawing: _Drawing, lane: Lane) -> None:
    drawing.text(_LEFT, drawing.y + _LINE - 3, _cut(lane.name), "lane", lane.name)
    drawing.y += _LINE + _GAP
    if lane.marks:
        y = drawing.y + _GAP
        drawing.line((_LEFT, y), (drawing.x(max(mark.at for mark in lane.marks)), y), "line")
        for mark in lane.marks:
            tip = f"<title>{_text(f'{mark.name}: began at {mark.at:.2f} s')}</title>"
            drawing.parts.append(f'<circle cx="{drawing.x(mark.at):.1f}" cy="{y:.1f}" r="3.5"{_class("mark")}>{tip}</circle>')
        drawing.y = y + _GAP
        drawing.flags(((drawing.x(mark.at), f"{_cut(mark.name)} at {mark.at:.2f}", mark.name) for mark in lane.marks), y)
    for row in rows(lane.spans):
        if lane.marks:  # pods, of which the API says whole seconds
            _draw_row(drawing, row, ("pod",), "about {:.0f}")
        else:
            _draw_row(drawing, row, ("a", "b"), "{:.2f}")
    drawing.y += _GAP


def _draw_row(drawing: _Drawing, row: Sequence[Span], kinds: Sequence[str], seconds: str) -> None:
    top, flags = drawing.y, []
    for number, span in enumerate(row):
        drawing.bar(span, kinds[number % len(kinds)])
        x, end, text = drawing.x(span.start), drawing.x(span.end), f"{_cut(span.name)} {seconds.format(span.seconds)}"
        if _width(text) + 2 * _GAP <= end - x:
            drawing.text(x + _GAP, top + _BAR - 5, text, whole=_tip(span))
        elif span is row[-1]:
            drawing.text(end + _GAP, top + _BAR - 5, text, whole=_tip(span))
        else:
            flags.append((x, text, _tip(span)))
    drawing.y = top + _BAR
    drawing.flags(flags, top + _BAR)
    drawing.y += _GAP / 2


def _step(scale: float) -> float:
    """Seconds between two marks of the axis."""
    return next((step for power in range(-2, 6) for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if step * scale >= _TICK), 1e6)


def _title(boots: Sequence[Boot]) -> str:
    return f"kind: {', '.join(dict.fromkeys(f'cluster {one.cluster}: {one.ended}' for one in boots))}"


def _tip(span: Span) -> str:
    return f"{span.name}: {span.seconds:.2f} s from {span.start:.2f} s on"


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _width(text: str) -> float:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text) * _CHARACTER


def _text(text: str) -> str:
    """Safe between tags and in attributes; what XML cannot have is replaced."""
    return escape(_NO_XML.sub("\ufffd", text))


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
