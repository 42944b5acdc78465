"""What every step of a build is handed, and how it runs a program of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pytest_kind import labels
from pytest_kind.errors import CommandError
from pytest_kind.provision.provider import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_kind.progress import Progress
    from pytest_kind.provision.provider import Provider


_BUILDER_SECONDS = 7200
_UNUSED_SECONDS = 14 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and for whom a build is done.

    Attributes:
        provider: the engine.
        cache: parts that outlive the build, each under its own digest.
        scratch: a folder of the session's own: whoever finds the session dead may remove it.
        labels: what every container of the build carries.
        progress: who is told.
    """

    provider: Provider
    cache: Path
    scratch: Path
    labels: Mapping[str, str]
    progress: Progress

    def builder(self, image: str, *, purpose: str, volume: str | None = None) -> ContainerSpec:
        """A container to build in. It ends by itself: where nobody sees that its owner died, nothing else would end it."""
        return ContainerSpec(
            name=f"pytest-kind-{purpose}-{self.scratch.name}",
            image=image,
            labels={**self.labels, labels.KIND: "builder", labels.LEASE: str(_BUILDER_SECONDS)},
            entrypoint=["sleep"],
            command=[str(_BUILDER_SECONDS)],
            volume=volume,
        )

    def part(self, name: str, digest: str, make: Callable[[Path], None], usual: float | None = None) -> Path:
        """A cached folder of files, made if it is not there yet: by one process at a time, all of it or nothing.

        Args:
            make: fills an empty folder.
            usual: how long that takes, in seconds.
        """
        place = self._place(name, digest)
        if place.is_dir():
            return _used(place)
        with self.locked(f"part-{name}-{digest}", f"part {name} of the node image"):
            if place.is_dir():
                return _used(place)
            with self.progress.step(f"building {name}", usual):
                fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))
                make(fresh)
                place.parent.mkdir(parents=True, exist_ok=True)
                # The scratch folder lies in the cache's file system: a part is there whole or not at all.
                fresh.replace(place)
            for old in self.cache.glob(f"parts/{name}-*"):
                if old != place and old.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                    shutil.rmtree(old, ignore_errors=True)
        return _used(place)

    def has(self, name: str, digest: str) -> bool:
        """Whether that part is cached."""
        return self._place(name, digest).is_dir()

    def _place(self, name: str, digest: str) -> Path:
        return self.cache / "parts" / f"{name}-{digest}"

    @contextmanager
    def locked(self, name: str, what: str) -> Iterator[None]:
        """Holds a lock of the cache; whoever has to wait says for what."""
        folder = self.cache / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            with self.progress.step(f"waiting for another process that builds {what}"):
                while True:
                    try:
                        lock.acquire(timeout=1)
                        break
                    except Timeout:
                        self.progress.tick()
        try:
            yield
        finally:
            # Unlinked while it is held: whoever waits on it sees that and starts over with a new file (filelock 4).
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    def run(self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Runs a program of this machine to its end and returns its output.

        The program dies with this process, however that one dies.

        Raises:
            CommandError: it ended with something else than 0, or does not exist.
        """
        with tempfile.TemporaryFile(dir=self.scratch) as output:
            try:
                process = subprocess.Popen(
                    [*_tied_to_us(), *argv],
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise CommandError("this machine", argv, 127, str(error)) from error
            try:
                while True:
                    try:
                        code = process.wait(timeout=0.5)
                        break
                    except subprocess.TimeoutExpired:
                        self.progress.tick()
            except BaseException:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            said = output.read().decode(errors="replace")
        if code:
            raise CommandError("this machine", argv, code, said)
        return said


def _used(place: Path) -> Path:
    """A part whose time is that of its last use: what nobody used for long goes when a newer one comes."""
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(place)
    return place


def need(program: str, remedy: str) -> str:
    """The path of a program, or an error that says how to get it."""
    found = shutil.which(program)
    if found is None:
        raise CommandError("this machine", [program], 127, f"{program} is not installed: {remedy}")
    return found


@cache
def _tied_to_us() -> tuple[str, ...]:
    """What is put before a command so that it dies with this process, with its children and mounts where we may."""
    if not shutil.which("setpriv"):
        return ()
    tie = ("setpriv", "--pdeathsig", "KILL", "--")
    namespace = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    allowed = shutil.which("unshare") and subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0
    return (*tie, *namespace) if allowed else tie
