"""Waiting: one probe at least, a deadline, the reason last seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_kind.errors import WaitTimeout
from pytest_kind.waiting import Deadline, NotYet, wait_for


def test_what_the_probe_finds_is_returned() -> None:
    assert wait_for("it", lambda: 42, Deadline(60)) == 42


def test_it_probes_once_even_when_the_deadline_has_passed() -> None:
    assert wait_for("it", lambda: "found", Deadline(0)) == "found"


def test_every_reason_is_told_until_it_happens() -> None:
    answers = iter([NotYet("no server"), NotYet("no node"), "ready"])
    told: list[str] = []
    assert wait_for("it", lambda: next(answers), Deadline(60), every=0, on_wait=told.append) == "ready"
    assert told == ["no server", "no node"]


def test_after_the_deadline_the_error_has_the_last_reason() -> None:
    answers = iter([NotYet("the first reason"), NotYet("the last reason")])
    deadline = Deadline(3600)

    def ends(_: str) -> None:
        deadline._end = 0.0

    with pytest.raises(WaitTimeout) as caught:
        wait_for("the node is Ready", lambda: next(answers), deadline, every=0, on_wait=ends)
    assert str(caught.value) == "the node is Ready: not within 3600.0 s; last seen: the last reason"
    assert (caught.value.what, caught.value.seconds, caught.value.last_seen) == ("the node is Ready", 3600, "the last reason")


def test_what_a_probe_raises_ends_the_wait() -> None:
    def probe() -> NotYet:
        raise LookupError("broken")

    with pytest.raises(LookupError, match=r"^broken$"):
        wait_for("it", probe, Deadline(60))


def test_a_deadline_that_has_passed_leaves_nothing_rather_than_less() -> None:
    assert Deadline(-5).left == 0.0


def test_a_deadline_leaves_at_most_what_it_was_given() -> None:
    deadline = Deadline(1000)
    assert 0 < deadline.left <= 1000
    assert deadline.seconds == 1000


class Limit(BaseException):
    """What a time limit of others raises in the middle of a wait."""


@pytest.mark.parametrize(("seen", "reason"), [(None, "he is not there"), (lambda: "he was seen elsewhere", "he was seen elsewhere")])
def test_one_that_is_broken_off_says_what_it_waited_for(seen: Callable[[], str] | None, reason: str) -> None:
    def probe() -> NotYet:
        if probes.pop():
            raise Limit
        return NotYet("he is not there")

    probes = [True, False]
    with pytest.raises(Limit) as caught:
        wait_for("Godot", probe, Deadline(60), every=0.001, seen=seen)
    assert caught.value.__notes__ == [f"Godot: broken off; last seen: {reason}"]


def test_an_error_of_the_probes_is_its_own() -> None:
    def probe() -> NotYet:
        raise LookupError

    with pytest.raises(LookupError) as caught:
        wait_for("Godot", probe, Deadline(60))
    assert not hasattr(caught.value, "__notes__")
