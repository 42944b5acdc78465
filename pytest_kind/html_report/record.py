"""What is recorded of the clusters of a run. Nothing that cannot be had is more than a line."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind.boot.copy import Credentials
from pytest_kind.html_report.follow import Events, Pods
from pytest_kind.html_report.model import Cluster, Event, Node, Phase
from pytest_kind.html_report.sampling import Sampler
from pytest_kind.provision import docker_engine
from pytest_kind.timeline.record import Record as Boots
from pytest_kind.timeline.svg import picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_kind.handle import KindCluster
    from pytest_kind.timeline.model import Boot

# What a cluster that was there had done with it -> how it is called. See cluster.py.
_WAYS = {"attach": "kept", "take": "warm"}


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A cluster that is there, or was."""

    cluster: KindCluster
    boot: Boot
    events: Events
    pods: Pods
    ended: float | None = None
    nodes: tuple[Node, ...] = ()


class Record:
    """The clusters of a run, from when they are ready until they end. Several threads may make them."""

    def __init__(self) -> None:
        self._boots = Boots()
        self._watched: list[_Watched] = []
        self._failed: list[Boot] = []
        self._sampler = Sampler(docker_engine.connect)
        self._lock = threading.Lock()
        # Boots are told by a clock that only goes on; the page has that of the day.
        self._day = time.time() - time.monotonic()

    @property
    def engine(self) -> str:
        """What the engine says that it is, once a cluster was there."""
        return self._sampler.engine

    @property
    def problems(self) -> list[str]:
        """A line for each thing that could not be had."""
        followers = [one for watched in self._watched for one in (watched.events, watched.pods)]
        lost = [f"cluster {one.cluster}: {one.path}: {one.problem}" for one in followers if one.problem is not None]
        idle = [] if self._sampler.problem is None else [f"what nodes use: {self._sampler.problem}"]
        return [*self._boots.problems, *lost, *idle]

    @property
    def events(self) -> tuple[list[Event], int]:
        """The latest events of each cluster, and how many there were beside those."""
        known = [event for one in self._watched for event in one.events.known]
        return known, sum(one.events.count for one in self._watched) - len(known)

    @property
    def clusters(self) -> list[Cluster]:
        """All of them, in the order in which they began."""
        found = [_known(one, self._day) for one in self._watched]
        found += [
            Cluster(
                name=one.cluster, how="failed", began=one.began + self._day, ready=None, ended=one.began + one.end + self._day, picture=picture([one])
            )
            for one in self._failed
        ]
        return sorted(found, key=lambda one: one.began)

    def ready(self, cluster: KindCluster) -> None:
        """A cluster is there; from now on it is watched."""
        watched = _Watched(
            cluster=cluster,
            boot=self._boots.ready(cluster),
            events=Events(cluster.name, cluster.kubeconfig_path),
            pods=Pods(cluster.name, cluster.kubeconfig_path),
        )
        with self._lock:
            first = not self._watched
            self._watched.append(watched)
        self._sampler.add(cluster)
        if first:
            self._sampler.start()
        watched.events.start()
        watched.pods.start()

    def ends(self, cluster: KindCluster) -> None:
        """A cluster goes, or the run lets go of it."""
        for one in self._watched:
            if one.cluster is cluster and one.ended is None:
                self._end(one)

    def failed(self, name: str) -> None:
        """A cluster did not come up."""
        boot = self._boots.failed(name)
        with self._lock:
            self._failed.append(boot)

    def close(self) -> None:
        """Ends what is still watched."""
        for one in self._watched:
            if one.ended is None:
                self._end(one)
        self._sampler.stop()

    def _end(self, watched: _Watched) -> None:
        watched.ended = time.time()
        watched.nodes = self._sampler.remove(watched.cluster)
        watched.events.stop()
        watched.pods.stop()


def way_of(phases: Sequence[tuple[str, float]]) -> str:
    """How a cluster came to be: ``cold``, ``copied``, ``warm`` or ``kept``.

    Args:
        phases: what was done for it.
    """
    names = [name for name, _ in phases]
    if Credentials.name in names:  # a copy alone gets them as a step
        return "copied"
    return _WAYS.get(names[0], "cold") if len(names) == 1 else "cold"


def _known(watched: _Watched, day: float) -> Cluster:
    boot = watched.boot
    began = boot.began + day
    return Cluster(
        name=boot.cluster,
        how=way_of(watched.cluster.phases),
        began=began,
        ready=began + (boot.end if boot.ready is None else boot.ready),
        ended=watched.ended,
        phases=tuple(Phase(one.name, began + one.start, one.seconds) for one in boot.lanes[0].spans),
        kubernetes=watched.events.kubernetes,
        image=watched.cluster.image_digest,
        nodes=watched.nodes,
        pods=watched.pods.counts.known,
        silent=tuple(watched.events.silent),
        picture="" if boot.ready is None else picture([boot]),
    )
