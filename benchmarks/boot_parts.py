"""The parts of the boot benchmark: what is done in each, round by round, the sides in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeVar, cast

import yaml

import boot_engine
import load_image
import unused
from boot_bench import Bench, Cluster, Side
from boot_peer import Peer
from boot_results import PEER, WHATS, Measurement, Results, Summary, figure
from boot_sides import Ours
from pytest_kind import attach
from pytest_kind.api import kubeconfig
from pytest_kind.api.client import make_client
from pytest_kind.progress import Progress
from pytest_kind.provision import docker_engine
from pytest_kind.toolbox import namespaces

if TYPE_CHECKING:
    from pytest_kind import KindCluster

T = TypeVar("T")
NAMESPACES = 5  # in each cluster
IMAGE_MEGABYTES = 52
_GIBIBYTE = 1024**3
# What there must be before one starts: more than was ever seen of either side.
_PLANE, _WORKER, _RESERVE = 0.7 * _GIBIBYTE, 0.35 * _GIBIBYTE, 1.5 * _GIBIBYTE


def needs(clusters: int, nodes: int) -> float:
    """Bytes of memory that so many clusters of so many nodes may take."""
    return clusters * (_PLANE + (nodes - 1) * _WORKER) + _RESERVE


def available(meminfo: str) -> int:
    """Bytes of memory that are free for new processes, of ``/proc/meminfo``."""
    return next(int(line.split()[1]) * 1024 for line in meminfo.splitlines() if line.startswith("MemAvailable:"))


def used(before: str, after: str) -> float:
    """Percent of the processors' time between two readings of ``/proc/stat`` that somebody of this machine used."""

    def read(stat: str) -> tuple[int, int]:
        user, nice, system, idle, waiting, irq, softirq, *_ = map(int, stat.splitlines()[0].split()[1:])
        busy = user + nice + system + irq + softirq  # what the host took (steal) was nobody's to have
        return busy, busy + idle + waiting

    (busy, there), (more, longer) = read(before), read(after)
    return 100 * (more - busy) / max(1, longer - there)


def turns(names: Sequence[str], rounds: int, counts: Sequence[int] = (1,)) -> Iterator[tuple[int, int, str]]:
    """Each name once a round, or once for each count in it, another one first in each round: its number, the count, the name."""
    for number in range(rounds):
        first = number % max(1, len(names))
        yield from ((number, count, name) for count in counts for name in [*names[first:], *names[:first]])


def shown(what: str, values: Sequence[float | None]) -> str:
    """A word for what was measured, and the median, or that it failed."""
    there = [value for value in values if value is not None]
    return f"{what} {figure(Summary.of(there).median)} {WHATS[what].unit}" if there else f"{what} failed"


