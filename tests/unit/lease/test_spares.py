"""Clusters for whoever comes next: offered, taken once, left by the dead."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.lease import spares
from pytest_kind.lease.session import Session
from pytest_kind.lease.spares import Spare, state
from pytest_kind.lease.sweep import sweep
from support.engine import FakeEngine

NAME = "pytest-kind-1"


@pytest.fixture
def offered(cache: Path) -> str:
    """One that nobody has taken."""
    spares.offer(cache, NAME)
    return NAME


def marks(maker: str = "gone", lease: int = 3600, age: float = 0) -> dict[str, str]:
    """Labels of its machines: its maker is gone."""
    return {
        labels.CLUSTER: NAME,
        labels.SPARE: "digest",
        labels.SESSION: maker,
        labels.KEEP: "false",
        labels.CREATED: f"{time.time() - age:.0f}",
        labels.LEASE: str(lease),
    }


def test_one_that_is_offered_is_taken_once(cache: Path, session: Session, offered: str) -> None:
    assert state(cache, NAME) is Spare.OFFERED
    assert spares.take(cache, offered, session.folder) is True
    assert state(cache, NAME) is Spare.TAKEN
    assert spares.take(cache, offered, session.folder) is False


def test_what_was_never_offered_is_nobodys(cache: Path, session: Session) -> None:
    assert state(cache, NAME) is Spare.UNKNOWN
    assert spares.take(cache, NAME, session.folder) is False


def test_who_took_it_may_die(cache: Path, offered: str) -> None:
    dead = Session.open(cache)
    spares.take(cache, offered, dead.folder)
    dead._lock.release()
    assert state(cache, NAME) is Spare.LEFT


@pytest.mark.parametrize("taken", [False, True])
def test_its_maker_does_not_remove_what_is_handed_over(cache: Path, session: Session, taken: bool) -> None:
    assert spares.handed_over(cache, marks()) is False
    spares.offer(cache, NAME)
    if taken:
        spares.take(cache, NAME, session.folder)
    assert spares.handed_over(cache, marks()) is True
    assert spares.handed_over(cache, {labels.CLUSTER: NAME}) is False


class TestSweep:
    def test_one_that_is_offered_stays(self, engine: FakeEngine, cache: Path, offered: str) -> None:
        engine.add_container("node", marks())
        swept = sweep(engine, cache)
        assert (swept.removed, swept.left) == ([], ["container node (for the next run, its lease decides)"])
        assert state(cache, offered) is Spare.OFFERED

    def test_until_its_lease_ran_out(self, engine: FakeEngine, cache: Path, offered: str) -> None:
        del offered
        engine.add_container("node", marks(age=3700), "exited")
        assert sweep(engine, cache).removed == ["container node"]

    def test_one_that_is_taken_is_in_use(self, engine: FakeEngine, cache: Path, session: Session, offered: str) -> None:
        spares.take(cache, offered, session.folder)
        engine.add_container("node", marks())
        assert sweep(engine, cache).left == ["container node (in use)"]

    def test_one_whose_taker_died_goes(self, engine: FakeEngine, cache: Path, offered: str) -> None:
        dead = Session.open(cache)
        spares.take(cache, offered, dead.folder)
        dead._lock.release()
        engine.add_container("node", marks())
        assert sweep(engine, cache).removed == ["container node"]

    def test_one_whose_maker_died_over_it_goes(self, engine: FakeEngine, cache: Path) -> None:
        dead = Session.open(cache)
        dead._lock.release()
        engine.add_container("node", {**marks(), **dead.labels(lease=3600)})
        assert sweep(engine, cache).removed == ["container node"]

    def test_offers_of_what_is_long_gone_go(self, engine: FakeEngine, cache: Path, offered: str) -> None:
        sweep(engine, cache)
        assert state(cache, offered) is Spare.OFFERED  # it may be another engine's
        past = time.time() - 90000
        os.utime(cache / "spares" / offered, (past, past))
        sweep(engine, cache)
        assert state(cache, offered) is Spare.UNKNOWN
