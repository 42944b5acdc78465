"""The quick look: it begins at once, is waited for, and says what it must not swallow."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pytest_kind.diagnose.doctor.facts import Wanted
from pytest_kind.diagnose.doctor.preflight import Preflight
from pytest_kind.errors import EngineError, EngineUnavailable, UnfitMachine
from support.engine import FakeEngine


def look(engine: FakeEngine, cache: Path, *ignore: str) -> Preflight:
    return Preflight(lambda: engine, cache, Wanted(), frozenset(ignore))


def test_of_a_healthy_machine_nothing_is_said_and_nothing_changed(engine: FakeEngine, cache: Path) -> None:
    assert look(engine, cache).verdict() == []
    assert engine.calls == ["survey", "close"]
    assert not cache.exists()


def test_errors_are_raised_together_each_time(engine: FakeEngine, cache: Path) -> None:
    engine.say(userns=True, lacks=["memory"], cpus=1)
    seen = look(engine, cache)
    for _ in range(2):
        with pytest.raises(UnfitMachine) as caught:
            seen.verdict()
        assert [line.partition(":")[0] for line in caught.value.problems] == ["engine-userns", "cgroup-controllers"]
    assert engine.calls.count("survey") == 1


def test_warnings_are_handed_back_and_notes_are_not(engine: FakeEngine, cache: Path) -> None:
    engine.say(cpus=1, cgroup_version=1, ahead=100.0)
    assert [line.partition(":")[0] for line in look(engine, cache).verdict()] == ["cpus", "clock-skew"]
    assert [line.partition(":")[0] for line in look(engine, cache, "cpus").verdict()] == ["clock-skew"]


@pytest.mark.parametrize("error", [EngineError("gone"), EngineUnavailable("gone")])
def test_what_the_engine_says_is_left_to_who_makes_the_cluster(engine: FakeEngine, cache: Path, error: EngineError) -> None:
    engine.fail("survey", error)
    assert look(engine, cache).verdict() == []


def test_a_mistake_of_its_own_is_not_swallowed(engine: FakeEngine, cache: Path) -> None:
    engine.fail("survey", ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        look(engine, cache).verdict()


def test_it_goes_on_beside_others_and_is_waited_for(engine: FakeEngine, cache: Path) -> None:
    go = threading.Event()

    def connect() -> FakeEngine:
        assert go.wait(10)
        return engine

    seen = Preflight(connect, cache, Wanted(), frozenset())
    assert engine.calls == []
    go.set()
    assert seen.verdict() == []
    assert engine.calls == ["survey", "close"]
