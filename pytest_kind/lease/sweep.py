"""Removes what dead sessions left: by labels and locks, never something alive, kept, or not ours."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pytest_kind import labels
from pytest_kind.errors import EngineError
from pytest_kind.lease import spares
from pytest_kind.lease.session import Life, life, lock_life

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Container, Provider

# A lease that ran out by this engine's clock may still run by the node's; a node that is off stays a while longer.
_GRACE_SECONDS = 60
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed and what it left, for the report."""

    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def sweep(provider: Provider, cache: Path, own: str | None = None, *, look: bool = False) -> Swept:
    """Removes containers, volumes and folders of sessions that are dead.

    Args:
        own: the caller's session, which is left alone.
        look: whether nothing is removed: what is said to be removed would be, of containers and volumes.
    """
    sweeping = _Sweeping(Swept(), {}, cache, look)
    for container in provider.containers({labels.SESSION: None}):
        if container.labels[labels.SESSION] == own or not labels.is_ours(container.labels):
            continue
        owner = sweeping.owner(container.labels)
        if _dead(container, owner):
            sweeping.remove(f"container {container.name}", partial(provider.remove, container.id))
        else:
            sweeping.swept.left.append(f"container {container.name} ({_why_left(container, owner)})")
    in_use = {volume for container in provider.containers({labels.SESSION: None}) for volume in container.volumes}
    for volume in provider.volumes({labels.SESSION: None}):
        if volume.labels[labels.SESSION] == own or volume.name in in_use or not labels.is_ours(volume.labels):
            continue
        # A volume is made with its container: one without, of a session that is not alive, is a leftover.
        owner = sweeping.owner(volume.labels)
        if owner is Life.DEAD or (owner is Life.UNKNOWN and _old(volume.labels)):
            sweeping.remove(f"volume {volume.name[:12]}", partial(provider.remove_volume, volume.name))
    if not look:
        _folders(cache, own)
        _locks(cache)
        _offers(provider, cache)
    return sweeping.swept


def stale(cache: Path, own: str | None = None) -> list[str]:
    """The names of folders of dead sessions and of locks that nobody holds, which a sweep would remove."""
    locks = [file.name for file in sorted(cache.glob("locks/*.lock")) if lock_life(file) is Life.DEAD]
    return [*(folder.name for folder in _dead_folders(cache, own)), *locks]


_OF_SPARES = {spares.Spare.OFFERED: Life.UNKNOWN, spares.Spare.TAKEN: Life.ALIVE, spares.Spare.LEFT: Life.DEAD}


@dataclass(frozen=True, slots=True)
class _Sweeping:
    """What is known of owners so far, and what was done."""

    swept: Swept
    lives: dict[str, Life]
    cache: Path
    look: bool

    def owner(self, marks: Mapping[str, str]) -> Life:
        if labels.SPARE in marks and labels.CLUSTER in marks:
            # Who made it is gone as a rule; it is whoever's who took it.
            known = _OF_SPARES.get(spares.state(self.cache, marks[labels.CLUSTER]))
            if known is not None:
                return known
        session = marks[labels.SESSION]
        if session not in self.lives:
            self.lives[session] = life(marks)
        return self.lives[session]

    def remove(self, what: str, how: Callable[[], None]) -> None:
        # What an engine cannot remove must not stop every run after it.
        try:
            if not self.look:
                how()
        except EngineError as error:
            self.swept.left.append(f"{what} (cannot be removed: {error})")
        else:
            self.swept.removed.append(what)


def _dead(container: Container, owner: Life) -> bool:
    if labels.is_kept(container.labels):
        return False
    if owner is Life.UNKNOWN:
        # Only its lease decides: a node powers itself off when that ran out, a builder ends by itself.
        return not container.running and _old(container.labels)
    return owner is Life.DEAD


def _old(marks: Mapping[str, str]) -> bool:
    try:
        age, lease = time.time() - float(marks[labels.CREATED]), float(marks.get(labels.LEASE, "0"))
    except (KeyError, ValueError):
        return False
    return age > lease + _GRACE_SECONDS


def _why_left(container: Container, owner: Life) -> str:
    if labels.is_kept(container.labels):
        return "kept"
    if labels.SPARE in container.labels and owner is Life.UNKNOWN:
        return "for the next run, its lease decides"
    return "in use" if owner is Life.ALIVE else "its owner cannot be seen from here, its lease decides"


def users(cache: Path, cluster: str, own: str) -> list[str]:
    """Sessions other than one's own that use a cluster: they have a folder of its name."""
    folders = cache.glob(f"sessions/*/{cluster}")
    return [one.parent.name for one in folders if one.parent.name != own and lock_life(one.parent / "lock") is Life.ALIVE]


def _dead_folders(cache: Path, own: str | None) -> Iterator[Path]:
    for folder in sorted(cache.glob("sessions/*")):
        if folder.name.startswith("."):
            # A session that is just being opened (see session.py), unless it has been for a minute. Its lock is not
            # looked at before: whoever takes a file lock makes the file and its folder, which are renamed meanwhile.
            dead = _age(folder) > _GRACE_SECONDS and lock_life(folder / "lock") is not Life.ALIVE
        else:
            dead = lock_life(folder / "lock") is Life.DEAD
        if folder.name != own and dead:
            yield folder


def _folders(cache: Path, own: str | None) -> None:
    for folder in _dead_folders(cache, own):
        shutil.rmtree(folder, ignore_errors=True)


def _locks(cache: Path) -> None:
    """A builder unlinks its lock at its end (image/workshop.py); what nobody holds was left by one that was killed."""
    for file in cache.glob("locks/*.lock"):
        lock = FileLock(file)
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            file.unlink(missing_ok=True)  # while it is held: whoever waits for it takes a new one


def _offers(provider: Provider, cache: Path) -> None:
    """Removes offers of clusters that are long gone: another engine's are not seen from here."""
    there = {container.labels.get(labels.CLUSTER) for container in provider.containers({labels.SPARE: None})}
    for file in cache.glob("spares/*"):
        if file.name not in there and _age(file) > _DAY:
            file.unlink(missing_ok=True)


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # opened meanwhile, under its name without the dot, or closed
