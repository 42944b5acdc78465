"""What was found, as files."""

from __future__ import annotations

from pathlib import Path

from pytest_kind.diagnose.records import write
from pytest_kind.diagnose.sections import Section
from support.scenes import recorded


def test_what_a_test_says_may_be_no_text(tmp_path: Path) -> None:
    write(tmp_path / "out", recorded("disk_full"), [Section("why", "kind: why", ("caf\udce9.txt",))])
    assert (tmp_path / "out" / "why.txt").read_text(encoding="utf-8") == "caf\\udce9.txt\n"
