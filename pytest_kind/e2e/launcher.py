"""How processes of a suite are started: with which of ginkgo's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pytest_kind.e2e.focus import all_serial, exactly
from pytest_kind.e2e.numbering import SEED, Numbering
from pytest_kind.e2e.process import SuiteProcess
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite

SERIAL = 0  # the number of the process that runs what ginkgo lets run on no other than the first, after all others
_LONGEST_FOCUS = 100_000  # bytes: an argument may have 128 KiB


class Launcher:
    """Starts processes.

    Args:
        suite: whose.
        numbering: of its specs.
        arguments: for each of them: which cluster, and how.
        count: at most that many beside each other.
        folder: for their output.
        address: where the process of a number asks what to do.
    """

    def __init__(
        self, suite: Suite, numbering: Numbering, arguments: Sequence[str], *, count: int, folder: Path, address: Callable[[int], str]
    ) -> None:
        self._suite, self._arguments, self._count, self._folder, self._address = suite, tuple(arguments), count, folder, address
        self._serial = {name: place for place, name in enumerate(numbering.serial)}
        # Ginkgo's process 1 ends with all that must run on it, unless it is told not to.
        self._not_by_itself = [f"--ginkgo.skip={all_serial(numbering)}"] if numbering.serial else []
        self._starts = 0

    def is_serial(self, spec: Spec) -> bool:
        """Whether ginkgo runs it on one process alone."""
        return spec.name in self._serial

    def beside(self, number: int) -> SuiteProcess:
        """One that runs what it is told to, beside others."""
        return self._process(number, ["--ginkgo.focus=.", *(self._not_by_itself if number == 1 else [])])

    def serial(self, specs: Iterable[Spec]) -> tuple[list[Spec], SuiteProcess]:
        """One for specs that ginkgo itself runs one after the other, as many as an argument can name, and which these are, in its order."""
        chosen: list[Spec] = []
        length = 0
        for spec in sorted(specs, key=lambda spec: self._serial[spec.name]):
            length += len(exactly([spec.name]).encode())
            if length < _LONGEST_FOCUS:
                chosen.append(spec)
        return chosen, self._process(SERIAL, [f"--ginkgo.focus={exactly(spec.name for spec in chosen)}"])

    def _process(self, number: int, focus: Sequence[str]) -> SuiteProcess:
        self._starts += 1
        arguments = [
            f"--ginkgo.parallel.process={1 if number == SERIAL else number}",
            # With one, ginkgo would choose by itself what to run: there is a second one that never comes.
            f"--ginkgo.parallel.total={max(2, self._count)}",
            f"--ginkgo.parallel.host={self._address(number)}",
            f"--ginkgo.seed={SEED}",
            "--ginkgo.timeout=1000h",  # of the whole suite; ours is for each spec
            *(["--report-prefix=serial-"] if number == SERIAL else []),  # of the suite's own JUnit file
            *self._arguments,
            *focus,
        ]
        return SuiteProcess(self._suite, arguments, self._folder / f"process-{number}-{self._starts}.log")