@dataclass(slots=True)
class Parts:
    """Runs them.

    Attributes:
        sides: by name.
        free: bytes of memory that there are now.
        stat: the processors' time until now, as ``/proc/stat`` has it.
        say: told of what was measured, as it comes: a line for each cluster, or for those of a time.
    """

    bench: Bench
    sides: Mapping[str, Side]
    results: Results
    rounds: int
    free: Callable[[], int]
    stat: Callable[[], str]
    say: Callable[[str], None]

    def boot(self) -> None:
        """One cluster of each side a round: from its process' start to its deletion, and how large it is in between."""
        for number, _, side in turns([*self.sides], self.rounds):
            note, mark = partial(self._note, side, number), len(self.results.measurements)
            cluster = self._try(side, number, "answer", self.sides[side].boot)
            if cluster is not None:
                note("answer", cluster.answered, detail=cluster.phases or None)
                note("handed", cluster.handed)
                if cluster.fixture is not None:
                    note("fixture", cluster.fixture)
                self._try(side, number, "memory", partial(self._look_at, cluster, note, kept=side == "kept"), alone=False)
                self._try(side, number, "namespace", partial(self._namespaces, cluster, note), alone=False)
                seconds = self._try(side, number, "delete", cluster.end)
                if seconds is not None:
                    note("delete", seconds)
            self._say_since(mark)

    def scale(self, counts: Sequence[int]) -> None:
        """Several clusters at a time, each of a process of its own; all of them run until the last one has answered."""
        fitting = self._fitting("scale", {count: needs(count, 1) for count in counts})
        sides = [side for side in ("copied", PEER) if side in self.sides]
        for number, count, side in turns(sides, self.rounds, fitting):
            begin, stat, mark = time.monotonic(), self.stat(), len(self.results.measurements)
            found = self._try(side, number, "scale", partial(self._at_once, self.sides[side], count), count)
            busy = used(stat, self.stat())
            for cluster in found or ():
                self._note(side, number, "scale-each", cluster.answered, count)
            if found:
                self._note(side, number, "scale", max(one.started + one.answered for one in found) - begin, count)
                self._note(side, number, "scale-busy", busy, count)
                self._try(side, number, "scale-each", partial(self._end_all, found), count)
            self._say_since(mark)

    def nodes(self, counts: Sequence[int]) -> None:
        """Clusters of a control plane and workers, until a pod on each of their nodes answers."""
        fitting = self._fitting("nodes", {count: needs(1, count) for count in counts})
        sides = [side for side in ("cold", "copied", PEER) if side in self.sides]
        copied = self.sides.get("copied")
        for count in fitting:
            if isinstance(copied, Ours):
                self._try("copied", -1, "nodes", partial(copied.warm_up, count), count)
        for number, count, side in turns(sides, self.rounds, fitting):
            mark = len(self.results.measurements)
            cluster = self._try(side, number, "nodes", partial(self.sides[side].boot, count), count)
            if cluster is not None:
                self._note(side, number, "nodes", cluster.answered, count, cluster.phases or None)
                self._try(side, number, "nodes", cluster.end, count)
            self._say_since(mark)

    def images(self) -> None:
        """An image of random bytes into a cluster of each side, and the same image again."""
        attempt = partial(self._try, alone=False)
        clusters = {side: one for side in ("copied", PEER) if side in self.sides and (one := attempt(side, 0, "load-new", self.sides[side].boot))}
        engine = docker_engine.connect()
        try:
            loads: dict[str, Callable[[str], None]] = {}
            for side, cluster in clusters.items():
                peer = self.sides[side]
                if isinstance(peer, Peer):
                    loads[side] = partial(peer.load, cluster)
                else:
                    loads[side] = attach.attach(engine, cluster.name, self.bench.folder, Progress()).load_image
            with load_image.image(IMAGE_MEGABYTES) as image:
                for number, _, side in turns([*loads], self.rounds):
                    mark = len(self.results.measurements)
                    load_image.forget(engine, [load_image.Node(name, name) for name in clusters[side].nodes], image)
                    for what in ("load-new", "load-there"):
                        seconds = attempt(side, number, what, partial(load_image.timed, partial(loads[side], image)))
                        if seconds is not None:
                            self._note(side, number, what, seconds)
                    self._say_since(mark)
        finally:
            engine.close()
        for side, cluster in clusters.items():
            attempt(side, 0, "load-new", cluster.end)
        self.bench.tidy()

    def unused(self) -> None:
        """A run of a project that has the plugin installed and does not use it; twice as many as rounds, because they are short."""
        with tempfile.TemporaryDirectory() as folder:
            unused.prepare(folder)
            for number in range(2 * self.rounds):
                mark = len(self.results.measurements)
                with_it, without = unused.seconds(folder), unused.seconds(folder, "-p", "no:kind")
                for what, seconds in (("unused-with", with_it), ("unused-without", without), ("unused", with_it - without)):
                    self._note("ours", number, what, seconds * 1000)
                self._say_since(mark)

    def _look_at(self, cluster: Cluster, note: Callable[..., None], *, kept: bool) -> None:
        note("memory", boot_engine.memory(cluster.nodes))
        if not kept:  # that has been left alone already
            time.sleep(self.bench.settle)
            note("memory-later", boot_engine.memory(cluster.nodes))
        written, volume = boot_engine.disk(cluster.nodes)
        note("disk-written", written)
        note("disk-volume", volume)

    def _namespaces(self, cluster: Cluster, note: Callable[..., None]) -> None:
        with tempfile.TemporaryDirectory(dir=self.bench.folder) as folder:
            document = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
            client = make_client(kubeconfig.credentials(document), Path(folder))
            handle = cast("KindCluster", SimpleNamespace(client=client))
            try:
                namespaces.create(handle, "first")  # which connects
                for _ in range(NAMESPACES):
                    note("namespace", load_image.timed(partial(namespaces.create, handle, "fresh")))
            finally:
                client.close()  # type: ignore[no-untyped-call]

    def _at_once(self, side: Side, count: int) -> list[Cluster]:
        with ThreadPoolExecutor(count) as pool:
            try:
                waiting = [pool.submit(side.boot) for _ in range(count)]
                return [one.result() for one in waiting]
            except KeyboardInterrupt:
                self.bench.close()  # or the threads would wait for what they started
                raise

    @staticmethod
    def _end_all(clusters: Sequence[Cluster]) -> None:
        with ThreadPoolExecutor(len(clusters)) as pool:
            for _ in pool.map(lambda one: one.end(), clusters):
                pass

    def _fitting(self, part: str, needed: Mapping[int, float]) -> list[int]:
        free = self.free()
        fitting = [count for count, memory in needed.items() if memory <= free]
        for count in needed:
            if count not in fitting:
                short = f"{needed[count] / _GIBIBYTE:.1f} GiB of memory may be needed and {free / _GIBIBYTE:.1f} were free"
                self.results.left_out.append(f"{count} {WHATS[part].counted}: {short}")
                self.say(f"left out: {self.results.left_out[-1]}")
        return fitting

    def _note(self, side: str, number: int, what: str, value: float, count: int = 1, detail: dict[str, float] | None = None) -> None:
        self.results.measurements.append(Measurement(what, side, number, value, count, detail))

    def _say_since(self, mark: int) -> None:
        """A line of what was measured since then: of one side, in one round."""
        found = self.results.measurements[mark:]
        if found:
            first, values = found[0], dict[str, list[float | None]]()
            for one in found:
                values.setdefault(one.what, []).append(one.value)
            several = f"{WHATS[first.what].counted} {first.count}: " if WHATS[first.what].counted else ""
            self.say(f"round {first.round + 1:>2}  {first.side:<6}  {several}{', '.join(shown(what, some) for what, some in values.items())}")

    def _try(self, side: str, number: int, what: str, work: Callable[[], T], count: int = 1, *, alone: bool = True) -> T | None:
        """What comes of it; where it fails, that is noted: the other measurements are worth having.

        Args:
            alone: whether no cluster is in use when it has failed, so that everything can go.
        """
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.results.measurements.append(Measurement(what, side, number, None, count, type(error).__name__))
            self.say(f"round {number + 1:>2}  {side:<6}  {what} failed: {error}")
            if alone:
                self.bench.tidy()
            return None
