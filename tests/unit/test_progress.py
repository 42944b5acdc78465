"""The forms of progress, with a clock that the test turns."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pytest_kind.progress import PlainProgress, Progress, TerminalProgress


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Screen:
    """What was written, piece by piece."""

    pieces: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.pieces.append(text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pytest_kind.progress.time", clock)
    return clock


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.mark.parametrize("form", [Progress, PlainProgress, TerminalProgress])
def test_every_form_keeps_the_time_of_each_step(form: type[Progress], clock: Clock) -> None:
    progress = form()
    with progress.step("outer"):
        with progress.step("inner"):
            clock.now += 2
        progress.tick()
        clock.now += 3
    progress.note("said")
    assert progress.timings == [("inner", 2.0), ("outer", 5.0)]


@pytest.mark.parametrize("form", [Progress, PlainProgress, TerminalProgress])
def test_a_step_that_fails_is_timed_and_its_error_goes_on(form: type[Progress], clock: Clock) -> None:
    progress = form()

    def fails() -> None:
        clock.now += 1
        raise LookupError

    with pytest.raises(LookupError), progress.step("work"):
        fails()
    assert progress.timings == [("work", 1.0)]


class TestPlain:
    @pytest.fixture
    def progress(self, screen: Screen, clock: Clock) -> PlainProgress:
        return PlainProgress(write=screen.write)

    def test_a_step_is_one_line_at_its_end(self, progress: PlainProgress, screen: Screen, clock: Clock) -> None:
        with progress.step("booting"):
            clock.now += 12.34
        assert screen.pieces == ["kind: booting: done in 12.3 s\n"]

    def test_what_a_step_tells_of_itself_is_in_brackets(self, progress: PlainProgress, screen: Screen) -> None:
        with progress.step("booting") as details:
            details += ["API 3.6", "DNS 2.7"]
        assert screen.pieces == ["kind: booting: done in 0.0 s (API 3.6, DNS 2.7)\n"]

    @pytest.mark.parametrize(("usual", "about"), [(80, "about 80 s"), (99.4, "about 99 s"), (100, "about 2 min"), (720, "about 12 min")])
    def test_a_step_that_takes_long_says_so_first(self, progress: PlainProgress, screen: Screen, usual: float, about: str) -> None:
        with progress.step("building", usual):
            assert screen.pieces == [f"kind: building ({about}) …\n"]

    def test_a_step_that_fails_says_so(self, progress: PlainProgress, screen: Screen) -> None:
        with pytest.raises(LookupError), progress.step("booting"):
            raise LookupError
        assert screen.pieces == ["kind: booting: failed in 0.0 s\n"]

    def test_a_sign_of_life_comes_every_thirty_seconds(self, progress: PlainProgress, screen: Screen, clock: Clock) -> None:
        with progress.step("building"):
            for _ in range(7):
                clock.now += 10
                progress.tick("3 of 7")
            assert screen.pieces == ["kind: building: 40 s so far, 3 of 7\n"]

    def test_nothing_runs_so_nothing_ticks(self, progress: PlainProgress, screen: Screen, clock: Clock) -> None:
        clock.now += 100
        progress.tick("idle")
        assert screen.pieces == []

    def test_a_note_is_a_line(self, progress: PlainProgress, screen: Screen) -> None:
        progress.note("removed container a")
        assert screen.pieces == ["kind: removed container a\n"]


class TestTerminal:
    @pytest.fixture
    def progress(self, screen: Screen, clock: Clock) -> TerminalProgress:
        return TerminalProgress(write=screen.write, width=30)

    def test_a_quick_step_leaves_nothing_behind(self, progress: TerminalProgress, screen: Screen) -> None:
        with progress.step("booting", 20):
            pass
        assert screen.pieces == ["\r\x1b[2Kkind: booting (about 20 s) …", "\r\x1b[2K"]

    def test_a_step_of_over_a_second_leaves_a_line(self, progress: TerminalProgress, screen: Screen, clock: Clock) -> None:
        with progress.step("booting"):
            clock.now += 1.5
        assert screen.pieces[1:] == ["\r\x1b[2Kkind: booting: done in 1.5 s\n"]

    def test_a_quick_failure_leaves_a_line_too(self, progress: TerminalProgress, screen: Screen) -> None:
        with pytest.raises(LookupError), progress.step("booting"):
            raise LookupError
        assert screen.pieces[1:] == ["\r\x1b[2Kkind: booting: failed in 0.0 s\n"]

    def test_the_line_is_redrawn_five_times_a_second_at_most(self, progress: TerminalProgress, screen: Screen, clock: Clock) -> None:
        with progress.step("booting", 20):
            screen.pieces.clear()
            progress.tick()
            clock.now += 0.1
            progress.tick()
            clock.now += 0.9
            progress.tick()
            assert screen.pieces == ["\r\x1b[2Kkind: booting: 0 s (about 20 ", "\r\x1b[2Kkind: booting: 1 s (about 20 "]

    def test_a_detail_follows_the_time(self, progress: TerminalProgress, screen: Screen, clock: Clock) -> None:
        with progress.step("API"):
            clock.now += 2
            progress.tick("no node")
            assert screen.pieces[-1] == "\r\x1b[2Kkind: API: 2 s · no node"

    def test_a_note_replaces_the_line_and_stays_whole(self, progress: TerminalProgress, screen: Screen) -> None:
        progress.note("removed container a, which is wide")
        assert screen.pieces == ["\r\x1b[2Kkind: removed container a, which is wide\n"]
