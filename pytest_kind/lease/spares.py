"""Clusters that are ready for whoever comes next: offered by a file, and taken by one process alone.

A file of the cluster's name in ``spares/`` of the cache offers it; to rename that file into one's own session is to take it, which
the file system lets only one do. The session's lock then says whether who took it lives. One that nobody takes ends with its lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from pytest_kind import labels
from pytest_kind.lease.session import Life, lock_life


class Spare(Enum):
    """What has become of a spare."""

    OFFERED = "offered"
    TAKEN = "taken"
    """By somebody who lives."""
    LEFT = "left"
    """By somebody who is dead."""
    UNKNOWN = "unknown"
    """It is another cache's. Its lease decides."""


def offer(cache: Path, cluster: str) -> None:
    """From now on it can be taken."""
    place = cache / "spares"
    place.mkdir(parents=True, exist_ok=True)
    (place / cluster).touch()


def take(cache: Path, cluster: str, session: Path) -> bool:
    """Whether it is the caller's now.

    Args:
        session: the folder of the caller's session.
    """
    try:
        (cache / "spares" / cluster).rename(session / _name(cluster))
    except FileNotFoundError:
        return False
    return True


def withdraw(cache: Path, cluster: str) -> None:
    """It is no longer offered: it is gone."""
    (cache / "spares" / cluster).unlink(missing_ok=True)


def state(cache: Path, cluster: str) -> Spare:
    """What has become of it."""
    if (cache / "spares" / cluster).exists():
        return Spare.OFFERED
    for file in cache.glob(f"sessions/*/{_name(cluster)}"):
        return Spare.LEFT if lock_life(file.parent / "lock") is Life.DEAD else Spare.TAKEN
    return Spare.UNKNOWN


def handed_over(cache: Path, marks: Mapping[str, str]) -> bool:
    """Whether what carries these labels is a spare's that is no longer its maker's to remove."""
    return labels.SPARE in marks and labels.CLUSTER in marks and state(cache, marks[labels.CLUSTER]) in {Spare.OFFERED, Spare.TAKEN}


def _name(cluster: str) -> str:
    return f"spare-{cluster}"
