"""A session: the process that makes things, told alive or dead by a lock that the kernel releases when it dies.

Layout of the cache folder (all of it may be deleted at any time; what is lost is time)::

    parts/<name>-<digest>/     compiled parts of node images
    locks/<what>.lock          one builder at a time
    sessions/<id>/             of one process: lock, kubeconfig, keys, scratch; private; gone with the session
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pytest_kind import labels
from pytest_kind.errors import UsageError


class Life(Enum):
    """What is known of the process that made an object."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """Its lock cannot be seen from here: another machine, another container, a deleted cache. Its lease decides."""


@dataclass(slots=True)
class Session:
    """Open from before the first thing is made until after the last is removed."""

    id: str
    folder: Path
    _lock: FileLock

    @classmethod
    def open(cls, cache: Path) -> Session:
        """A new session in a cache folder.

        Raises:
            UsageError: the folder cannot be written.
        """
        identifier = secrets.token_hex(8)
        folder = cache / "sessions" / identifier
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # The sweep of another process takes folders whose lock is free: so the folder appears with its lock held.
            fresh = cache / "sessions" / f".{identifier}"
            fresh.mkdir(mode=0o700)
            lock = FileLock(fresh / "lock")
            lock.acquire(timeout=5)
            fresh.rename(folder)
        except OSError as error:
            raise UsageError(f"--kind-cache-dir: {cache} cannot be used: {error}") from error
        return cls(identifier, folder, lock)

    def labels(self, *, keep: bool = False, lease: int = 0) -> dict[str, str]:
        """What everything that this session makes carries: facts of its creation."""
        return {
            labels.SESSION: self.id,
            labels.OWNER: json.dumps({**_process(), "lock": str(self.folder / "lock")}, sort_keys=True),
            labels.CREATED: f"{time.time():.0f}",
            labels.KEEP: "true" if keep else "false",
            labels.LEASE: str(0 if keep else lease),
        }

    def close(self) -> None:
        """Releases the lock and removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""  # not Linux


def _process() -> dict[str, Any]:
    pid = os.getpid()
    stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return {
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "pidns": str(Path("/proc/self/ns/pid").readlink()) if sys.platform == "linux" else "",
        "pid": pid,
        "start": stat[19] if stat else "",
    }


def life(marks: dict[str, str] | Any) -> Life:  # noqa: ANN401 - any mapping of labels
    """What is known of the process that made the object with these labels.

    A missing lock file means unknown, never dead: the name of a session's folder is random, so a file that is there is
    that session's, and a file that is not may lie in a place that this process does not see.
    """
    try:
        owner = json.loads(marks[labels.OWNER])
        lock, boot = Path(owner["lock"]), owner["boot"]
    except (KeyError, ValueError, TypeError):
        return Life.UNKNOWN
    if boot != _read("/proc/sys/kernel/random/boot_id"):
        return Life.UNKNOWN
    return lock_life(lock)


def lock_life(lock: Path) -> Life:
    """Whether somebody holds a lock file."""
    probe = FileLock(lock)
    try:
        if not lock.exists():
            return Life.UNKNOWN
        probe.acquire(timeout=0)
    except Timeout:
        return Life.ALIVE
    except OSError:
        return Life.UNKNOWN  # another user's
    probe.release()
    return Life.DEAD
