"""What both sides of the boot benchmark stand on: a folder, the processes that were started, the clusters that were made."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import boot_engine
from boot_engine import BenchmarkError
from pytest_kind.labels import ROLE_CONTROL_PLANE, ROLE_WORKER
from pytest_kind.naming import node_name

PROCESS_SECONDS = 1200.0  # for any one, whatever it waits for
_STOP_SECONDS = 60
_LAST_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster whose pods have answered, and that is there until its end.

    Attributes:
        name: of it.
        started: the moment at which its process was.
        handed: seconds from its process' start until it was in somebody's hands.
        answered: seconds from its process' start until the pods answered.
        fixture: seconds that its fixture took; of ours.
        phases: seconds of each phase of its boot; of ours.
        nodes: the names of its containers.
        kubeconfig: a file.
        end: ends it, and returns how many seconds its deletion took, unless it was kept.
    """

    name: str
    started: float
    handed: float
    answered: float
    fixture: float | None
    phases: dict[str, float]
    nodes: tuple[str, ...]
    kubeconfig: Path
    end: Callable[[], float | None]


class Side(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str: ...

    def boot(self, nodes: int = 1) -> Cluster:
        """A process that makes a cluster, until its pods answer.

        Raises:
            KindError: it did not come so far. Nothing of it is left when the bench is closed.
        """


class Bench:
    """Where the benchmark works. To be closed: everything that it started goes with it.

    Attributes:
        folder: private; gone at the end.
        settle: seconds for which a cluster is left alone before it is looked at again.
        node_image: the id of the node image, once there was a cluster of it.
        web_image: an image on it that serves pages, likewise.
    """

    def __init__(self, settle: float) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="boot-benchmark-")
        self.folder = Path(self._temporary.name)
        self.settle = settle
        self.node_image = ""
        self.web_image = ""
        self._lock = threading.Lock()
        self._closing = False
        self._processes = list[subprocess.Popen[bytes]]()
        self._made = set[str]()
        self._undo = contextlib.ExitStack()

    def at_end(self, undo: Callable[[], object]) -> None:
        """Something that is to be undone when all clusters are gone."""
        self._undo.callback(undo)

    def new_name(self) -> str:
        """A cluster's. All are as long: copies are made of a frozen cluster whose name is."""
        name = f"bench-{secrets.token_hex(4)}"
        with self._lock:
            self._made.add(name)
        return name

    def is_gone(self, name: str) -> None:
        """Nothing of that cluster is left."""
        with self._lock:
            self._made.discard(name)

    def start(self, argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A process in a session of its own, so that a Ctrl-C reaches it by us; what it says is in ``folder/output``.

        Raises:
            BenchmarkError: the bench is being closed.
        """
        with self._lock, (folder / "output").open("wb") as output:
            if self._closing:
                raise BenchmarkError("the benchmark ends")
            one = subprocess.Popen(
                argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._processes.append(one)
        return one

    def tidy(self) -> None:
        """Ends and removes what failed: to be called when nothing is in use."""
        stop(self._processes)
        boot_engine.discard(sorted(self._made))
        self._made.clear()

    def close(self) -> None:
        """Ends every process, and removes every cluster that is left."""
        with self._lock:
            self._closing = True
            processes = self._processes
        try:
            stop(processes)
            boot_engine.discard(sorted(self._made))
        finally:
            with self._undo:
                self._temporary.cleanup()


def node_names(cluster: str, nodes: int) -> tuple[str, ...]:
    """Those of a control plane and workers: kind's names for them are ours."""
    return (node_name(cluster, ROLE_CONTROL_PLANE, 0), *(node_name(cluster, ROLE_WORKER, number) for number in range(nodes - 1)))


def last_words(folder: Path) -> str:
    """What a process said of errors, as kind and pytest mark them; else the end of what it said."""
    lines = (folder / "output").read_text(encoding="utf-8", errors="replace").splitlines()
    marked = [line for line in lines if line.startswith(("ERROR", "E  ", "error:"))]
    return "\n".join((marked or lines)[-_LAST_LINES:])


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Asks those processes that still run to end, as a terminal does, then ends them and what they started."""
    there = [one for one in processes if one.poll() is None]
    for one in there:
        one.send_signal(signal.SIGINT)
    for one in there:
        try:
            one.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
