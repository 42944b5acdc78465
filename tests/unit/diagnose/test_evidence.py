"""Evidence: what a node tells of a failed boot, without its secrets and without failing itself."""

from __future__ import annotations

import pytest

from pytest_kind.diagnose import evidence
from pytest_kind.diagnose.evidence import node_evidence
from pytest_kind.errors import EngineError
from support.engine import FakeEngine

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\nEEIBase64\n-----END EC PRIVATE KEY-----"
REDACTED = "-----BEGIN EC PRIVATE KEY-----[removed]-----END EC PRIVATE KEY-----"


@pytest.fixture
def node(engine: FakeEngine) -> str:
    return engine.add_container("c-control-plane", {})


TITLES = [
    "the engine's disk is full: less than 100 MB are left",
    "units that failed",
    "journal, warnings and worse",
    "kubelet, its last lines",
    "this node's preparation",
    "control plane's units, last lines",
    "containers",
    "control plane, last lines",
]


def test_a_running_node_answers_every_question(engine: FakeEngine, node: str) -> None:
    for title, argv in evidence._QUESTIONS:
        engine.answer(argv, f"about {title}\n")
    assert node_evidence(engine, node, "n").splitlines() == [line for title in TITLES for line in (f"--- n: {title}", f"about {title}")]


def test_questions_without_an_answer_are_left_out(engine: FakeEngine, node: str) -> None:
    engine.answer(["systemctl"], "kubelet.service loaded failed\n")
    assert node_evidence(engine, node, "n") == "--- n: units that failed\nkubelet.service loaded failed"


def test_a_node_that_ended_shows_its_console(engine: FakeEngine) -> None:
    node = engine.add_container("n", {}, "exited")
    assert node_evidence(engine, node, "n") == "--- n: the container is exited; its console ended with\nthe console's last words"
    assert engine.made("exec") == []


def test_a_node_that_is_gone(engine: FakeEngine) -> None:
    assert node_evidence(engine, "gone", "n") == "--- n: the container is gone"


def test_an_engine_that_fails_meanwhile_is_part_of_the_evidence(engine: FakeEngine, node: str) -> None:
    engine.fail("exec", EngineError("connection lost"))
    assert node_evidence(engine, node, "n") == "--- n: no more evidence: connection lost"


def test_evidence_has_no_secrets(engine: FakeEngine, node: str) -> None:
    engine.answer(["systemctl"], f"token abcdef.0123456789abcdef\n{KEY}\n")
    assert node_evidence(engine, node, "n") == f"--- n: units that failed\ntoken abcdef.[removed]\n{REDACTED}"
