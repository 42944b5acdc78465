"""The look at the machine before `create cluster` and `warm` make anything."""

from __future__ import annotations

import pytest

from pytest_kind import cli
from support.engine import FakeEngine

MAKES = [["create", "cluster"], ["warm"]]


@pytest.fixture(autouse=True)
def _bootable(engine: FakeEngine) -> None:
    engine.add_node_image()
    engine.publish("127.0.0.1", 6000)


@pytest.mark.parametrize("argv", MAKES)
def test_where_no_cluster_would_come_up_none_is_made(engine: FakeEngine, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    engine.say(userns=True, lacks=["memory"])
    assert cli.main(argv) == 1
    said = capsys.readouterr().err
    assert "no cluster would come up here (`pytest-kind doctor` says why each matters; --preflight=no-ID leaves one out)" in said
    assert "  - engine-userns: " in said
    assert "  - cgroup-controllers: missing: memory; " in said
    assert engine.made("create") == []


@pytest.mark.parametrize("argv", [["create", "cluster", "--quiet"], ["warm", "--quiet", "--count", "2"]])
def test_warnings_are_told_once(engine: FakeEngine, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    engine.say(cpus=1)
    assert cli.main(argv) == 0
    assert capsys.readouterr().err.count("pytest-kind: preflight: cpus: ") == 1


@pytest.mark.parametrize("argv", MAKES)
@pytest.mark.parametrize("said", ["off", "no-engine-userns"])
def test_it_can_be_left_out(engine: FakeEngine, argv: list[str], said: str) -> None:
    engine.say(userns=True)
    assert cli.main([*argv, f"--preflight={said}"]) == 0


def test_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["warm", "--preflight=no-such"])
    said = capsys.readouterr().err
    assert "argument --preflight: 'no-such' is not accepted; accepted is on, off, or a list such as no-memory,no-cpus; of engine-remote," in said
