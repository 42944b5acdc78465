"""Whose turn it is on a cluster that several workers share."""

from __future__ import annotations

from pytest_kind.workers.turns import Turns


def test_many_are_beside_each_other_and_one_is_alone() -> None:
    turns = Turns()
    assert turns.may_begin("c", alone=True)
    turns.begin("c", alone=False)
    assert turns.may_begin("c", alone=False)
    assert not turns.may_begin("c", alone=True)
    turns.end("c", alone=False)
    turns.begin("c", alone=True)
    assert not turns.may_begin("c", alone=False)
    assert not turns.may_begin("c", alone=True)
    turns.end("c", alone=True)
    assert turns.may_begin("c", alone=False)


def test_who_must_be_alone_is_not_kept_waiting_by_those_who_come_later() -> None:
    turns = Turns()
    turns.begin("c", alone=False)
    turns.wait("c")
    assert not turns.may_begin("c", alone=False)
    turns.end("c", alone=False)
    assert turns.may_begin("c", alone=True)
    turns.waited("c")
    turns.begin("c", alone=True)
    turns.end("c", alone=True)
    assert turns.may_begin("c", alone=False)


def test_clusters_are_apart() -> None:
    turns = Turns()
    turns.begin("c", alone=True)
    assert turns.may_begin("d", alone=True)
