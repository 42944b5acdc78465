"""The cache folder and the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity, Sweep

GIB = 1 << 30
_DISK_OF_BUILD = 4 * GIB
_REMOTE = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "virtiofs",
}
# A certificate is valid from five minutes before it is made (kubeadm's CertificateBackdate).
_SKEW_SECONDS = 5.0
_PAST_SECONDS = 86400.0

UNWRITABLE = Rule(
    id="cache-unwritable",
    severity=Severity.ERROR,
    what="the cache folder cannot be written",
    why="locks and sessions lie there: without them no run knows which clusters are whose",
    remedy="choose another: --kind-cache-dir=DIR, PYTEST_KIND_CACHE_DIR",
    early=True,
)
REMOTE = Rule(
    id="cache-network",
    severity=Severity.WARNING,
    what="the cache folder is on a network file system",
    why="locks may not hold there: two runs could build at once, or take each other's clusters for dead",
    remedy="choose a folder on a local disk: --kind-cache-dir=DIR, PYTEST_KIND_CACHE_DIR",
    early=True,
)
NOEXEC = Rule(
    id="cache-noexec",
    severity=Severity.WARNING,
    what="programs in the cache folder cannot run (mounted noexec)",
    why="the suite of upstream specs is compiled into it and run from there",
    remedy="choose a folder elsewhere: --kind-cache-dir=DIR, PYTEST_KIND_CACHE_DIR",
)
SPACE = Rule(
    id="cache-space",
    severity=Severity.WARNING,
    what="a node image would have to be built, and there is little room in the cache folder",
    why="Go compiles Kubernetes there",
    remedy="make room, or choose another: --kind-cache-dir=DIR, PYTEST_KIND_CACHE_DIR",
)
STALE = Rule(
    id="stale-locks",
    severity=Severity.NOTE,
    what="the cache folder has locks that nobody holds, or folders of dead sessions",
    why="a killed run left them; they stop nobody, and the next run removes them",
    remedy="`pytest-kind gc`",
    fixable=True,
)
SKEW = Rule(
    id="clock-skew",
    severity=Severity.WARNING,
    what="the clocks of this machine and of the engine's differ by more than 5 seconds",
    why="logs and events do not fit the tests' times; from 5 minutes on certificates of a new cluster are not valid yet",
    remedy="set the clock: `sudo chronyc makestep`; Docker Desktop's VM gets it right when it is restarted",
    early=True,
)
PAST = Rule(
    id="clock-past",
    severity=Severity.WARNING,
    what="this machine's clock is more than a day before files that are there already",
    why="certificates of registries and package servers are not valid yet by it: downloads fail",
    remedy="set the clock: `sudo chronyc makestep`, `sudo date -s …`",
    early=True,
)
RULES = (UNWRITABLE, REMOTE, NOEXEC, SPACE, STALE, SKEW, PAST)


def places(facts: Facts) -> Iterator[Finding]:
    """Where things lie, and when."""
    cache = facts.cache
    if cache.problem is not None:
        yield UNWRITABLE.found(f"{cache.path}: {cache.problem}")
    if cache.filesystem in _REMOTE:
        yield REMOTE.found(f"{cache.path} is on {cache.filesystem}")
    if cache.noexec:
        yield NOEXEC.found(f"{cache.path}")
    if facts.holdings.image is False and cache.free is not None and cache.free < _DISK_OF_BUILD:
        yield SPACE.found(f"{cache.free / GIB:.1f} GiB free in {cache.path}; a build takes about {_DISK_OF_BUILD / GIB:.0f}")
    if cache.stale:
        yield STALE.found(f"{len(cache.stale)} in {cache.path}: {', '.join(cache.stale)}", fix=Sweep())
    if facts.engine is not None and abs(facts.engine.ahead) > _SKEW_SECONDS:
        yield SKEW.found(f"the engine's clock is {abs(facts.engine.ahead):.0f} s {'ahead' if facts.engine.ahead > 0 else 'behind'}")
    if cache.newest - facts.here.now > _PAST_SECONDS:
        now, newest = (datetime.fromtimestamp(one, UTC) for one in (facts.here.now, cache.newest))
        yield PAST.found(f"it says {now:%Y-%m-%d}, and there are files of {newest:%Y-%m-%d}")
