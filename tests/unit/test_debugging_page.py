"""docs/debugging.md has every phase that a boot's error can name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_phase_has_a_row() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pytest_kind" / "boot").glob("*.py"))
    named = set(re.findall(r'^    name = "(\w+)"$', code, re.MULTILINE))
    page = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
    assert {"API", "DNS", "units"} <= named
    # A cluster that cannot be frozen is handed over all the same.
    assert [name for name in sorted(named - {"freeze"}) if f"`{name}`" not in page] == []
