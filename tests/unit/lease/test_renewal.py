"""Renewal: a thread that touches the lease of nodes, four times per lease, while this process lives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_kind.errors import EngineError
from pytest_kind.lease.renewal import LEASE_FILE, Renewal
from pytest_kind.provision.provider import Result
from support.engine import FakeEngine


class Touched(FakeEngine):
    """An engine that says when it was used."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.used = threading.Semaphore(0)
        self.closed = threading.Event()

    def exec(self, container: str, argv: Sequence[str], **rest: object) -> Result:
        try:
            return super().exec(container, argv)
        finally:
            self.used.release()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def touched(tmp_path: Path) -> Touched:
    return Touched(tmp_path / "touched")


@pytest.fixture
def node(touched: Touched) -> str:
    return touched.add_container("n", {})


def test_a_fast_lease_is_renewed_again_and_again(touched: Touched, node: str) -> None:
    renewal = Renewal(lambda: touched, [node], 0)
    assert touched.used.acquire(timeout=60)
    assert touched.used.acquire(timeout=60)
    renewal.stop()
    assert set(touched.made("exec")) == {f"touch {LEASE_FILE}"}
    assert touched.closed.is_set()


def test_after_a_failure_it_connects_anew(touched: Touched, node: str) -> None:
    connections = []

    def connect() -> Touched:
        connections.append(1)
        return touched

    touched.fail("exec", EngineError("connection lost"))
    renewal = Renewal(connect, [node], 0)
    for _ in range(3):
        assert touched.used.acquire(timeout=60)
    renewal.stop()
    assert len(connections) == 2
    assert renewal.last_failure is None


def test_the_last_failure_is_remembered(touched: Touched, node: str) -> None:
    tried = threading.Event()

    def connect() -> Touched:
        tried.set()
        raise EngineError("no engine")

    renewal = Renewal(connect, ["n"], 0)
    assert tried.wait(60)
    renewal.stop()
    assert renewal.last_failure == "no engine"


def test_before_the_first_quarter_it_does_not_even_connect() -> None:
    def connect() -> Touched:
        raise AssertionError("too early")

    renewal = Renewal(connect, ["n"], 3600)
    renewal.stop()
    assert renewal.last_failure is None
    assert not renewal._thread.is_alive()


class TestSeveral:
    """Machines come and go while their leases are renewed."""

    @pytest.fixture
    def other(self, touched: Touched) -> str:
        return touched.add_container("other", {})

    def rounds(self, touched: Touched, count: int) -> None:
        for _ in range(count):
            assert touched.used.acquire(timeout=60)

    def test_each_is_renewed(self, touched: Touched, node: str, other: str) -> None:
        renewal = Renewal(lambda: touched, [node, other], 0)
        self.rounds(touched, 4)
        renewal.stop()
        assert touched.execs("n")
        assert touched.execs("other")

    def test_from_a_change_on_others_are(self, touched: Touched, node: str, other: str) -> None:
        renewal = Renewal(lambda: touched, [node], 0)
        self.rounds(touched, 1)
        assert touched.execs("other") == []
        renewal.of([other])
        while not touched.execs("other"):
            self.rounds(touched, 1)
        before = len(touched.execs("n"))
        self.rounds(touched, 3)
        renewal.stop()
        assert len(touched.execs("n")) <= before + 1  # the round that ran meanwhile

    def test_with_none_left_nothing_is_asked_of_the_engine(self, touched: Touched) -> None:
        def connect() -> Touched:
            raise AssertionError("for nothing")

        renewal = Renewal(connect, [], 0)
        renewal.of(())
        renewal.stop()
        assert renewal.last_failure is None

    def test_one_that_fails_does_not_keep_others_from_theirs(self, touched: Touched, node: str, other: str) -> None:
        touched.remove(node)
        renewal = Renewal(lambda: touched, [node, other], 0)
        self.rounds(touched, 4)
        renewal.stop()
        assert len(touched.execs("other")) >= 2
        assert renewal.last_failure == f"no such container: {node}"

    def test_one_that_goes_meanwhile_is_no_failure(self, touched: Touched, node: str) -> None:
        class Leaving(Touched):
            """The node is taken out while its lease is being renewed."""

            def exec(self, container: str, argv: Sequence[str], **rest: object) -> Result:
                renewal.of(())
                touched.remove(node)
                return super().exec(container, argv)

        leaving = Leaving(touched._root)
        begun = threading.Event()

        def connect() -> Touched:
            assert begun.wait(60)
            return leaving

        renewal = Renewal(connect, [node], 0)
        begun.set()
        assert leaving.used.acquire(timeout=60)
        renewal.stop()
        assert renewal.last_failure is None
