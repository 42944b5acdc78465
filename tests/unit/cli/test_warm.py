"""``warm``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_kind import cli, labels
from pytest_kind.lease.spares import Spare, state
from support.engine import FakeEngine


@pytest.fixture(autouse=True)
def _bootable(engine: FakeEngine) -> None:
    engine.add_node_image()
    engine.publish("127.0.0.1", 6000)


def test_it_leaves_clusters_for_test_runs(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["warm", "--count", "2", "--for", "2h", "-o", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (len(said["clusters"]), said["seconds"]) == (2, 7200)
    assert {state(cache, name) for name in said["clusters"]} == {Spare.OFFERED}
    containers = engine.containers({labels.SPARE: None})
    assert {one.labels[labels.CLUSTER] for one in containers} == set(said["clusters"])
    assert {one.labels[labels.LEASE] for one in containers} == {"7200"}


def test_it_says_what_it_left(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["warm"]) == 0
    (name,) = [file.name for file in (cache / "spares").iterdir()]
    assert capsys.readouterr().out == f"kind: ready to be taken by a test run: {name}\n"


@pytest.mark.parametrize(
    ("argv", "problems"),
    [
        (["--count", "0"], ["--count: 0 is not accepted; accepted is a whole number from 1 to 8"]),
        (["--for", "5s"], ["--for: 5 s is not accepted; accepted is a duration from 1m to 24h"]),
        (
            ["--count", "9", "--for", "25h"],
            [
                "--count: 9 is not accepted; accepted is a whole number from 1 to 8",
                "--for: 90000 s is not accepted; accepted is a duration from 1m to 24h",
            ],
        ),
    ],
)
def test_bad_values_are_told_all_at_once(engine: FakeEngine, argv: list[str], problems: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["warm", *argv]) == 2
    assert capsys.readouterr().err.splitlines() == [f"pytest-kind: {problems[0]}", *problems[1:]]
    assert engine.names == []
