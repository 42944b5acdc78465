"""The README's tables are the code's."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pytest_kind import fixtures, reaching, scopes, tools
from pytest_kind.image.inputs import read_inputs
from pytest_kind.options import OPTIONS, Option

README = Path(__file__).parents[2] / "README.md"


def rows() -> list[list[str]]:
    """The cells of every table row."""
    lines = README.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


OPTION_ROWS = [row for row in rows() if row[0].startswith("`--kind-")]


def test_every_option_has_a_row_in_order_and_no_row_is_of_nothing() -> None:
    assert [row[:3] for row in OPTION_ROWS] == [
        [f"`{option.flag}{'=' + option.metavar if option.metavar else ''}`", f"`{option.environment}`", f"`{option.ini}`"] for option in OPTIONS
    ]


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.default is not None], ids=lambda option: option.name)
def test_defaults_in_the_table_are_the_codes(option: Option) -> None:
    (said,) = (row[3].strip("`") for row in OPTION_ROWS if row[2] == f"`{option.ini}`")
    assert said == ("off" if option.default is False else f"{option.default:g}" if isinstance(option.default, float) else str(option.default))


def test_the_kubernetes_version_in_the_table_is_the_pinned_one() -> None:
    (said,) = (row[3] for row in OPTION_ROWS if row[2] == "`kind_version`")
    assert said == f"`{read_inputs('amd64').kubernetes}`"


def test_every_fixture_has_a_row_with_its_scope() -> None:
    members = [one for module in (fixtures, reaching, scopes, tools) for one in inspect.getmembers(module)]
    made = {name: one._fixture_function_marker.scope for name, one in members if hasattr(one, "_fixture_function_marker")}
    said = {row[0].strip("`"): row[1] for row in rows() if re.fullmatch(r"`kind_[a-z_]+`", row[0])}
    assert said == made
