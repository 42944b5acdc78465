"""What is measured stays in bounded room, and says the same."""

from __future__ import annotations

from pytest_kind.html_report.model import Counts, Use
from pytest_kind.html_report.series import PodCounts, Uses


def test_few_uses_are_all_there() -> None:
    uses = Uses(4)
    there = [Use(float(at), at / 2, at) for at in range(4)]
    for one in there:
        uses.add(one)
    assert list(uses.known) == there


def test_many_uses_are_halved_and_neither_processor_time_nor_the_peak_is_lost() -> None:
    uses = Uses(50)
    for at in range(10_000):
        uses.add(Use(float(at), at * 1.5, 9_999 if at == 4_321 else at % 100))
        assert len(uses.known) <= 50
    assert (uses.known[0].at, uses.known[-1]) == (0.0, Use(9_999.0, 14_998.5, 99))
    assert [one.at for one in uses.known] == sorted({one.at for one in uses.known})
    assert max(one.memory for one in uses.known) == 9_999
    assert {one.cpu / one.at for one in uses.known[1:]} == {1.5}


def test_pods_are_counted_by_phase_and_only_changes_are_kept() -> None:
    pods = PodCounts()
    pods.all_are({"a": "Pending", "b": "Running"}, 1.0)
    pods.one_is("a", "Pending", 2.0)
    pods.one_is("a", "Running", 3.0)
    pods.one_is("b", None, 4.0)
    pods.one_is("nobody", None, 5.0)
    assert list(pods.known) == [Counts(1.0, {"Pending": 1, "Running": 1}), Counts(3.0, {"Running": 2}), Counts(4.0, {"Running": 1})]


def test_changes_that_come_together_are_one_and_what_is_last_counts() -> None:
    pods = PodCounts()
    for number in range(10):
        pods.one_is(str(number), "Running", 1.0 + number / 100)
    pods.one_is("x", "Failed", 2.0)
    assert list(pods.known) == [Counts(1.0, {"Running": 10}), Counts(2.0, {"Failed": 1, "Running": 10})]


def test_many_counts_are_halved_and_the_last_one_stays() -> None:
    pods = PodCounts(20)
    for number in range(500):
        pods.one_is(str(number), "Running", float(number))
        assert len(pods.known) <= 20
    assert pods.known[-1] == Counts(499.0, {"Running": 500})
    assert pods.known[0] == Counts(0.0, {"Running": 1})
