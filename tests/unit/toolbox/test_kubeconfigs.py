"""A kubeconfig where the user wants it, and the variable that leads to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.toolbox import kubeconfigs

OURS = "contexts: [{name: kind-mine}]\n"


@pytest.mark.parametrize("before", [None, "", OURS])
def test_a_file_of_a_cluster_is_written_over_and_is_private(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "folder" / "kubeconfig"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before, encoding="utf-8")
    kubeconfigs.write(path, "contexts: [{name: kind-new}]\n", "--kubeconfig")
    assert path.read_text(encoding="utf-8") == "contexts: [{name: kind-new}]\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("contexts: [{name: kind-mine}, {name: work}]\n", "kind-mine, work"),
        ("contexts: [{name: work}]\n", "work"),
        ("something: else\n", "no contexts"),
        ("- a list\n", "no contexts"),
    ],
)
def test_a_file_of_somebody_elses_is_refused_and_stays(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        kubeconfigs.write(path, OURS, "--kubeconfig")
    assert str(caught.value).startswith(f"--kubeconfig: {path} is there and has something else than one cluster of kind's ({found})")
    assert path.read_text(encoding="utf-8") == text


def test_what_is_no_kubeconfig_and_what_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^--kubeconfig: .*file is there and cannot be read"):
        kubeconfigs.check(tmp_path / "file", "--kubeconfig")
    with pytest.raises(UsageError, match=r"^--kubeconfig: .*file/below cannot be written"):
        kubeconfigs.write(tmp_path / "file" / "below", OURS, "--kubeconfig")


@pytest.mark.parametrize("before", [None, "elsewhere"])
def test_the_environment_is_what_it_was_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    if before is not None:
        monkeypatch.setenv("KUBECONFIG", before)
    with kubeconfigs.environment(tmp_path / "one"):
        assert os.environ["KUBECONFIG"] == str(tmp_path / "one")
    assert os.environ.get("KUBECONFIG") == before
