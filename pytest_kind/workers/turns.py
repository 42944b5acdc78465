"""Who may run a spec on a cluster that several workers share: many beside each other, or one alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Turns:
    """The turns on each cluster. Not for several threads: whoever has it holds a lock."""

    _beside: Counter[str] = field(default_factory=Counter)
    _alone: set[str] = field(default_factory=set)
    _waiting: Counter[str] = field(default_factory=Counter)

    def may_begin(self, cluster: str, *, alone: bool) -> bool:
        """Whether it is the turn of one now. Who must be alone is not kept waiting by those who came later."""
        if cluster in self._alone:
            return False
        return not self._beside[cluster] if alone else not self._waiting[cluster]

    def wait(self, cluster: str) -> None:
        """One that must be alone waits."""
        self._waiting[cluster] += 1

    def waited(self, cluster: str) -> None:
        """It does so no more."""
        self._waiting[cluster] -= 1

    def begin(self, cluster: str, *, alone: bool) -> None:
        """One begins."""
        if alone:
            self._alone.add(cluster)
        else:
            self._beside[cluster] += 1

    def end(self, cluster: str, *, alone: bool) -> None:
        """It has ended."""
        if alone:
            self._alone.discard(cluster)
        else:
            self._beside[cluster] -= 1
