"""What nodes use, as far as the engine says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import pytest

from pytest_kind import labels
from pytest_kind.errors import EngineError, UsageError
from pytest_kind.handle import KindCluster
from pytest_kind.html_report.sampling import Sampler
from pytest_kind.node import KindNode
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.engine import FakeEngine


@dataclass
class Nodes:
    """As much of a cluster as is looked at."""

    nodes: tuple[KindNode, ...]


def until(what: str, true: Callable[[], object]) -> None:
    wait_for(what, lambda: True if true() else NotYet("not yet"), Deadline(30), every=0.01)


@pytest.fixture
def sampler(engine: FakeEngine) -> Iterator[Sampler]:
    made = Sampler(lambda: engine, every=0.01)
    yield made
    made.stop()


def cluster_of(engine: FakeEngine, name: str, *states: str) -> KindCluster:
    nodes = [
        KindNode(f"{name}-{number}", "worker", engine.add_container(f"{name}-{number}", {labels.CLUSTER: name}, state), engine)
        for number, state in enumerate(states)
    ]
    return cast("KindCluster", Nodes(tuple(nodes)))


def test_each_node_that_runs_is_asked_again_and_again(engine: FakeEngine, sampler: Sampler) -> None:
    one, other = cluster_of(engine, "a", "running", "exited"), cluster_of(engine, "b", "running")
    sampler.add(one)
    sampler.add(other)
    sampler.start()
    until("it asked", lambda: engine._asked > 6)
    ran, off = sampler.remove(one)
    assert (ran.name, ran.role, off.name, off.uses) == ("a-0", "worker", "a-1", ())
    assert [use.cpu for use in ran.uses] == sorted(use.cpu for use in ran.uses)
    assert {use.memory for use in ran.uses} == {400 << 20}
    assert sampler.remove(one)[0].uses == ()  # it is forgotten
    assert len(sampler.remove(other)[0].uses) > 1


def test_a_node_that_comes_later_is_asked_and_one_that_went_is_told_of(engine: FakeEngine, sampler: Sampler) -> None:
    cluster = cluster_of(engine, "a", "running")
    sampler.add(cluster)
    sampler.start()
    until("it asked", lambda: engine._asked > 2)
    cast("Nodes", cluster).nodes = cluster_of(engine, "later", "running").nodes
    before = engine._asked
    until("it asked the other", lambda: engine._asked > before + 2)
    assert [one.name for one in sampler.remove(cluster)] == ["a-0", "later-0"]


def test_an_engine_that_says_nothing_for_a_while_is_no_problem_at_the_end(engine: FakeEngine, sampler: Sampler) -> None:
    engine.fail("usage", EngineError("it hangs\nand hangs"))
    cluster = cluster_of(engine, "a", "running")
    sampler.add(cluster)
    sampler.start()
    until("it asked again", lambda: engine._asked > 2)
    assert sampler.problem is None


def test_an_engine_that_is_gone_is_one() -> None:
    def gone() -> FakeEngine:
        raise UsageError("no engine answers\nand so on")

    sampler = Sampler(gone, every=0.01)
    sampler.start()
    until("it tried", lambda: sampler.problem)
    sampler.stop()
    assert sampler.problem == "no engine answers"


def test_its_connection_is_closed(engine: FakeEngine) -> None:
    sampler = Sampler(lambda: engine, every=0.01)
    sampler.add(cluster_of(engine, "a", "running"))
    sampler.start()
    until("it asked", lambda: engine._asked)
    sampler.stop()
    assert engine.calls[-1] == "close"
