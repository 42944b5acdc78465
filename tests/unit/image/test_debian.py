"""The base layer: cached, pulled, or bootstrapped, and what is said where none of it goes."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image import debian
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from support.engine import FakeEngine


@pytest.fixture
def tag(inputs: Inputs) -> str:
    return f"pytest-kind/base:{debian.base_digest(inputs)}"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH beside the shell's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    return folder


def test_one_in_the_engine_is_used(workshop: Workshop, inputs: Inputs, engine: FakeEngine, tag: str) -> None:
    engine.add_image(tag)
    assert debian.base_image(workshop, inputs) == tag
    assert engine.made("pull") == []


def test_debians_image_gets_the_packages(workshop: Workshop, inputs: Inputs, engine: FakeEngine, tag: str) -> None:
    engine.add_to_registry("debian:bookworm-slim", ())
    assert debian.base_image(workshop, inputs) == tag
    assert engine.made("exec") == ["sh -c apt-get update -qq && apt-get install -y -qq --no-install-recommends bash systemd"]
    assert engine.made("commit") == [f"pytest-kind-base-{workshop.scratch.name} {tag}"]
    assert engine.names == []


def test_packages_that_cannot_be_installed_are_an_image_error(workshop: Workshop, inputs: Inputs, engine: FakeEngine) -> None:
    engine.add_to_registry("debian:bookworm-slim", ())
    engine.answer(["sh", "-c"], "E: Unable to locate package systemd", code=100)
    with pytest.raises(ImageError) as caught:
        debian.base_image(workshop, inputs)
    assert str(caught.value) == "installing packages into debian:bookworm-slim failed:\nE: Unable to locate package systemd"
    assert engine.names == []


def test_without_a_registry_only_root_can_make_one(workshop: Workshop, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError) as caught:
        debian.base_image(workshop, inputs)
    assert str(caught.value) == (
        "the base layer cannot be pulled, and debootstrap needs root: run as root once, or give --kind-image an image that exists"
    )


@pytest.mark.usefixtures("root", "programs")
def test_without_debootstrap_it_says_how_to_get_it(workshop: Workshop, inputs: Inputs) -> None:
    with pytest.raises(
        CommandError, match=r"debootstrap is not installed: `apt-get install debootstrap`, or give --kind-image an image that exists$"
    ):
        debian.base_image(workshop, inputs)


@pytest.mark.usefixtures("root")
def test_debootstraps_root_is_imported_without_the_machines_mirror(
    workshop: Workshop, inputs: Inputs, engine: FakeEngine, tag: str, programs: Path, cache: Path
) -> None:
    debootstrap = programs / "debootstrap"
    debootstrap.write_text(
        "#!/bin/sh\nPATH=/usr/bin:/bin\nfor last; do :; done\n"
        'mkdir -p "$last/etc/apt" "$last/usr/share/doc/x" "$last/dev/pts"\n'
        'echo local > "$last/etc/apt/sources.list"\necho "$*" > "$last/arguments"\n',
        encoding="utf-8",
    )
    debootstrap.chmod(0o755)
    assert debian.base_image(workshop, replace(inputs, architecture="arm64")) != tag
    (saved,) = cache.glob("parts/base-*/rootfs.tar")
    with tarfile.open(saved) as tar:
        assert sorted(tar.getnames()) == [".", "./arguments", "./etc", "./etc/apt", "./etc/apt/sources.list", "./usr", "./usr/share"]
        sources, arguments = tar.extractfile("./etc/apt/sources.list"), tar.extractfile("./arguments")
        assert sources is not None
        assert sources.read() == b"# none: a mirror is the business of the machine that has it\n"
        assert arguments is not None
        assert arguments.read().startswith(b"--variant=minbase --arch=arm64 --include=bash,systemd bookworm ")
    assert len(engine.made("import_image")) == 1


def test_a_cached_root_is_imported_again_without_asking_a_registry(
    workshop: Workshop, inputs: Inputs, engine: FakeEngine, tag: str, cache: Path
) -> None:
    part = cache / "parts" / f"base-{tag.rpartition(':')[2]}"
    part.mkdir(parents=True)
    (part / "rootfs.tar").write_bytes(b"tar")
    assert debian.base_image(workshop, inputs) == tag
    assert engine.made("pull") == []
    assert engine.made("import_image") == [f"{tag} 3"]
