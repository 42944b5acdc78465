"""A Docker engine of a drill's own, in a network namespace of its own, which may be stopped, crashed and started again."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pytest_kind.image.inputs import read_inputs
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

_SECONDS = 120.0  # of a stop or a start with machines; the engine gives each container ten, then kills it
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET; Python has os.unshare from 3.12 on
_PROGRAMS, _SHIM = ("dockerd", "containerd"), "containerd-shim"
_ELSEWHERE = ("/opt/pytest-kind/engine/usr/sbin", "/opt/pytest-kind/engine/usr/bin")  # where an engine may be that is not on PATH


@dataclass(slots=True, kw_only=True)
class _Process:
    id: int
    parent: int
    words: str

    @property
    def program(self) -> str:
        return self.words.partition(" ")[0].rpartition("/")[2]


@dataclass(kw_only=True)
class OwnEngine:
    """An engine whose everything is below one folder. Only processes that it started, or that they did, are ever ended.

    Attributes:
        folder: its data, its socket, its log.
        options: more of dockerd's.
    """

    folder: Path
    options: tuple[str, ...] = ("--storage-driver=overlay2",)
    _daemon: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def host(self) -> str:
        """Its address, as ``DOCKER_HOST`` has it."""
        return f"unix://{self.folder}/sock"

    def fill(self, spare: int = 0) -> None:
        """Fills the disk of its own but for so many bytes, until :meth:`empty`."""
        data = self.folder / "data"
        with (data / "filler").open("wb") as filler, suppress(OSError):  # ext4 takes all there is, then says it was too little
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(data).free - spare)

    def empty(self) -> None:
        """Makes room again."""
        (self.folder / "data" / "filler").unlink()

    def start(self) -> None:
        """Starts it and waits until it answers: by then it has started the containers that it starts by itself."""
        places = {"host": self.host, "data-root": self.folder / "data", "exec-root": self.folder / "exec", "pidfile": self.folder / "pid"}
        # Its mounts are its own; and it ends with this process, however that ends.
        wrapped = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", _program("dockerd")]
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [*wrapped, *(f"--{name}={value}" for name, value in places.items()), *self.options],
                env={**os.environ, "PATH": _path()},
                stdout=log,
                stderr=log,
            )
        wait_for("the engine's own answer", self._answers, Deadline(_SECONDS))

    def _answers(self) -> NotYet | bool:
        assert self._daemon is not None
        said = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return True
        tail = (self.folder / "log").read_text(encoding="utf-8").splitlines()[-5:]
        assert self._daemon.poll() is None, "\n".join(["the engine ended:", *tail])
        return NotYet(said.stderr.strip())

    def stop(self) -> None:
        """As a service manager does it: the engine stops its containers, then itself."""
        assert self._daemon is not None
        self._daemon.terminate()
        self._daemon.wait(_SECONDS)
        self._daemon = None

    def crash(self) -> None:
        """Kills the engine and its containerd. What runs in containers goes on."""
        self._kill([one for one in self._processes() if not one.program.startswith(_SHIM)])

    def cut(self) -> None:
        """Kills everything of it, containers too, as a power cut does."""
        everything = self._processes()
        shims = {one.id for one in everything if one.program.startswith(_SHIM)}
        self._kill([*everything, *(one for one in _processes() if one.parent in shims)])

    def _processes(self) -> list[_Process]:
        """The engine's, containerd's, and those that hold containers: all are told of the folder when they are started."""
        return [one for one in _processes() if one.program.startswith(_PROGRAMS) and str(self.folder) in one.words]

    def _kill(self, victims: list[_Process]) -> None:
        for one in victims:
            with suppress(ProcessLookupError):
                os.kill(one.id, signal.SIGKILL)
        if self._daemon is not None:
            self._daemon.wait(_SECONDS)
            self._daemon = None
        gone = {one.id for one in victims}
        wait_for("the end of what was killed", lambda: _left(gone), Deadline(_SECONDS))

    def docker(self, *argv: str) -> str:
        """What the engine's own command says."""
        return subprocess.run(["docker", "--host", self.host, *argv], check=True, stdout=subprocess.PIPE, text=True).stdout

    def bring(self, image: str) -> None:
        """Copies an image of the default engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "--host", self.host, "load", "--quiet"], stdin=saved.stdout, check=True, stdout=subprocess.DEVNULL)
        assert saved.returncode == 0, f"docker save {image} ended with {saved.returncode}"


@contextmanager
def network_of_its_own() -> Iterator[None]:
    """This thread, and what it starts, in a network namespace with nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open("rb") as home:
        assert libc.unshare(_NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert libc.setns(home.fileno(), _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())


@contextmanager
def running(*options: str, disk: int = 0) -> Iterator[OwnEngine]:
    """An engine with nothing in it, this thread in its network; gone at the end with everything in it.

    Args:
        disk: how many bytes a disk of its own has, if it has one.
    """
    with tempfile.TemporaryDirectory(prefix="own-engine-") as folder, network_of_its_own(), _disk(Path(folder), disk) if disk else nullcontext():
        engine = OwnEngine(folder=Path(folder), **({"options": options} if options else {}))
        try:
            engine.start()
            yield engine
        finally:
            if engine._daemon is not None and engine._daemon.poll() is None:
                engine.stop()
            engine.cut()


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[None]:
    """A file system in a file, where the engine's data will be."""
    place = folder / "data"
    place.mkdir()
    with (folder / "disk").open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", folder / "disk"], check=True)
    subprocess.run(["mount", "-o", "loop", folder / "disk", place], check=True)
    try:
        yield
    finally:
        # What the engine mounted below is in a namespace of its own, which may take a moment to go.
        subprocess.run(["umount", "--lazy", place], check=True)


def node_image() -> str:
    """The tag of this checkout's node image, which any test on a cluster makes in the default engine."""
    provider = docker_engine.connect()
    try:
        return read_inputs(provider.info().architecture).tag
    finally:
        provider.close()


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], *_ELSEWHERE])


def _program(name: str) -> str:
    found = shutil.which(name, path=_path())
    assert found is not None, f"there is no {name}"
    return found


def _processes() -> list[_Process]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found.append(_Process(id=int(place.name), parent=int(parent), words=words))
    return found


def _left(ids: set[int]) -> NotYet | bool:
    there = [one for one in _processes() if one.id in ids]
    return NotYet(f"{there[0].words} runs") if there else True
