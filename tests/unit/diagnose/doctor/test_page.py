"""docs/doctor.md is the table of all rules."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_kind.cli.doctor import as_json
from pytest_kind.diagnose.doctor.judge import RULES
from support.doctor import HEALTHY

PAGE = (Path(__file__).parents[4] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_tables_are_the_rules() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in PAGE.splitlines()
        if re.match(r"\| `[a-z0-9-]+` \| (error|warning|note)", line)
    ]
    assert rows == [
        [
            f"`{rule.id}`",
            ", ".join([rule.severity.value, *(["preflight"] if rule.early else []), *(["`--fix`"] if rule.fixable else [])]),
            rule.what,
            rule.why,
            rule.remedy,
        ]
        for rule in RULES
    ]


def test_the_names_of_the_json_are_there() -> None:
    for name in as_json(HEALTHY, [], []):
        assert f"`{name}`" in PAGE
