"""The battery's table, and the list of causes that people fill in."""

from __future__ import annotations

import re

import pytest

from drills.specs_battery import CAUSES, Result, cause_of, causes_of, selected, table

NAMES = [f"test/e2e/a.go::[sig-x] spec {name}" for name in ("passes", "fails | here", "is [LinuxOnly] [Serial]", "waits")]
CAUSE = """
["fails . here$"]
cause = "machine"
why = "no such kernel module"
["[sig-x] is [LinuxOnly] [Serial]"]
cause = "upstream"
why = "a race"
"""


def result(number: int, outcome: str, message: str = "", *, stand_ins: bool = False) -> Result:
    return Result(spec=NAMES[number], outcome=outcome, seconds=30, message=message, stand_ins=stand_ins, at=0)


def test_the_table_counts_all_and_those_beside_stand_ins_apart() -> None:
    results = [result(0, "passed"), result(1, "failed", "no | way\nat all", stand_ins=True), result(2, "skipped", "two nodes\nmore")]
    assert table("T", NAMES, {one.spec: one for one in results}, causes_of(CAUSE)).splitlines() == [
        "# T",
        "",
        "| specs | of all | ran | passed | failed | skipped | not run yet |",
        "|---|---|---|---|---|---|---|",
        "| all | 4 | 3 | 1 | 1 | 1 | 1 |",
        "| ran beside stand-ins |  | 1 | 0 | 1 | 0 |  |",
        "| ran on upstream's images |  | 2 | 1 | 0 | 1 |  |",
        "",
        "Serial ones: 1 of 1 ran. Together 2 min.",
        "",
        "## Failures",
        "",
        "By cause: machine 1.",
        "",
        "| spec | seconds | message | cause | why |",
        "|---|---|---|---|---|",
        "| [sig-x] spec fails \\| here | 30 | no \\| way at all | machine | no such kernel module |",
        "",
        "## Skipped",
        "",
        "| specs | the suite's reason |",
        "|---|---|",
        "| 1 | two nodes |",
    ]


def test_the_table_of_nothing() -> None:
    lines = table("T", NAMES, {}, {}).splitlines()
    assert "| all | 4 | 0 | 0 | 0 | 0 | 4 |" in lines
    assert lines[-1] == "None."


@pytest.mark.parametrize(
    ("spec", "cause"),
    [(NAMES[1], "machine"), ("a.go::[sig-x] is [LinuxOnly] [Serial]", "upstream"), (NAMES[2], ""), (NAMES[0], "")],
)
def test_a_cause_is_that_of_the_name_or_of_an_expression(spec: str, cause: str) -> None:
    assert cause_of(spec, causes_of(CAUSE))[0] == cause


def test_a_cause_is_one_of_four_and_has_words() -> None:
    with pytest.raises(ValueError, match=re.escape("'a': cause is 'luck'; accepted: product, machine, stand-in, upstream\n'b': why is not said")):
        causes_of('[a]\ncause = "luck"\nwhy = "so"\n[b]\ncause = "machine"\n')


def test_the_list_of_causes_can_be_read() -> None:
    assert "product" not in {cause for cause, _ in causes_of(CAUSES.read_text(encoding="utf-8")).values()}


def test_selections() -> None:
    assert selected("conformance") == ["--kind-label-filter=Conformance"]
    assert selected("sig-storage") == ["--kind-label-filter=sig-storage"]
    assert selected("raw") == []
