"""A cluster on the fake engine, and what it was asked to wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from pytest_kind import nodes
from pytest_kind.cluster import Maker, Request
from pytest_kind.peer import KindCluster
from pytest_kind.toolbox.faults import components
from support.clusters import config_of
from support.engine import FakeEngine

MakeCluster = Callable[[int, int], KindCluster]


@dataclass
class Waits:
    """How often the whole cluster was waited for, for how long at most; ``fails`` is raised the next time."""

    seconds: list[float] = field(default_factory=list)
    fails: Exception | None = None


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Stands in for waiting until a cluster is well, which has tests of its own."""
    found = Waits()

    def wait_until_well(_: KindCluster, timeout: float) -> None:
        found.seconds.append(timeout)
        if found.fails is not None:
            raise found.fails

    monkeypatch.setattr(nodes, "wait_until_well", wait_until_well)
    return found


@pytest.fixture
def make(maker: Maker, engine: FakeEngine, waits: Waits) -> Iterator[MakeCluster]:
    """Makes clusters of so many control planes and workers, named ``c``, on whose nodes no container of the control plane runs."""
    del waits
    for script in (components._KILL, components._LIST):
        engine.answer(["sh", "-c", script], ".")
    made: list[KindCluster] = []

    def cluster(control_planes: int, workers: int) -> KindCluster:
        made.append(KindCluster.of(maker.make(replace(Request(config=config_of(control_planes, workers), name="c")))))
        return made[-1]

    yield cluster
    for one in made:
        one.delete()


@pytest.fixture
def cluster(make: MakeCluster) -> KindCluster:
    """A control plane and two workers."""
    return make(1, 2)
