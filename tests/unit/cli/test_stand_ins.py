"""``build stand-ins``."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from pytest_kind import cli
from pytest_kind.e2e.images import roots
from pytest_kind.e2e.images.layers import add_nodes, pack
from pytest_kind.image import go_modules
from pytest_kind.image.go_modules import Module
from support.engine import FakeEngine

BUSYBOX, PAUSE = "registry.k8s.io/e2e-test-images/busybox:7", "registry.k8s.io/pause:3"


@pytest.fixture(autouse=True)
def _small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that wants two images, and a Debian without a file."""

    def compile_suite(_: object, __: object, module: Module, target: Path) -> None:
        assert module.programs == go_modules.E2E.programs
        (target / "e2e.test").write_text(f"#!/bin/sh\necho {BUSYBOX}\necho {PAUSE}\n", encoding="utf-8")
        (target / "e2e.test").chmod(0o755)

    def bootstrap(_: object, __: object, target: Path) -> None:
        def nothing(tar: tarfile.TarFile) -> None:
            add_nodes(tar, {})

        for name in ("debian", "small"):
            pack(target / f"{name}.tar.gz", nothing)

    monkeypatch.setattr(go_modules, "_compile", compile_suite)
    monkeypatch.setattr(roots, "_make", bootstrap)


def test_it_says_what_is_made_of_what_and_what_is_not_to_be_had(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build", "stand-ins"]) == 0
    (part,) = (one for one in cache.glob("parts/stand-ins-layout-*") if (one / "index.json").exists())
    assert capsys.readouterr().out.splitlines() == [
        f"kind: {BUSYBOX}: Debian's busybox, with bash as its shell",
        f"kind: {PAUSE}: none; every node has it: its containerd runs pods on it",
        f"kind: 1 stand-ins in {part}, 0 MiB; 1 images without one",
    ]


def test_for_scripts(cache: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--quiet", "build", "stand-ins", "--output", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said.pop("bytes") > 0
    assert Path(said.pop("stand-ins")).parent == cache / "parts"
    assert said == {
        "kubernetes": "v1.37.1",
        "images": {BUSYBOX: "Debian's busybox, with bash as its shell"},
        "left-out": {PAUSE: "every node has it: its containerd runs pods on it"},
    }
    assert engine.names == []


@pytest.mark.parametrize("more", [["--suite"], ["--source", "release:v1.37.1"]])
def test_what_does_not_fit_is_refused(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build", "stand-ins", *more]) == 2
    assert "build stand-ins: takes --version alone" in capsys.readouterr().err
