"""Under which index a suite's processes run which spec.

Ginkgo shuffles with a seed, keeps the specs of an ordered container together, and takes those that must run alone out of the
list that parallel processes share; none of that is in its reports. So a process is asked: it runs through all of its specs
with a focus that fits none, and says what it skips. That takes about three seconds, no cluster, and is done once for a binary.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_kind.e2e.exchange import Exchange
from pytest_kind.e2e.listing import keep, place_of, text_of
from pytest_kind.e2e.process import SuiteProcess
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import UsageError

# With one seed, the order is the same in every run and in every process.
SEED = 1
_FORM = "order 1"  # changed when what is kept changes
_SECONDS = 300.0


@dataclass(frozen=True)
class Numbering:
    """The order of a suite's specs.

    Attributes:
        groups: the names of what runs under each index.
        serial: the names of what process 1 runs by itself, after all others, in its order.
    """

    groups: tuple[tuple[str, ...], ...]
    serial: tuple[str, ...]

    @cached_property
    def index(self) -> dict[str, int]:
        """Of each spec that may run beside others."""
        return {name: index for index, names in enumerate(self.groups) for name in names}


class _Roll:
    """Listens to a process that skips everything."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.serial: list[str] | None = None

    def next_index(self, process: int) -> int:
        del process
        self.groups.append([])
        return len(self.groups) - 1

    def did_run(self, process: int, report: dict[str, Any]) -> None:
        del process
        if report["LeafNodeType"] == "It":
            (self.groups[-1] if self.serial is None else self.serial).append(text_of(report))

    def others_ended(self, process: int) -> bool:
        # Asked when the common list is through.
        del process
        self.serial = [] if self.serial is None else self.serial
        return True

    def others_report(self, process: int) -> dict[str, Any]:
        del process
        return {}


def numbered(suite: Suite, cache: Path) -> Numbering:
    """The suite's numbering, kept under its digest.

    Raises:
        UsageError: the binary does not do what ginkgo's do.
    """
    place = place_of(cache, suite, _FORM)
    if not place.is_file():
        roll = _call_the_roll(suite)
        keep(place, [[group for group in roll.groups if group], roll.serial or []])
    groups, serial = json.loads(place.read_text(encoding="utf-8"))
    return Numbering(tuple(map(tuple, groups)), tuple(serial))


def _call_the_roll(suite: Suite) -> _Roll:
    roll = _Roll()
    exchange = Exchange(roll)
    with tempfile.TemporaryDirectory(prefix="pytest-kind-") as folder:
        parallel = ["--ginkgo.parallel.process=1", "--ginkgo.parallel.total=2", f"--ginkgo.parallel.host={exchange.address(1)}"]
        try:
            process = SuiteProcess(suite, [*parallel, f"--ginkgo.seed={SEED}", "--ginkgo.focus=^$"], Path(folder) / "log")
            code = process.wait(_SECONDS)
            process.kill()
            words = process.last_words()
        finally:
            exchange.close()
    if code != 0:
        ended = f"ended with {code}" if code is not None else f"was not through after {_SECONDS:g} s"
        raise UsageError(f"--kind-suite: {suite.binary} {ended} when it was asked for the order of its specs:\n{words}")
    return roll
