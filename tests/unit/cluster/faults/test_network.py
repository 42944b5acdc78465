"""Rules between nodes: who drops whose packets, and that they go again."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.peer import KindCluster
from support.engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import MakeCluster, Waits


def mac(cluster: KindCluster, name: str) -> str:
    return next(one.machine.place.mac for one in cluster._machines if one.name == f"c-{name}")


def dropped(cluster: KindCluster, engine: FakeEngine) -> set[tuple[str, str]]:
    """Whom each machine does not hear, by what was inserted and deleted on it."""
    names = {one.machine.place.mac: one.name for one in cluster._machines}
    found: set[tuple[str, str]] = set()
    for name in names.values():
        for line in engine.execs(name):
            if " partition " in line:
                pairs = {(name, names[one]) for one in line.partition(" partition ")[2].split()}
                found = found | pairs if "--insert" in line else found - pairs
    return {(who.removeprefix("c-"), whom.removeprefix("c-")) for who, whom in found}


def test_two_nodes(cluster: KindCluster, engine: FakeEngine, waits: Waits) -> None:
    _, one, other = cluster.nodes
    with cluster.partition(one, other):
        assert dropped(cluster, engine) == {("worker", "worker2"), ("worker2", "worker")}
        assert waits.seconds == []
    assert dropped(cluster, engine) == set()
    assert waits.seconds == [120.0]


def test_groups_names_and_the_load_balancer(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 1)
    with cluster.partition([cluster.nodes[0], "c-worker"], "c-external-load-balancer", wait=False):
        assert dropped(cluster, engine) == {
            ("control-plane", "external-load-balancer"),
            ("worker", "external-load-balancer"),
            ("external-load-balancer", "control-plane"),
            ("external-load-balancer", "worker"),
        }
    assert dropped(cluster, engine) == set()


def test_an_isolated_node_hears_nobody_and_nobody_hears_it(cluster: KindCluster, engine: FakeEngine) -> None:
    with cluster.isolated("c-worker"):
        assert dropped(cluster, engine) == {
            ("worker", "control-plane"),
            ("worker", "worker2"),
            ("control-plane", "worker"),
            ("worker2", "worker"),
        }
    assert dropped(cluster, engine) == set()


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (lambda c: c.partition("c-worker", []), "partition([c-worker], []): each side takes at least one node"),
        (
            lambda c: c.partition(["c-worker", "c-worker2"], [c.nodes[2], "c-worker"]),
            "partition([c-worker, c-worker2], [c-worker2, c-worker]): c-worker, c-worker2 is on both sides",
        ),
        (
            lambda c: c.partition("worker", "c-worker2"),
            "partition([worker], [c-worker2]): 'worker' is no machine of cluster c; its machines are c-control-plane, c-worker, c-worker2",
        ),
        (lambda c: c.isolated("x"), "isolated(x): 'x' is no machine of cluster c; its machines are c-control-plane, c-worker, c-worker2"),
        (
            lambda c: c.nodes[1].slow(delay=-1, loss=2),
            (
                "slow() of c-worker: delay: -1 is not accepted; accepted are seconds from 0 to 60; "
                "loss: 2 is not accepted; accepted is a share from 0 to 1"
            ),
        ),
        (lambda c: c.nodes[1].slow(delay=1, jitter=61), "slow() of c-worker: jitter: 61 is not accepted; accepted are seconds from 0 to 60"),
        (lambda c: c.nodes[1].slow(), "slow() of c-worker: one of delay and loss must be more than 0"),
    ],
)
def test_what_is_not_accepted(
    cluster: KindCluster, engine: FakeEngine, cause: Callable[[KindCluster], AbstractContextManager[None]], message: str
) -> None:
    before = engine.calls
    with pytest.raises(UsageError) as caught, cause(cluster):
        pytest.fail("the block must not run")
    assert str(caught.value) == message
    assert engine.calls == before


def test_the_only_node_has_nobody_to_be_isolated_from(make: MakeCluster) -> None:
    with pytest.raises(UsageError, match=r"^isolated\(c-control-plane\): cluster c has no other node$"), make(1, 0).isolated("c-control-plane"):
        pytest.fail("the block must not run")


def test_a_rule_that_one_node_does_not_take_is_taken_back_on_the_others(cluster: KindCluster, engine: FakeEngine, waits: Waits) -> None:
    engine.answer(["sh", "-c"], "no chain by that name", code=1, on="c-worker2", times=1)
    with pytest.raises(KindError, match=r"(?s)^c-worker2: .*no chain by that name$"), cluster.partition("c-worker", "c-worker2"):
        pytest.fail("the block must not run")
    assert dropped(cluster, engine) == set()
    assert waits.seconds == []


@pytest.mark.parametrize("end", ["kill", "remove"])
def test_a_node_whose_rules_went_with_it_is_not_asked(cluster: KindCluster, engine: FakeEngine, end: str) -> None:
    _, one, other = cluster.nodes
    with cluster.partition(one, other):
        if end == "kill":
            one.kill()
        else:
            engine.remove(one.container)
    assert [line for line in engine.execs("c-worker") if "--delete" in line] == []
    assert [line for line in engine.execs("c-worker2") if "--delete" in line] != []


def test_a_paused_node_cannot_be_mended_the_other_one_is_and_it_is_said(cluster: KindCluster, engine: FakeEngine) -> None:
    _, one, other = cluster.nodes
    with pytest.raises(KindError, match=r"^partition\(.*\): could not be undone: container c-worker is not running$"), cluster.partition(one, other):
        engine.pause(one.container)
    assert "--delete" in engine.execs("c-worker2")[-1]


def slow_words(engine: FakeEngine) -> list[str]:
    return [line.partition(" slow ")[2] for line in engine.execs("c-worker") if "qdisc add" in line]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"delay": 0.1}, "delay 100ms 0ms loss 0%"),
        ({"delay": 0.05, "jitter": 0.01, "loss": 0.25}, "delay 50ms 10ms loss 25%"),
        ({"loss": 1}, "delay 0ms 0ms loss 100%"),
    ],
)
def test_a_slow_node(cluster: KindCluster, engine: FakeEngine, waits: Waits, values: dict[str, Any], words: str) -> None:
    with cluster.nodes[1].slow(**values):
        assert slow_words(engine) == [words]
    assert "qdisc delete" in engine.execs("c-worker")[-1]
    assert waits.seconds == [120.0]


def test_a_slow_node_that_was_killed_is_quick_when_it_starts(cluster: KindCluster, engine: FakeEngine) -> None:
    worker = cluster.nodes[1]
    with worker.slow(delay=0.1):
        worker.kill()
    assert [line for line in engine.execs("c-worker") if "qdisc delete" in line] == []


def test_a_kernel_without_netem_is_named(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c"], "Error: Specified qdisc kind is unknown.", code=2, times=1)
    with pytest.raises(UsageError) as caught, cluster.nodes[1].slow(delay=0.1):
        pytest.fail("the block must not run")
    assert str(caught.value) == (
        "slow() of c-worker: the kernel of the engine's machine has no netem (module sch_netem, CONFIG_NET_SCH_NETEM): "
        "there it cannot be caused; partition() and paused() need nothing of the kernel's"
    )


def test_what_else_tc_says_is_said(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c"], "Error: Exclusivity flag on, cannot modify.", code=2, times=1)
    with pytest.raises(CommandError, match="Exclusivity flag on"), cluster.nodes[1].slow(delay=0.1):
        pytest.fail("the block must not run")


def test_link_addresses_are_those_of_the_plan(cluster: KindCluster, engine: FakeEngine) -> None:
    with cluster.partition("c-worker", "c-control-plane"):
        (line,) = [line for line in engine.execs("c-worker") if "--insert" in line]
    assert line.endswith(f" partition {mac(cluster, 'control-plane')}")
    assert "iptables ip6tables" in line
