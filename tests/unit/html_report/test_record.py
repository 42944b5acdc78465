"""How a cluster came to be."""

from __future__ import annotations

import pytest

from pytest_kind.boot.actions import default_actions
from pytest_kind.boot.copy import copying_actions
from pytest_kind.html_report.record import way_of


@pytest.mark.parametrize(
    ("names", "way"),
    [
        ([one.name for one in default_actions(1, freeze=True)], "cold"),
        ([one.name for one in default_actions(3)], "cold"),
        ([one.name for one in copying_actions()], "copied"),
        ([*(one.name for one in copying_actions()), "a step of a conftest"], "copied"),
        (["attach"], "kept"),
        (["take"], "warm"),
        (["fake"], "cold"),
        ([], "cold"),
    ],
)
def test_it_follows_from_what_was_done(names: list[str], way: str) -> None:
    assert way_of([(name, 0.1) for name in names]) == way
