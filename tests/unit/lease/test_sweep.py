"""The sweep: what is dead goes, what is alive, kept, unknown or not ours stays."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_kind import labels
from pytest_kind.errors import EngineError
from pytest_kind.lease.session import Life, Session
from pytest_kind.lease.sweep import sweep, users
from pytest_kind.provision.provider import ContainerSpec
from support.engine import FakeEngine


@pytest.fixture
def dead(cache: Path) -> Session:
    """A session whose process was killed: its lock is free, its folder is there."""
    session = Session.open(cache)
    session._lock.release()
    return session


@pytest.fixture
def alive(session: Session) -> Session:
    """A session whose lock is held."""
    return session


def unknown(age: float, lease: int = 300) -> dict[str, str]:
    """Labels of an owner on another machine, from so many seconds ago."""
    owner = json.dumps({"boot": "another", "lock": "/nowhere/lock"})
    return {labels.SESSION: "far", labels.OWNER: owner, labels.CREATED: f"{time.time() - age:.0f}", labels.LEASE: str(lease)}


class TestContainers:
    @pytest.mark.parametrize("state", ["running", "exited", "created", "paused"])
    def test_of_a_dead_session_go(self, engine: FakeEngine, cache: Path, dead: Session, state: str) -> None:
        engine.add_container("left", dead.labels(lease=300), state)
        assert sweep(engine, cache).removed == ["container left"]
        assert engine.names == []

    @pytest.mark.parametrize("state", ["running", "exited", "created"])
    def test_of_a_session_that_is_alive_stay(self, engine: FakeEngine, cache: Path, alive: Session, state: str) -> None:
        engine.add_container("busy", alive.labels(lease=0), state)
        swept = sweep(engine, cache)
        assert (swept.removed, swept.left) == ([], ["container busy (in use)"])
        assert engine.names == ["busy"]

    def test_that_are_not_ours_are_not_even_looked_at(self, engine: FakeEngine, cache: Path) -> None:
        engine.add_container("kind-control-plane", {labels.CLUSTER: "kind", labels.ROLE: "control-plane"}, "exited")
        engine.add_container("database", {}, "exited")
        swept = sweep(engine, cache)
        assert (swept.removed, swept.left) == ([], [])
        assert engine.names == ["database", "kind-control-plane"]

    def test_of_the_callers_own_session_stay(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        engine.add_container("mine", dead.labels(lease=300))
        assert sweep(engine, cache, dead.id).removed == []
        assert engine.names == ["mine"]

    def test_that_are_kept_stay_though_their_session_is_dead(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        engine.add_container("kept", dead.labels(keep=True))
        swept = sweep(engine, cache)
        assert (swept.removed, swept.left) == ([], ["container kept (kept)"])

    def test_that_the_engine_cannot_remove_are_told_of_and_stop_nothing(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        engine.add_container("stuck", dead.labels(lease=300))
        engine.fail("remove", EngineError("device busy"))
        swept = sweep(engine, cache)
        assert (swept.removed, swept.left) == ([], ["container stuck (cannot be removed: device busy)"])

    @pytest.mark.parametrize(
        ("state", "age", "goes"),
        [
            ("exited", 400, True),
            ("exited", 350, False),
            ("exited", 10, False),
            ("created", 400, True),
            ("running", 400, False),
            ("running", 1e6, False),
        ],
    )
    def test_of_an_unknown_owner_go_only_when_they_ended_and_their_lease_did(
        self, engine: FakeEngine, cache: Path, state: str, age: float, goes: bool
    ) -> None:
        engine.add_container("far", unknown(age), state)
        swept = sweep(engine, cache)
        assert swept.removed == (["container far"] if goes else [])
        assert swept.left == ([] if goes else ["container far (its owner cannot be seen from here, its lease decides)"])

    @pytest.mark.parametrize("wrong", [{labels.CREATED: "yesterday"}, {labels.LEASE: "long"}])
    def test_of_an_unknown_owner_with_unreadable_times_stay(self, engine: FakeEngine, cache: Path, wrong: dict[str, str]) -> None:
        engine.add_container("far", {**unknown(1e6), **wrong}, "exited")
        assert sweep(engine, cache).removed == []

    def test_of_several_sessions_are_judged_one_by_one(self, engine: FakeEngine, cache: Path, dead: Session, alive: Session) -> None:
        for name, marks in (("a", dead.labels()), ("b", alive.labels()), ("c", dead.labels()), ("d", unknown(1e6)), ("e", {})):
            engine.add_container(name, marks)
        assert sorted(sweep(engine, cache).removed) == ["container a", "container c"]
        assert engine.names == ["b", "d", "e"]


class TestUsers:
    """Who uses a kept cluster: sessions that are alive and have a folder of its name."""

    def test_another_session_that_is_alive(self, cache: Path, alive: Session) -> None:
        (alive.folder / "mine").mkdir()
        assert users(cache, "mine", "own") == [alive.id]

    def test_neither_ones_own_nor_another_clusters(self, cache: Path, alive: Session) -> None:
        (alive.folder / "mine").mkdir()
        assert users(cache, "mine", alive.id) == []
        assert users(cache, "other", "own") == []

    def test_not_a_dead_one(self, cache: Path, dead: Session) -> None:
        (dead.folder / "mine").mkdir()
        assert users(cache, "mine", "own") == []


class TestVolumes:
    def test_of_a_dead_session_go_with_or_without_their_container(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        engine.add_container("left", dead.labels(), volume=True)
        engine.add_volume("alone", dead.labels())
        assert sweep(engine, cache).removed == ["container left", "volume alone"]
        assert engine.volumes({}) == []

    def test_in_use_stay(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        engine.add_container("kept", dead.labels(keep=True), volume=True)
        assert sweep(engine, cache).removed == []
        assert len(engine.volumes({})) == 1

    @pytest.mark.parametrize(("keep", "removed"), [(False, ["container a", "container b", "volume c-shared"]), (True, [])])
    def test_that_machines_have_in_common_go_after_the_machines(
        self, engine: FakeEngine, cache: Path, dead: Session, keep: bool, removed: list[str]
    ) -> None:
        marks = dead.labels(keep=keep)
        engine.create_volume("c-shared", marks)
        for name in ("a", "b"):
            engine.create(ContainerSpec(name=name, image="any", labels=marks, named_volumes={"c-shared": "/kind/shared"}))
        assert sorted(sweep(engine, cache).removed) == removed
        assert [one.name for one in engine.volumes({})] == ([] if removed else ["c-shared"])

    def test_of_a_session_that_is_alive_or_the_callers_own_stay(self, engine: FakeEngine, cache: Path, dead: Session, alive: Session) -> None:
        engine.add_volume("busy", alive.labels())
        engine.add_volume("mine", dead.labels())
        assert sweep(engine, cache, dead.id).removed == []

    def test_that_are_not_ours_stay(self, engine: FakeEngine, cache: Path) -> None:
        engine.add_volume("data", {})
        assert sweep(engine, cache).removed == []

    @pytest.mark.parametrize(("age", "removed"), [(400, ["volume far"]), (350, [])])
    def test_of_an_unknown_owner_go_when_their_lease_is_over(self, engine: FakeEngine, cache: Path, age: float, removed: list[str]) -> None:
        engine.add_volume("far", unknown(age))
        assert sweep(engine, cache).removed == removed


class TestFolders:
    def left(self, cache: Path) -> list[str]:
        return sorted(one.name for one in (cache / "sessions").iterdir())

    def test_of_a_dead_session_go(self, engine: FakeEngine, cache: Path, dead: Session) -> None:
        (dead.folder / "client.key").write_text("secret", encoding="utf-8")
        sweep(engine, cache)
        assert self.left(cache) == []

    def test_of_sessions_that_are_alive_or_the_callers_own_stay(self, engine: FakeEngine, cache: Path, dead: Session, alive: Session) -> None:
        sweep(engine, cache, dead.id)
        assert self.left(cache) == sorted([alive.id, dead.id])

    def test_without_a_lock_stay(self, engine: FakeEngine, cache: Path) -> None:
        (cache / "sessions/0123").mkdir(parents=True)
        sweep(engine, cache)
        assert self.left(cache) == ["0123"]

    @pytest.mark.parametrize("locked", [True, False], ids=["with a free lock", "without a lock"])
    @pytest.mark.parametrize(("age", "left"), [(0, [".0123"]), (50, [".0123"]), (70, [])])
    def test_half_opened_go_after_a_minute(self, engine: FakeEngine, cache: Path, locked: bool, age: float, left: list[str]) -> None:
        folder = cache / "sessions/.0123"
        folder.mkdir(parents=True)
        if locked:
            (folder / "lock").touch()
        now = time.time()
        os.utime(folder, (now, now - age))
        sweep(engine, cache)
        assert self.left(cache) == left

    def test_half_opened_whose_lock_is_held_stay(self, engine: FakeEngine, cache: Path) -> None:
        folder = cache / "sessions/.0123"
        folder.mkdir(parents=True)
        with FileLock(folder / "lock"):
            os.utime(folder, (0, 0))
            sweep(engine, cache)
        assert self.left(cache) == [".0123"]

    def test_a_cache_that_is_not_there_yet_is_fine(self, engine: FakeEngine, cache: Path) -> None:
        assert sweep(engine, cache).removed == []
        assert not cache.exists()


def test_a_session_that_is_just_being_opened_is_not_asked_for_its_lock(engine: FakeEngine, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file lock makes its file and folder: asked for while the folder is renamed, it left the old name behind."""
    opening = cache / "sessions" / ".abc"
    opening.mkdir(parents=True)

    def asked(lock: Path) -> Life:
        pytest.fail(f"{lock} was taken to look at it")

    monkeypatch.setattr("pytest_kind.lease.sweep.lock_life", asked)
    sweep(engine, cache)
    assert opening.is_dir()


def test_a_session_that_was_being_opened_for_long_and_is_now(engine: FakeEngine, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = cache / "sessions" / ".abc"
    opening.mkdir(parents=True)
    os.utime(opening, (0, 0))

    def opened_meanwhile(lock: Path) -> Life:
        opening.rename(cache / "sessions" / "abc")
        return Life.UNKNOWN

    monkeypatch.setattr("pytest_kind.lease.sweep.lock_life", opened_meanwhile)
    sweep(engine, cache)
    assert (cache / "sessions" / "abc").is_dir()


def test_locks_that_nobody_holds(engine: FakeEngine, cache: Path) -> None:
    locks = cache / "locks"
    locks.mkdir(parents=True)
    (locks / "image-left.lock").touch()  # whoever built was killed between the image and the lock's end
    with FileLock(locks / "image-held.lock"):
        sweep(engine, cache)
        assert [file.name for file in locks.iterdir()] == ["image-held.lock"]
