"""The processes of a suite, and which of them runs which spec when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_kind.e2e.exchange import Exchange
from pytest_kind.e2e.launcher import SERIAL, Launcher
from pytest_kind.e2e.listing import text_of
from pytest_kind.e2e.numbering import Numbering
from pytest_kind.e2e.outcome import Outcome, outcome_of
from pytest_kind.e2e.slot import Slot
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import KindError

_NO_MORE = 1 << 30  # an index beyond every list of specs: the process cleans up and ends
_LOOK_SECONDS = 0.2
_FAILED_STATES = {"failed", "aborted", "panicked", "interrupted", "timedout"}
_FRUITLESS = 3  # starts after which no other is tried


class SuiteBroken(KindError):
    """The suite's processes do not get as far as running a spec.

    Args:
        since: when the last of them did, or the first was started; seconds since the epoch.
    """

    def __init__(self, message: str, since: float) -> None:
        super().__init__(message)
        self.since = since


@dataclass(slots=True, kw_only=True)
class _State:
    queue: list[Spec] = field(default_factory=list)
    slots: dict[int, Slot] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reports: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    suite_failures: list[str] = field(default_factory=list)
    broken: str = ""
    closing: bool = False
    fruitless: int = _FRUITLESS - 1  # of them, since the last that came as far as a spec; where none ever did, the first one counts
    well: float = field(default_factory=time.time)  # when a process came as far as that, since the epoch
    runs: set[str] = field(default_factory=set)


class Pool:
    """Runs specs beside each other, those that must be alone alone, each as soon as a process is free.

    Args:
        suite: whose processes.
        numbering: of its specs.
        arguments: for each of them: which cluster, and how.
        count: at most that many beside each other.
        seconds: that a spec may take.
        folder: for the processes' output.
    """

    def __init__(self, suite: Suite, numbering: Numbering, arguments: Sequence[str], *, count: int, seconds: float, folder: Path) -> None:
        self._suite, self._count, self._seconds, self._index = suite, count, seconds, numbering.index
        self._changed = threading.Condition()
        self._all = _State()
        self._exchange = Exchange(self)
        self._launcher = Launcher(suite, numbering, arguments, count=count, folder=folder, address=self._exchange.address)
        # One thread starts all processes, and lives as long as they do: they die with it.
        self._keeper = threading.Thread(target=self._keep, name="kind-suite", daemon=True)
        self._keeper.start()

    # What the caller does

    def want(self, specs: Iterable[Spec], *, first: bool = False) -> None:
        """Asks for specs, in that order. One that was run and taken may be asked for again.

        Args:
            first: whether they come before all that is waiting.
        """
        with self._changed:
            there = {spec.name for spec in self._all.queue} | {slot.spec.name for slot in self._all.slots.values() if slot.spec and slot.runs}
            place = 0 if first else len(self._all.queue)
            self._all.queue[place:place] = [spec for spec in specs if spec.name not in there | self._all.outcomes.keys()]
            self._changed.notify_all()

    def take(self, names: Collection[str], tick: Callable[[str], None] = lambda _: None) -> Outcome:
        """Waits until one of these specs has run, and returns how it ended.

        Args:
            tick: called while it waits, with what is running.

        Raises:
            SuiteBroken: none of them ever will.
        """
        while True:
            with self._changed:
                name = next((name for name in self._all.outcomes if name in names), None)
                if name is not None:
                    return self._all.outcomes.pop(name)
                if self._all.broken:
                    raise SuiteBroken(self._all.broken, self._all.well)
                doing = self._doing()
                self._changed.wait(_LOOK_SECONDS)
            tick(doing)

    def is_alone(self, spec: Spec) -> bool:
        """Whether no other may run while it does."""
        return spec.alone or self._launcher.is_serial(spec)

    def break_off(self, run: str, reason: str, *, skips: bool = False) -> bool:
        """Ends the spec that a process with this run id is at.

        Args:
            reason: for its outcome.
            skips: whether it counts as skipped.

        Returns:
            Whether there was one.
        """
        with self._changed:
            for slot in self._all.slots.values():
                if slot.runs and not slot.interrupted and slot.process.run == run:
                    slot.interrupt(reason, skips=skips)
                    return True
        return False

    def withdraw(self) -> set[str]:
        """Forgets what is waiting; where nothing runs yet, all but the first: somebody waits for it.

        Returns:
            The names of specs that will have an outcome yet.
        """
        with self._changed:
            left = {slot.spec.name for slot in self._all.slots.values() if slot.spec and slot.runs} | self._all.outcomes.keys()
            self._all.queue[0 if left else 1 :] = []
            return left | {spec.name for spec in self._all.queue}

    def close(self) -> None:
        """Ends all processes: idle ones after the suite's own clean-up, those at a spec after they broke it off."""
        with self._changed:
            self._all.closing = True
            for slot in self._all.slots.values():
                if slot.runs and not slot.interrupted:
                    slot.interrupt("the run ended before this spec did")
            self._changed.notify_all()
        try:
            self._keeper.join()
        except BaseException:
            with self._changed:
                for slot in self._all.slots.values():
                    slot.process.kill()
            raise
        finally:
            self._exchange.close()

    @property
    def runs(self) -> set[str]:
        """The ids that the namespaces of all processes carry."""
        return set(self._all.runs)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """Ginkgo's reports of everything that ran, in the order of their ends."""
        return [report for _, report in self._all.reports]

    @property
    def suite_failures(self) -> list[str]:
        """What failed outside of specs, in the suite's own clean-up; a preparation that failed is why the pool is broken."""
        return [] if self._all.broken else list(self._all.suite_failures)

    # What the exchange asks and tells (Listener)

    def next_index(self, process: int) -> int:
        """See :class:`~pytest_kind.e2e.exchange.Listener`."""
        with self._changed:
            slot = self._all.slots[process]
            slot.asked, self._all.fruitless, self._all.well = True, 0, time.time()
            if process == SERIAL:
                return _NO_MORE  # it goes on with what it has by itself
            self._let_go(slot, f"the suite's process went on without a word on this spec{f'; it ran: {slot.ran}' if slot.ran else ''}")
            while not self._all.closing and not slot.interrupted and slot.process.alive:
                spec = self._next()
                if spec is not None:
                    slot.begin(spec)
                    return self._index[spec.name]
                self._changed.wait(_LOOK_SECONDS)
            return _NO_MORE

    def _next(self) -> Spec | None:
        """The spec that may begin now: those that need not be alone come first."""
        busy = [slot.spec for slot in self._all.slots.values() if slot.spec]
        if any(self.is_alone(spec) for spec in busy):
            return None
        queue = [spec for spec in self._all.queue if not self._launcher.is_serial(spec)]
        chosen = next((spec for spec in queue if not spec.alone), None) or (queue[0] if queue and not busy else None)
        if chosen is not None:
            self._all.queue.remove(chosen)
        return chosen

    def did_run(self, process: int, report: dict[str, Any]) -> None:
        """See :class:`~pytest_kind.e2e.exchange.Listener`."""
        with self._changed:
            self._all.reports.append((process, report))
            slot = self._all.slots[process]
            if report["LeafNodeType"] == "It":
                self._take_report(slot, report)
            elif report["State"] in _FAILED_STATES and not slot.interrupted:
                self._all.suite_failures.append(f"{report['LeafNodeType']}: {outcome_of(report).message}")
            self._changed.notify_all()

    def _take_report(self, slot: Slot, report: dict[str, Any]) -> None:
        name = text_of(report)
        slot.ran = name
        if slot.spec is None:
            return
        if name == slot.spec.name:
            slot.reported = True
        elif self._index.get(name) != self._index.get(slot.spec.name, _NO_MORE):
            return  # skipped on the way
        elif not any(spec.name == name for spec in self._all.queue):
            return  # of the same ordered container, and not asked for
        self._all.queue = [spec for spec in self._all.queue if spec.name != name]
        self._all.outcomes[name] = slot.outcome(report)
        if slot.then and not slot.interrupted:
            slot.begin(slot.then.pop(0))

    def others_ended(self, process: int) -> bool:
        """See :class:`~pytest_kind.e2e.exchange.Listener`."""
        others = [slot for number, slot in dict(self._all.slots).items() if number not in {process, SERIAL}]
        return process == SERIAL or not any(slot.process.alive for slot in others)

    def others_report(self, process: int) -> dict[str, Any]:
        """See :class:`~pytest_kind.e2e.exchange.Listener`."""
        return {"SuiteSucceeded": True, "SpecReports": [report for number, report in list(self._all.reports) if number != process]}

    # What the keeper does

    def _keep(self) -> None:
        while True:
            with self._changed:
                for number, slot in list(self._all.slots.items()):
                    self._look(number, slot)
                if self._all.closing and not self._all.slots:
                    return
                if not self._all.closing and not self._all.broken:
                    self._start()
                self._changed.wait(_LOOK_SECONDS)

    def _look(self, number: int, slot: Slot) -> None:
        code = slot.process.wait(0)
        if code is not None:
            self._ended(number, slot, code)
        elif slot.interrupted:
            slot.press()
        elif slot.runs and slot.seconds > self._seconds:
            slot.interrupt(f"not done within {self._seconds:g} s (--kind-spec-timeout)", unexplained=True)

    def _ended(self, number: int, slot: Slot, code: int) -> None:
        run = slot.process.run
        if run:
            self._all.runs.add(run)
        words = slot.process.last_words()
        self._let_go(slot, f"the suite's process {number} ended with {code} while it ran this spec; its last lines:\n{words}")
        if not self._all.closing:
            self._all.queue[:0] = slot.then
        del self._all.slots[number]
        self._all.fruitless += 0 if slot.asked else 1
        if self._all.fruitless >= _FRUITLESS and not self._all.closing:
            why = "\n".join(self._all.suite_failures) or words
            self._all.broken = f"the suite ({self._suite.binary.name}) ended with {code} before its first spec:\n{why}"
        self._changed.notify_all()

    def _start(self) -> None:
        """Starts processes while there is more to do than there are processes for; the first one is always there first."""
        slots, queue = self._all.slots, self._all.queue
        beside = [spec for spec in queue if not self._launcher.is_serial(spec)]
        if queue and not beside and not any(slot.spec for slot in slots.values()):
            self._start_serial()
            return
        idle = sum(1 for slot in slots.values() if slot.spec is None and not slot.interrupted)
        wanted = max(sum(1 for spec in beside if not spec.alone), min(1, len(beside))) - idle
        for number in range(1, self._count + 1):
            if number not in slots and wanted > 0:
                wanted -= 1
                # All may run; we say which do.
                slots[number] = Slot(number=number, process=self._launcher.beside(number))

    def _start_serial(self) -> None:
        chosen, process = self._launcher.serial(self._all.queue)
        self._all.queue = [spec for spec in self._all.queue if spec not in chosen]
        slot = self._all.slots[SERIAL] = Slot(number=SERIAL, process=process, then=chosen[1:])
        slot.begin(chosen[0])

    def _let_go(self, slot: Slot, message: str) -> None:
        outcome = slot.let_go(message)
        if outcome is not None:
            self._all.outcomes[outcome.name] = outcome
            self._changed.notify_all()

    def _doing(self) -> str:
        running = [slot for slot in self._all.slots.values() if slot.runs]
        if not running:
            return "the suite starts" if self._all.slots else ""
        longest = max(running, key=lambda slot: slot.seconds)
        assert longest.spec is not None  # noqa: S101 - they are chosen by it
        return f"{len(running)} running, {len(self._all.queue)} waiting; for {longest.seconds:.0f} s: {longest.spec.name}"
