"""What is measured again and again, in bounded room: a long run has fewer values of each minute than a short one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pytest_kind.html_report.model import Counts, Use

_MOST = 2000  # values; a screen is not much wider
_SOON = 0.25  # seconds in which changes count as one


class Uses:
    """A node's use over time. Halved when it is full: processor seconds add up, so that nothing of them is lost, and the peak of memory stays."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._uses: list[Use] = []

    @property
    def known(self) -> tuple[Use, ...]:
        """What there is, the oldest first."""
        return tuple(self._uses)

    def add(self, use: Use) -> None:
        """One that is later than the others."""
        self._uses.append(use)
        if len(self._uses) > self._most:
            # All but the first and the last in pairs, of which the later one stays.
            pairs = zip(self._uses[1:-1:2], self._uses[2:-1:2], strict=False)
            halved = (Use(late.at, late.cpu, max(early.memory, late.memory)) for early, late in pairs)
            self._uses = [self._uses[0], *halved, self._uses[-1]]


class PodCounts:
    """How many pods were in which phase, over time."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._phase: dict[str, str] = {}
        self._counts: list[Counts] = []

    @property
    def known(self) -> tuple[Counts, ...]:
        """What there is, the oldest first."""
        return tuple(self._counts)

    def all_are(self, phases: Mapping[str, str], at: float) -> None:
        """These pods, by their uids, are there, and no others."""
        self._phase = dict(phases)
        self._note(at)

    def one_is(self, uid: str, phase: str | None, at: float) -> None:
        """A pod is in a phase, or is no more."""
        if phase is None:
            self._phase.pop(uid, None)
        else:
            self._phase[uid] = phase
        self._note(at)

    def _note(self, at: float) -> None:
        counts = dict(sorted(Counter(self._phase.values()).items()))
        if self._counts and self._counts[-1].phases == counts:
            return
        if self._counts and at - self._counts[-1].at < _SOON:
            at = self._counts.pop().at
        self._counts.append(Counts(at, counts))
        if len(self._counts) > self._most:
            self._counts = [*self._counts[:-1:2], self._counts[-1]]
