"""What the steps of a boot share: which machines there are, commands, time, work side by side."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_kind.boot.context import BootContext, side_by_side
from pytest_kind.errors import CommandError, KindError
from support.clusters import MakeContext, config_of
from support.engine import FakeEngine


def test_a_load_balancer_is_no_node_and_publishes_the_api(make_context: MakeContext) -> None:
    context = make_context(config_of(2, 1))
    assert [one.name for one in context.machines] == ["c-control-plane", "c-control-plane2", "c-worker", "c-external-load-balancer"]
    assert [one.name for one in context.nodes] == ["c-control-plane", "c-control-plane2", "c-worker"]
    assert (context.first.name, context.published.name) == ("c-control-plane", "c-external-load-balancer")


def test_without_one_the_only_control_plane_does(make_context: MakeContext) -> None:
    context = make_context(config_of(1, 1))
    assert context.published is context.first
    assert context.container == context.first.container


def test_a_command_is_the_first_nodes_unless_another_is_named(make_context: MakeContext, engine: FakeEngine) -> None:
    context = make_context(config_of(1, 1))
    engine.answer(["hostname"], "one", on="c-control-plane")
    engine.answer(["hostname"], "two", on="c-worker", code=1)
    assert context.exec(["hostname"]) == "one"
    with pytest.raises(CommandError, match=r"^c-worker: `hostname` ended with 1:\ntwo$"):
        context.exec(["hostname"], on=context.machines[1])


def test_the_time_of_a_step_is_kept_even_when_it_fails(context: BootContext) -> None:
    with pytest.raises(LookupError), context.phase("API"):
        raise LookupError
    assert [name for name, _ in context.phases] == ["API"]


def test_when_a_step_began_is_kept_beside_it(context: BootContext) -> None:
    before = time.monotonic()
    for name in ("first", "second"):
        with context.phase(name):
            pass
    (first, second), ((_, lasted), _) = context.begins, context.phases
    assert before <= first <= first + lasted <= second <= time.monotonic()


class TestSideBySide:
    def test_things_are_done_at_once(self) -> None:
        together = threading.Barrier(3, timeout=60)
        side_by_side(lambda _: together.wait(), range(3))
        assert not together.broken

    @pytest.mark.parametrize("things", [[], ["one"]])
    def test_a_single_thing_takes_no_thread(self, things: list[str]) -> None:
        threads: list[threading.Thread] = []
        side_by_side(lambda _: threads.append(threading.current_thread()), things)
        assert threads == [threading.main_thread()] * len(things)

    def test_the_first_error_comes_when_all_have_ended(self) -> None:
        failed, ended = threading.Event(), []

        def do(thing: str) -> None:
            if thing == "fails":
                failed.set()
                raise KindError("no")
            assert failed.wait(60)
            ended.append(thing)

        with pytest.raises(KindError, match=r"^no$"):
            side_by_side(do, ["fails", "slow"])
        assert ended == ["slow"]

    def test_an_interrupt_does_not_wait_for_the_others(self) -> None:
        begun, go, ended = threading.Event(), threading.Event(), threading.Event()

        def do(thing: str) -> None:
            if thing == "interrupt":
                assert begun.wait(60)
                raise KeyboardInterrupt
            begun.set()
            assert go.wait(60)
            ended.set()

        with pytest.raises(KeyboardInterrupt):
            side_by_side(do, ["interrupt", "slow"])
        assert not ended.is_set()
        go.set()
        assert ended.wait(60)
