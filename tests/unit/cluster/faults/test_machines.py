"""Nodes that are stopped, killed, paused, and brought back whatever became of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_kind.errors import EngineError, KindError, UsageError, WaitTimeout
from pytest_kind.node import KindNode
from pytest_kind.peer import KindCluster
from support.engine import FakeEngine

if TYPE_CHECKING:
    from .conftest import Waits

Cause = Callable[[KindNode], AbstractContextManager[None]]
FAULTS: list[tuple[Cause, str, str]] = [
    (lambda node: node.stopped(), "stop c-worker", "exited"),
    (lambda node: node.killed(), "kill c-worker SIGKILL", "exited"),
    (lambda node: node.paused(), "pause c-worker", "paused"),
]


def state(engine: FakeEngine, node: KindNode) -> str:
    found = engine.container(node.container)
    return "gone" if found is None else found.state


def renewed(cluster: KindCluster) -> set[str]:
    assert cluster._site.renewal is not None
    return {one.name for one in cluster._machines if one.container in cluster._site.renewal._containers}


@pytest.fixture
def worker(cluster: KindCluster) -> KindNode:
    return cluster.nodes[1]


@pytest.mark.parametrize(("cause", "call", "during"), FAULTS)
class TestEach:
    def test_it_lasts_as_long_as_the_block(
        self, cluster: KindCluster, worker: KindNode, engine: FakeEngine, waits: Waits, cause: Cause, call: str, during: str
    ) -> None:
        with cause(worker):
            assert state(engine, worker) == during
            assert call in engine.calls
            assert renewed(cluster) == {"c-control-plane", "c-worker2"}
            assert waits.seconds == []
        assert state(engine, worker) == "running"
        assert renewed(cluster) == {"c-control-plane", "c-worker", "c-worker2"}
        assert waits.seconds == [120.0]

    def test_a_test_that_fails_ends_it_too(self, worker: KindNode, engine: FakeEngine, waits: Waits, cause: Cause, call: str, during: str) -> None:
        del call, during
        with pytest.raises(AssertionError, match=r"^the test's$") as caught, cause(worker):
            raise AssertionError("the test's")
        assert state(engine, worker) == "running"
        assert waits.seconds == [120.0]
        assert not hasattr(caught.value, "__notes__")

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
    def test_whoever_interrupts_it_does_not_wait(
        self, worker: KindNode, engine: FakeEngine, waits: Waits, cause: Cause, call: str, during: str, error: BaseException
    ) -> None:
        del call, during
        with pytest.raises(type(error)), cause(worker):
            raise error
        assert state(engine, worker) == "running"
        assert waits.seconds == []

    def test_a_node_that_was_removed_meanwhile_needs_nothing(
        self, cluster: KindCluster, worker: KindNode, engine: FakeEngine, cause: Cause, call: str, during: str
    ) -> None:
        del call, during
        with cause(worker):
            engine.remove(worker.container)
        assert renewed(cluster) == {"c-control-plane", "c-worker2"}

    def test_one_that_runs_again_already_is_left_alone(
        self, cluster: KindCluster, worker: KindNode, engine: FakeEngine, cause: Cause, call: str, during: str
    ) -> None:
        del call, during
        with cause(worker):
            engine.unpause(worker.container)
            before = len(engine.calls)
        assert not [call for call in engine.calls[before:] if call.startswith(("start", "unpause"))]
        assert "c-worker" in renewed(cluster)

    def test_one_that_does_not_run_cannot_have_it(self, worker: KindNode, engine: FakeEngine, cause: Cause, call: str, during: str) -> None:
        del during
        worker.kill()
        before = len(engine.calls)
        with pytest.raises(UsageError, match=r"^\w+\(\) of c-worker: the node is exited; it must run$"), cause(worker):
            pytest.fail("the block must not run")
        assert call not in engine.calls[before:]


def test_a_paused_node_that_was_stopped_meanwhile_is_started(worker: KindNode, engine: FakeEngine) -> None:
    with worker.paused():
        engine.stop(worker.container, 0)
    assert engine.made("start")[-1] == "c-worker"
    assert state(engine, worker) == "running"


def test_a_stopped_node_that_is_paused_goes_on(worker: KindNode, engine: FakeEngine) -> None:
    with worker.stopped():
        engine.start(worker.container)
        engine.pause(worker.container)
    assert state(engine, worker) == "running"


def test_not_waiting(worker: KindNode, engine: FakeEngine, waits: Waits) -> None:
    with worker.killed(wait=False):
        pass
    assert (state(engine, worker), waits.seconds) == ("running", [])


def test_another_time_limit(worker: KindNode, waits: Waits) -> None:
    with worker.killed(timeout=7):
        pass
    assert waits.seconds == [7]


def test_of_faults_that_overlap_the_last_one_waits_once(cluster: KindCluster, engine: FakeEngine, waits: Waits) -> None:
    _, one, other = cluster.nodes
    first, second = ExitStack(), ExitStack()
    first.enter_context(one.killed())
    second.enter_context(other.paused())
    first.close()
    assert (state(engine, one), state(engine, other), waits.seconds) == ("running", "paused", [])
    second.close()
    assert (state(engine, other), waits.seconds) == ("running", [120.0])


def test_the_last_one_waits_for_the_others_also_where_itself_need_not(cluster: KindCluster, waits: Waits) -> None:
    _, one, other = cluster.nodes
    with one.killed(wait=False), other.killed(timeout=7):
        pass
    assert waits.seconds == [7]


def test_what_cannot_be_undone_raises(worker: KindNode, engine: FakeEngine, waits: Waits) -> None:
    with pytest.raises(KindError, match=r"^killed\(\) of c-worker: could not be undone: no space left$"), worker.killed():
        engine.fail("start", EngineError("no space left"))
    assert waits.seconds == []


def test_what_cannot_be_undone_is_a_note_of_the_tests_own_error(worker: KindNode, engine: FakeEngine) -> None:
    def fails() -> None:
        engine.fail("start", EngineError("no space left"))
        raise AssertionError("the test's")

    with pytest.raises(AssertionError, match="the test's") as caught, worker.killed():
        fails()
    assert caught.value.__notes__ == ["killed() of c-worker: could not be undone: no space left"]


def test_a_cluster_that_does_not_get_well_says_so_with_the_nodes_evidence(worker: KindNode, engine: FakeEngine, waits: Waits) -> None:
    waits.fails = WaitTimeout("every node's sign of life", 120.0, "no sign of life of c-worker")
    engine.answer(["systemctl"], "kubelet.service failed", on="c-worker")
    with pytest.raises(KindError) as caught, worker.killed():
        pass
    assert str(caught.value) == (
        "killed() of c-worker: is undone, but: every node's sign of life: not within 120.0 s; last seen: no sign of life of c-worker\n"
        "--- c-worker: units that failed\nkubelet.service failed"
    )


def test_a_halt_that_fails_is_taken_back_and_nobody_waits(cluster: KindCluster, worker: KindNode, engine: FakeEngine, waits: Waits) -> None:
    engine.fail("kill", EngineError("the engine is busy"))
    with pytest.raises(EngineError, match=r"^the engine is busy$"), worker.killed():
        pytest.fail("the block must not run")
    assert (state(engine, worker), waits.seconds) == ("running", [])
    assert "c-worker" in renewed(cluster)
    assert cluster._site.faults == []


def test_on_a_cluster_that_workers_share_no_fault_is_caused(cluster: KindCluster, worker: KindNode, engine: FakeEngine) -> None:
    cluster._site.shared = True
    with pytest.raises(UsageError) as caught, worker.killed():
        pytest.fail("the block must not run")
    assert str(caught.value) == (
        "killed() of c-worker: other workers of xdist use cluster c: mark the test @pytest.mark.kind(fresh=True), "
        "then its worker has a cluster of its own for it, or run with --kind-per-worker"
    )
    assert state(engine, worker) == "running"


def test_whoever_reads_the_machines_for_copies_is_done_first(cluster: KindCluster, worker: KindNode, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[list[str]] = []

    class Freezing:
        def wait(self) -> None:
            waited.append(list(cluster._site.faults))

    monkeypatch.setattr(cluster._site, "freezing", Freezing())
    with worker.killed():
        assert waited == [[]]
