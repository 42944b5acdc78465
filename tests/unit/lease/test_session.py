"""Sessions: their folder, their labels, and what another process can tell of their life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.errors import UsageError
from pytest_kind.lease.session import Life, Session, life, lock_life

OPENS_AND_WAITS = """
import json, sys, pathlib
from pytest_kind.lease.session import Session
session = Session.open(pathlib.Path(sys.argv[1]))
print(json.dumps(session.labels(lease=300)), flush=True)
sys.stdin.read()
session.close()
"""


@contextmanager
def another_process(cache: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A process with a session of its own, and the labels of what it makes."""
    command = [sys.executable, "-c", OPENS_AND_WAITS, str(cache)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


class TestOpening:
    def test_the_folder_is_private_and_only_its_own(self, session: Session, cache: Path) -> None:
        assert session.folder == cache / "sessions" / session.id
        assert f"{session.folder.stat().st_mode & 0o777:o}" == "700"
        assert [one.name for one in (cache / "sessions").iterdir()] == [session.id]
        assert len(session.id) == 16

    def test_two_sessions_share_a_cache(self, session: Session, cache: Path) -> None:
        other = Session.open(cache)
        assert other.id != session.id
        other.close()
        assert session.folder.is_dir()

    def test_closing_removes_the_folder(self, cache: Path) -> None:
        session = Session.open(cache)
        session.close()
        assert list((cache / "sessions").iterdir()) == []

    def test_a_cache_that_cannot_be_written_is_a_usage_error(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(UsageError, match=f"^--kind-cache-dir: {file} cannot be used: "):
            Session.open(file)


class TestLabels:
    def test_they_say_who_made_the_object(self, session: Session) -> None:
        owner = json.loads(session.labels(lease=300)[labels.OWNER])
        assert owner.keys() == {"machine", "boot", "pidns", "pid", "start", "lock"}
        assert owner["pid"] == os.getpid()
        assert owner["lock"] == str(session.folder / "lock")
        assert owner["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()

    def test_an_object_of_the_session_has_its_lease(self, session: Session) -> None:
        marks = session.labels(lease=300)
        assert (marks[labels.SESSION], marks[labels.KEEP], marks[labels.LEASE]) == (session.id, "false", "300")
        assert marks[labels.CREATED].isdigit()

    def test_a_kept_object_has_none(self, session: Session) -> None:
        marks = session.labels(keep=True, lease=300)
        assert (marks[labels.KEEP], marks[labels.LEASE]) == ("true", "0")


class TestLife:
    def test_a_process_is_alive_until_it_is_killed(self, cache: Path) -> None:
        with another_process(cache) as (process, marks):
            assert life(marks) is Life.ALIVE
            process.kill()
            process.wait()
            assert life(marks) is Life.DEAD

    def test_a_process_that_ended_well_left_nothing_to_ask(self, cache: Path) -> None:
        with another_process(cache) as (process, marks):
            process.communicate()
            assert life(marks) is Life.UNKNOWN

    def test_this_process_is_alive_to_itself(self, session: Session) -> None:
        assert life(session.labels()) is Life.ALIVE

    def test_asking_does_not_change_the_answer(self, cache: Path) -> None:
        with another_process(cache) as (process, marks):
            assert [life(marks), life(marks)] == [Life.ALIVE, Life.ALIVE]
            process.kill()
            process.wait()
            assert [life(marks), life(marks)] == [Life.DEAD, Life.DEAD]

    def test_another_boots_owner_is_unknown_even_when_its_lock_is_free(self, session: Session) -> None:
        marks = session.labels()
        owner = {**json.loads(marks[labels.OWNER]), "boot": "another"}
        session._lock.release()
        assert life(session.labels()) is Life.DEAD
        assert life({labels.OWNER: json.dumps(owner)}) is Life.UNKNOWN

    @pytest.mark.parametrize("owner", ["", "{", "[]", "7", "{}", '{"lock": "/a"}', '{"lock": 7, "boot": ""}'])
    def test_an_owner_that_cannot_be_read_is_unknown(self, owner: str) -> None:
        assert life({labels.OWNER: owner}) is Life.UNKNOWN

    def test_no_owner_is_unknown(self) -> None:
        assert life({}) is Life.UNKNOWN

    def test_a_lock_that_is_not_there_is_unknown_and_does_not_appear(self, tmp_path: Path) -> None:
        assert lock_life(tmp_path / "lock") is Life.UNKNOWN
        assert list(tmp_path.iterdir()) == []

    def test_a_lock_that_cannot_be_opened_is_unknown(self, tmp_path: Path) -> None:
        (tmp_path / "lock").mkdir()
        assert lock_life(tmp_path / "lock") is Life.UNKNOWN
