"""docs/pains.md: all pains and ideas have a row, and the tests that it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "docs" / "pains.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in LINES if re.match(r"\| \d", line)]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`(tests/[^`]+)`", row[-1])})


def names(path: Path) -> set[str]:
    """The tests of a file, those of classes with their class."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = {one.name for one in body if isinstance(one, ast.FunctionDef)}
    classes = [one for one in body if isinstance(one, ast.ClassDef)]
    return found | {f"{one.name}::{method.name}" for one in classes for method in one.body if isinstance(method, ast.FunctionDef)}


def test_twenty_five_pains_and_ten_ideas() -> None:
    assert [int(row[0]) for row in ROWS] == [*range(1, 26), *range(1, 11)]


def test_each_row_has_a_test_or_says_why_not() -> None:
    assert [row[0] for row in ROWS if "`tests/" not in row[-1] and "**not verified**" not in row[-2]] == []


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    path, _, test = name.partition("::")
    assert (ROOT / path).is_file()
    assert not test or test in names(ROOT / path)
