"""The workshop: parts made once and whole, locks that say who waits, programs that are run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_kind.errors import CommandError
from pytest_kind.image.workshop import Workshop, need
from pytest_kind.progress import Progress


@contextmanager
def held(path: Path) -> Iterator[Callable[[], object]]:
    """Another thread holds the lock until it is told to let go."""
    taken, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            taken.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield let_go.set
    finally:
        let_go.set()
        thread.join()


def fill(folder: Path) -> None:
    (folder / "program").write_text("made", encoding="utf-8")


def must_not_run(folder: Path) -> None:
    raise AssertionError(f"made again in {folder}")


class TestParts:
    def test_a_part_is_made_into_the_cache(self, workshop: Workshop, cache: Path) -> None:
        place = workshop.part("etcd", "1", fill)
        assert place == cache / "parts/etcd-1"
        assert (place / "program").read_text(encoding="utf-8") == "made"
        assert [what for what, _ in workshop.progress.timings] == ["building etcd"]

    def test_a_part_that_is_there_is_not_made_again(self, workshop: Workshop) -> None:
        place = workshop.part("etcd", "1", fill)
        assert workshop.part("etcd", "1", must_not_run) == place

    def test_another_digest_is_another_part(self, workshop: Workshop) -> None:
        assert workshop.part("etcd", "1", fill) != workshop.part("etcd", "2", fill)

    def test_a_part_whose_making_fails_is_not_there_at_all(self, workshop: Workshop, cache: Path) -> None:
        def fails(folder: Path) -> None:
            fill(folder)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            workshop.part("etcd", "1", fails)
        assert list(cache.glob("parts/*")) == []
        assert (workshop.part("etcd", "1", fill) / "program").exists()

    def test_parts_that_were_long_not_used_go_when_a_newer_one_comes(self, workshop: Workshop, cache: Path) -> None:
        old, recent = workshop.part("etcd", "old", fill), workshop.part("etcd", "recent", fill)
        other, used = workshop.part("coredns", "old", fill), workshop.part("etcd", "used", fill)
        now = time.time()
        for place in (old, other, used):
            os.utime(place, (now, now - 15 * 86400))
        os.utime(recent, (now, now - 13 * 86400))
        workshop.part("etcd", "used", must_not_run)
        newest = workshop.part("etcd", "new", fill)
        assert set(cache.glob("parts/*")) == {recent, other, used, newest}

    def test_a_cache_that_may_only_be_read_is_as_good(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object) -> None:
            raise PermissionError

        place = workshop.part("etcd", "1", fill)
        monkeypatch.setattr(os, "utime", refused)  # root may write anywhere
        assert workshop.part("etcd", "1", must_not_run) == place

    def test_what_another_process_made_while_this_one_waited_is_taken(self, workshop: Workshop, cache: Path) -> None:
        place = cache / "parts/etcd-1"
        with held(cache / "locks/part-etcd-1.lock") as release:

            class MadeMeanwhile(Progress):
                def tick(self, detail: str = "") -> None:
                    place.mkdir(parents=True)
                    release()

            assert replace(workshop, progress=MadeMeanwhile()).part("etcd", "1", must_not_run) == place


class TestLocks:
    def test_who_waits_says_for_what_and_then_goes_on(self, workshop: Workshop, cache: Path) -> None:
        with held(cache / "locks/thing.lock") as release:

            class Releases(Progress):
                def tick(self, detail: str = "") -> None:
                    release()

            progress = Releases()
            with replace(workshop, progress=progress).locked("thing", "the thing"):
                assert [what for what, _ in progress.timings] == ["waiting for another process that builds the thing"]

    def test_who_need_not_wait_says_nothing(self, workshop: Workshop) -> None:
        with workshop.locked("thing", "the thing"):
            assert workshop.progress.timings == []

    def test_a_lock_is_free_after_a_failure(self, workshop: Workshop, cache: Path) -> None:
        with pytest.raises(LookupError), workshop.locked("thing", "the thing"):
            raise LookupError
        with FileLock(cache / "locks/thing.lock", timeout=0) as lock:
            assert lock.is_locked


class TestPrograms:
    def test_the_output_of_both_streams_is_returned(self, workshop: Workshop) -> None:
        assert workshop.run(["sh", "-c", "echo out; echo err >&2"]) == "out\nerr\n"

    def test_it_runs_in_a_folder_with_more_environment(self, workshop: Workshop, tmp_path: Path) -> None:
        assert workshop.run(["sh", "-c", 'echo "$PWD $EXTRA $(test -n "$PATH" && echo kept)"'], cwd=tmp_path, env={"EXTRA": "1"}) == (
            f"{tmp_path} 1 kept\n"
        )

    def test_it_reads_nothing(self, workshop: Workshop) -> None:
        assert workshop.run(["cat"]) == ""

    def test_a_failure_has_status_and_output(self, workshop: Workshop) -> None:
        with pytest.raises(CommandError) as caught:
            workshop.run(["sh", "-c", "echo broken; exit 3"])
        assert str(caught.value) == "this machine: `sh -c echo broken; exit 3` ended with 3:\nbroken"
        assert (caught.value.code, caught.value.output) == (3, "broken\n")

    def test_a_program_that_does_not_exist_is_a_command_error(self, workshop: Workshop) -> None:
        with pytest.raises(CommandError, match=r"`no-such-program` ended with 127:\n.*No such file or directory"):
            workshop.run(["no-such-program"])

    def test_where_nothing_ties_it_to_this_process_it_runs_all_the_same(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda _: None)
        assert workshop.run(["sh", "-c", "echo on its own"]) == "on its own\n"

    def test_an_interrupt_ends_the_program(self, workshop: Workshop, tmp_path: Path) -> None:
        class Interrupts(Progress):
            def tick(self, detail: str = "") -> None:
                raise KeyboardInterrupt

        mark = tmp_path / "alive"
        with pytest.raises(KeyboardInterrupt):
            replace(workshop, progress=Interrupts()).run(["sh", "-c", f"exec 9>{mark}; flock 9; exec sleep 600"])
        with FileLock(mark, timeout=60) as lock:
            assert lock.is_locked


def test_a_program_that_is_needed_and_there() -> None:
    assert need("sh", "").endswith("/sh")


def test_a_program_that_is_needed_and_missing_says_how_to_get_it() -> None:
    with pytest.raises(CommandError) as caught:
        need("no-such-program", "`apt-get install it`")
    assert str(caught.value) == ("this machine: `no-such-program` ended with 127:\nno-such-program is not installed: `apt-get install it`")
