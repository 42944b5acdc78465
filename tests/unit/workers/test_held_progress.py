"""Work that nobody waits for yet says later what it would have said."""

from __future__ import annotations

import pytest

from pytest_kind.progress import PlainProgress
from pytest_kind.workers.progress import HeldProgress, RunEnds


def test_all_is_said_in_order_when_somebody_waits() -> None:
    lines: list[str] = []
    held = HeldProgress()
    with held.step("the first"):
        held.note("a note")
    with held.step("the second", usual=20):
        held.tick("nobody sees it")
        with held.watch("something"):
            assert lines == []
            held.show(PlainProgress(write=lines.append))
            assert [line.split(" in ")[0].strip() for line in lines] == ["kind: a note", "kind: the first: done", "kind: the second (about 20 s) …"]
        held.note("live")
        assert lines[-1] == "kind: live\n"
    assert lines[-1].startswith("kind: the second: done in ")
    assert [what for what, _ in held.timings] == ["the first", "the second"]


def test_its_work_can_be_broken_off_though_nobody_looks() -> None:
    held = HeldProgress()
    held.stop()
    with pytest.raises(RunEnds):
        held.tick()
    with pytest.raises(RunEnds), held.step("what is begun no more"):
        pytest.fail("it was begun")
