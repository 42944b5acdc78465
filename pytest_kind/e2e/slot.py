"""A process of the pool, and what it is at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_kind.e2e.outcome import FAILED, SKIPPED, Outcome, lost, outcome_of
from pytest_kind.e2e.process import SuiteProcess
from pytest_kind.e2e.spec import Spec

# After an interrupt ginkgo gives a spec 30 s, and its clean-up as much; then it is asked once more, and then killed.
_GRACE_SECONDS = (65.0, 75.0)


@dataclass(slots=True, kw_only=True)
class Slot:
    """One process. Its spec is its own until it asks for the next one.

    Attributes:
        number: under which the exchange knows it.
        asked: whether it ever asked for a spec: its start and its BeforeSuite went well.
        spec: what it was given last.
        then: what it runs after that by itself.
        reported: whether it has said how that spec ended.
        ran: the last name that it reported.
        interrupted: when its spec was broken off, on the monotonic clock.
        reason: why.
    """

    number: int
    process: SuiteProcess
    asked: bool = False
    spec: Spec | None = None
    then: list[Spec] = field(default_factory=list)
    reported: bool = False
    ran: str = ""
    interrupted: float = 0.0
    reason: str = ""
    _since: float = 0.0  # on the monotonic clock
    _began: float = 0.0  # since the epoch
    _skips: bool = False  # whether what was broken off is no failure
    _unexplained: bool = False  # whether the reason says nothing of what it waited for
    _asked_twice: bool = False

    @property
    def runs(self) -> bool:
        """Whether its spec goes on, as far as it has said."""
        return self.spec is not None and not self.reported

    @property
    def seconds(self) -> float:
        """How long it has been at its spec."""
        return time.monotonic() - self._since

    def begin(self, spec: Spec) -> None:
        """Gives it a spec."""
        self.spec, self.reported, self.ran, self._since, self._began = spec, False, "", time.monotonic(), time.time()

    def interrupt(self, reason: str, *, skips: bool = False, unexplained: bool = False) -> None:
        """Breaks its spec off, and ends it with its clean-up."""
        self.interrupted, self.reason, self._skips, self._unexplained = time.monotonic(), reason, skips, unexplained
        self.process.interrupt()

    def press(self) -> None:
        """Ends it without clean-up where that takes too long."""
        late = time.monotonic() - self.interrupted
        if late > _GRACE_SECONDS[1]:
            self.process.kill()
        elif late > _GRACE_SECONDS[0] and not self._asked_twice:
            self._asked_twice = True
            self.process.interrupt()

    def outcome(self, report: dict[str, Any]) -> Outcome:
        """What a report of it says."""
        return self._judged(outcome_of(report, self.reason))

    def let_go(self, message: str) -> Outcome | None:
        """Takes its spec away; one of which no report came has failed, for that reason."""
        spec, self.spec = self.spec, None
        if spec is None or self.reported:
            return None
        output = self.process.last_words()
        return self._judged(lost(spec.name, self.reason or message, start=self._began, process=self.number, output=output))

    def _judged(self, outcome: Outcome) -> Outcome:
        if outcome.state != FAILED:
            return outcome
        if not self._skips:
            return replace(outcome, unexplained=self._unexplained or not (self.interrupted or outcome.report))
        return replace(outcome, state=SKIPPED, message=self.reason, where="", stack=(), output="")
