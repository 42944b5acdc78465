"""Which index is which spec, as a process tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.e2e import numbering as numbering_module
from pytest_kind.e2e.numbering import numbered
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import UsageError
from support.fake_suite import install, spec


def test_the_order_the_groups_and_what_runs_alone(tmp_path: Path) -> None:
    box = [spec(name, container="[sig-x] box") for name in ("one", "two")]
    suite = Suite(install(tmp_path / "e2e.test", [spec("a"), spec("alone", serial=True), *box, spec("b")]), folder=tmp_path)
    found = numbered(suite, tmp_path)
    assert found.groups == (("b",), ("[sig-x] box two", "[sig-x] box one"), ("a",))
    assert found.serial == ("alone",)
    assert found.index == {"b": 0, "[sig-x] box two": 1, "[sig-x] box one": 1, "a": 2}
    suite.binary.unlink()  # it is kept
    assert numbered(suite, tmp_path) == found
    assert [file.suffix for file in (tmp_path / "listings").iterdir()] == [".json"]


def test_a_binary_that_does_not_play_along(tmp_path: Path) -> None:
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\necho no such flag\nexit 2\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"(?s)e2e.test ended with 2 when it was asked for the order of its specs:\nno such flag"):
        numbered(Suite(program, folder=tmp_path), tmp_path)


def test_a_binary_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering_module, "_SECONDS", 0.2)
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"was not through after 0.2 s when it was asked"):
        numbered(Suite(program, folder=tmp_path), tmp_path)
