"""docs/differences.md says what the drill knows, and the list explains what it should and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.differences import DIFFERENCES, NOWHERE, explanation

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"


def test_the_page_is_the_list() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    said = [(*(NOWHERE if cell == NOWHERE else cell.strip("`") for cell in row[:3]), row[3]) for row in rows]
    assert said == [(one.fact, one.kind, one.ours, one.why) for one in DIFFERENCES]


def test_no_entry_is_there_twice() -> None:
    facts = [one.fact for one in DIFFERENCES]
    assert len(set(facts)) == len(facts)


@pytest.mark.parametrize(
    ("fact", "kind", "ours", "explained"),
    [
        ("component > etcd > flag > unsafe-no-fsync", "-", "true", True),
        ("component > etcd > flag > unsafe-no-fsync", "-", "false", False),
        ("component > etcd > flag > another", "-", "true", False),
        ("container > worker2 > port > 30443/tcp", '["0.0.0.0:31843"]', '["127.0.0.1:31843"]', True),
        ("container > worker2 > port > 30443/tcp", '["127.0.0.1:31843"]', '["0.0.0.0:31843"]', False),
    ],
)
def test_what_is_explained(fact: str, kind: str, ours: str, explained: bool) -> None:
    assert (explanation(fact, kind, ours) is not None) is explained
