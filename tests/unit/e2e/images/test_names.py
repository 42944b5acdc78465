"""The suite's own list of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.e2e.images import names
from pytest_kind.errors import CommandError


def suite(folder: Path, script: str) -> Path:
    file = folder / "e2e.test"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_the_list_is_the_suites_own_each_name_once_and_in_full(tmp_path: Path) -> None:
    asked = suite(tmp_path, '[ "$*" = --list-images ] && printf "b.example/x/y:2\\nbusybox:1\\nb.example/x/y:2\\n"')
    assert names.listed(asked) == ("b.example/x/y:2", "docker.io/library/busybox:1")


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo broken >&2; exit 2", "ended with 2:\nbroken"), ("true", "ended with 0:\nit printed no images")],
    ids=["fails", "empty"],
)
def test_a_suite_that_names_none_is_an_error(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        names.listed(suite(tmp_path, script))
    assert str(caught.value).endswith(said)


def test_a_suite_that_does_not_run_here_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"`.*/none --list-images` ended with 127:\n.*No such file"):
        names.listed(tmp_path / "none")


def test_images_that_specs_expect_not_to_get_are_not_wanted() -> None:
    images = ["invalid.registry.k8s.io/invalid/alpine:3.1", "gcr.io/k8s-authenticated-test/agnhost:2.6", "registry.k8s.io/pause:3", "b", "b:latest"]
    assert names.wanted(images) == ("docker.io/library/b:latest", "registry.k8s.io/pause:3")


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("registry.k8s.io/a/b:1.2", ("registry.k8s.io", "a/b", "1.2")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1")),
        ("registry.k8s.io/a@sha256:abc", ("registry.k8s.io", "a", "")),
        ("registry.k8s.io/a:1@sha256:abc", ("registry.k8s.io", "a", "1")),
    ],
)
def test_a_name_in_its_parts(image: str, parts: tuple[str, str, str]) -> None:
    assert names.split(image) == parts
    assert names.repository(image) == "/".join(parts[:2])
