"""What became of a spec, from ginkgo's report of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pytest_kind.e2e.listing import in_tree, text_of

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_STATES = {"passed": PASSED, "skipped": SKIPPED, "pending": SKIPPED}
_NANOSECONDS = 1e9
_FRAMES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a spec ended.

    Attributes:
        name: the spec's.
        state: ``passed``, ``failed`` or ``skipped``.
        message: why it failed or was skipped, in the suite's own words.
        where: the file and line where it failed.
        stack: the frames of the suite's code that led there.
        output: what it printed.
        start: when it began, in seconds since the epoch.
        seconds: how long it took.
        process: which of the suite's processes ran it.
        report: ginkgo's own report, if it made one.
        unexplained: whether the suite did not get as far as saying why it failed.
    """

    name: str
    state: str
    message: str = ""
    where: str = ""
    stack: tuple[str, ...] = ()
    output: str = ""
    start: float = 0.0
    seconds: float = 0.0
    process: int = 0
    report: dict[str, Any] | None = None
    unexplained: bool = False


def outcome_of(report: dict[str, Any], reason: str = "") -> Outcome:
    """Reads ginkgo's report of a spec.

    Args:
        reason: why we interrupted it, if we did; it comes before what ginkgo says.
    """
    failure = report.get("Failure") or {}
    place = failure.get("Location") or {}
    state = _STATES.get(report["State"], FAILED)
    words = [reason, failure.get("Message", ""), failure.get("ForwardedPanic", "")]
    words += [f"then, in its clean-up: {more['Failure'].get('Message', '')}" for more in report.get("AdditionalFailures") or []]
    words += _was_doing(failure.get("ProgressReport") or {}) if reason else []
    return Outcome(
        name=text_of(report),
        state=state,
        message="\n".join(word for word in words if word) or ("pending" if report["State"] == "pending" else ""),
        where=f"{in_tree(place['FileName'])}:{place['LineNumber']}" if place.get("FileName") else "",
        stack=tuple(frames(place.get("FullStackTrace", ""))) if state == FAILED else (),
        output=(report.get("CapturedGinkgoWriterOutput") or "") + (report.get("CapturedStdOutErr") or ""),
        start=_moment(report["StartTime"]),
        seconds=report["RunTime"] / _NANOSECONDS,
        process=report.get("ParallelProcess", 0),
        report=report,
    )


def lost(name: str, message: str, *, start: float, process: int, output: str = "") -> Outcome:
    """A spec whose process ended without a word on it."""
    seconds = time.time() - start if start else 0.0
    return Outcome(name=name, state=FAILED, message=message, output=output, start=start or time.time(), seconds=seconds, process=process)


def frames(trace: str) -> list[str]:
    """``file:line function`` of a Go stack, the suite's own code only, innermost first."""
    lines = trace.splitlines()
    found = []
    for function, place in zip(lines[::2], lines[1::2], strict=False):
        file = place.strip().partition(" +")[0]
        if "/test/" in file and "/ginkgo" not in file:
            found.append(f"{in_tree(file)} {function.rpartition('/')[2]}")
    return found[:_FRAMES]


def _was_doing(progress: dict[str, Any]) -> list[str]:
    """Where an interrupted spec was."""
    steps = [text for text in (progress.get("CurrentNodeType"), progress.get("CurrentStepText")) if text]
    place = progress.get("CurrentStepLocation") or progress.get("CurrentNodeLocation") or {}
    at = f" at {in_tree(place['FileName'])}:{place['LineNumber']}" if place.get("FileName") else ""
    return [f"it was in: {', '.join(steps)}{at}"] if steps else []


def _moment(text: str) -> float:
    # Go writes nanoseconds; Python reads as many digits as it is given, and forgets those after microseconds.
    return datetime.fromisoformat(text).timestamp() if not text.startswith("0001") else 0.0
