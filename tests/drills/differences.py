"""What differs between the real kind's cluster and ours of the same file, and why. docs/differences.md is this list for users."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

NOWHERE = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same.

    Attributes:
        fact: where, as ``support/facts.py`` names it; ``*`` is anything.
        kind: what kind has; ``-``: nothing. ``*`` is anything.
        ours: what we have, likewise.
        why: for users.
    """

    fact: str
    kind: str
    ours: str
    why: str


DIFFERENCES: tuple[Difference, ...] = ()


def explanation(fact: str, kind: str, ours: str) -> Difference | None:
    """The entry that a difference is told by."""
    return next(
        (
            one
            for one in DIFFERENCES
            if all(fnmatchcase(text, pattern.replace("[", "[[]")) for text, pattern in ((fact, one.fact), (kind, one.kind), (ours, one.ours)))
        ),
        None,
    )
