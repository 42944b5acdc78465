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
