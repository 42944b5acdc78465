"""A layout of stand-ins made without a network: Debian, Kubernetes and compilers are a few small files."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_kind.e2e.images import build, programs, roots
from pytest_kind.e2e.images.build import Built
from pytest_kind.e2e.images.layers import Node, add_nodes, pack
from pytest_kind.errors import CommandError
from pytest_kind.image import go_modules
from pytest_kind.image.go_modules import Module
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.image.workshop import Workshop

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-2"
INVALID = "invalid.registry.k8s.io/invalid/alpine:3.1"


@pytest.fixture
def inputs() -> Inputs:
    """The real ones."""
    return read_inputs("amd64")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Programs that hold their own name, but for those of modules that are in the returned mapping: they fail so."""
    failures: dict[str, str] = {}

    def compile_nothing(_: Workshop, __: Inputs, module: Module, target: Path) -> None:
        if module.name in failures:
            raise CommandError("this machine", ["go", "build"], 1, failures[module.name])
        for program in module.programs:
            (target / program.name).write_text(program.name, encoding="utf-8")

    monkeypatch.setattr(go_modules, "_compile", compile_nothing)
    return failures


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiled: dict[str, str]) -> dict[str, str]:
    """What all images are made of; the mapping is that of ``compiled``."""

    def bootstrap(_: Workshop, __: Inputs, target: Path) -> None:
        for name in ("debian", "small"):
            text = name.encode()

            def fill(tar: tarfile.TarFile, text: bytes = text) -> None:
                add_nodes(tar, {"etc/name": Node(content=text)})

            pack(target / f"{name}.tar.gz", fill)

    def source(*_: object) -> Path:
        for path in ("agnhost/porter/localhost.crt", "agnhost/porter/localhost.key", "kitten/html/kitten.jpg", "kitten/html/data.json"):
            place = tmp_path / "source/test/images" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path, encoding="utf-8")
        return tmp_path / "source"

    monkeypatch.setattr(roots, "_make", bootstrap)
    monkeypatch.setattr(go_modules, "kubernetes_source", source)
    return compiled


@pytest.fixture
def make(workshop: Workshop, inputs: Inputs, small_world: dict[str, str]) -> Callable[..., Built]:
    """Builds stand-ins for images."""
    assert set(programs.MODULES) >= {"kubernetes", "coredns"}
    return lambda *images: build.build(workshop, inputs, images)
