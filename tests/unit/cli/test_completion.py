"""Completion: bash's is run, the others are read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_kind import cli
from pytest_kind.cli.completion import Place, places, script
from pytest_kind.cli.parser import make_parser


@pytest.fixture
def complete(tmp_path: Path) -> object:
    """What bash offers for the words so far, the last of them unfinished."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pytest-kind"
    program.write_text('#!/bin/sh\n[ "$2" = clusters ] && echo "dev staging" || echo "dev-worker dev-worker2"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "kind.yaml").touch()

    def ask(*words: str) -> list[str]:
        run = '. /dev/stdin; shift; COMP_WORDS=(pytest-kind "$@"); COMP_CWORD=$#; _pytest_kind; printf "%s\\n" "${COMPREPLY[@]}"'
        found = subprocess.run(
            ["bash", "--norc", "-uc", run, "bash", "", *words],
            input=script("bash", make_parser()),
            cwd=tmp_path,
            env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.stderr == ""
        return found.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["cr"], ["create"]),
        (["create", ""], ["cluster", "-h", "--help"]),
        (["create", "cluster", "--con"], ["--config"]),
        (["create", "cluster", "--config", "k"], ["kind.yaml"]),
        (["create", "cluster", "--name", "s"], ["staging"]),
        (["create", "cluster", "--wait", ""], []),
        (["get", "n"], ["nodes"]),
        (["get", "nodes", "-o", ""], ["text", "json"]),
        (["delete", "clusters", "d"], ["dev"]),
        (["delete", "cluster", "s"], ["staging"]),
        (["remove-node", "dev"], ["dev-worker", "dev-worker2"]),
        (["add-node", "--role", "w"], ["worker"]),
        (["load", "image-archive", "k"], ["kind.yaml"]),
        (["completion", "f"], ["fish"]),
        (["-q", "export", "l"], ["logs"]),
        (["nonsense", "x"], []),
    ],
)
def test_bash_offers(complete: object, words: list[str], offered: list[str]) -> None:
    assert callable(complete)
    assert sorted(complete(*words)) == sorted(offered)


def every_place() -> list[Place]:
    return list(places(make_parser()))


def test_every_command_is_a_place() -> None:
    assert {"", "create cluster", "get kubeconfig", "export logs", "load docker-image", "unpause", "schema"} <= {one.path for one in every_place()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for place in every_place():
        assert f'"{place.path}"' in text
        for flag in (flag for one in place.options for flag in one.flags):
            written = flag if shell != "fish" else f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            assert written in text


def test_zsh_runs_bashs() -> None:
    assert script("zsh", make_parser()).endswith(script("bash", make_parser()))
    assert "bashcompinit" in script("zsh", make_parser())
