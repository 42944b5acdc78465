"""What can be seen of the cache folder without writing to it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_kind.diagnose.doctor.facts import Cache
from pytest_kind.lease.sweep import stale


def see_cache(path: Path, *, thorough: bool, own: str | None = None) -> Cache:
    """The cache folder; it need not be there yet.

    Args:
        thorough: whether its locks are looked at.
        own: a session of the caller's, which is no leftover.
    """
    there = next((one for one in (path, *path.parents) if one.exists()), Path("/"))
    filesystem, options = _mount(there)
    return Cache(
        path=path,
        problem=_problem(path, there),
        filesystem=filesystem,
        noexec="noexec" in options,
        free=_free(there),
        stale=tuple(stale(path, own)) if thorough else (),
        newest=max((one.stat().st_mtime for one in (Path(__file__), there) if one.exists()), default=0.0),
    )


def _problem(path: Path, there: Path) -> str | None:
    for place in (there, *(path / name for name in ("sessions", "locks", "parts"))):
        if not place.exists():
            continue
        if not place.is_dir():
            return f"{place} is no folder"
        if not os.access(place, os.W_OK | os.X_OK):
            read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            return f"{place} is {'on a file system that is mounted read-only' if read_only else 'not to be written by this user'}"
    return None


def _free(there: Path) -> int:
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def _mount(there: Path) -> tuple[str, list[str]]:
    try:
        return mounted(Path("/proc/self/mountinfo").read_text(encoding="utf-8"), there.resolve())
    except OSError:
        return "", []  # not Linux


def mounted(mountinfo: str, place: Path) -> tuple[str, list[str]]:
    """The kind of a place's file system, and the options with which it is mounted there (proc_pid_mountinfo(5))."""
    best: tuple[int, str, list[str]] = (-1, "", [])
    for line in mountinfo.splitlines():
        own, _, rest = line.partition(" - ")
        fields = own.split()
        # Blanks are written as octal numbers; of two mounts at one place the later one is seen.
        mount = Path(fields[4].encode().decode("unicode_escape"))
        if place.is_relative_to(mount) and len(mount.parts) >= best[0]:
            best = (len(mount.parts), rest.split()[0], fields[5].split(","))
    return best[1], best[2]
