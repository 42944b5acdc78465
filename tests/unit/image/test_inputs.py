"""What a node image is made of, and the digest over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_kind.errors import ImageError
from pytest_kind.image import inputs as image_inputs
from pytest_kind.image.inputs import Inputs, node_image_dir, read_inputs


def write(inputs: Inputs, name: str, text: str) -> None:
    (inputs.root / name).write_text(text, encoding="utf-8")


def test_lists_have_neither_comments_nor_empty_lines(inputs: Inputs) -> None:
    assert inputs.packages == ["bash", "systemd"]
    assert inputs.masked_units == ["a.service"]


def test_the_tag_has_version_and_digest(inputs: Inputs) -> None:
    assert len(inputs.digest) == 16
    assert inputs.tag == f"pytest-kind/node:v1.37.1-{inputs.digest}"


@pytest.mark.parametrize(("version", "pinned"), [("v1.37.1", True), ("v1.36.0", False)])
def test_pinned_is_the_version_of_the_committed_sums(inputs: Inputs, version: str, pinned: bool) -> None:
    assert replace(inputs, kubernetes=version).pinned is pinned


def test_the_digest_is_the_same_for_the_same_files_anywhere(inputs: Inputs) -> None:
    copy = inputs.root.rename(inputs.root.with_name("elsewhere"))
    moved = replace(inputs, root=copy).digest
    copy.rename(inputs.root)
    assert moved == inputs.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda one: write(one, "packages.txt", "bash\n"),
        lambda one: write(one, "fresh", ""),
        lambda one: (one.root / "go/etcd/go.mod").rename(one.root / "go/etcd/go.other"),
        lambda one: (one.root / "packages.txt").chmod(0o755),
        lambda one: (one.root / "packages.txt").unlink(),
    ],
    ids=["content", "another file", "name", "mode", "one file less"],
)
def test_any_change_of_a_file_changes_the_digest(inputs: Inputs, change: Callable[[Inputs], object]) -> None:
    before = inputs.digest
    change(inputs)
    assert inputs.digest != before


@pytest.mark.parametrize("change", [{"architecture": "arm64"}, {"kubernetes": "v1.36.0"}])
def test_version_and_architecture_change_the_digest(inputs: Inputs, change: dict[str, str]) -> None:
    assert replace(inputs, **change).digest != inputs.digest  # type: ignore[arg-type]


def test_who_may_read_a_file_does_not_change_the_digest(inputs: Inputs) -> None:
    before = inputs.digest
    (inputs.root / "packages.txt").chmod(0o600)
    assert inputs.digest == before


def test_the_border_between_two_texts_counts(inputs: Inputs) -> None:
    assert inputs.digest_of("ab", "c") != inputs.digest_of("a", "bc")
    assert inputs.digest_of("a", "b") == inputs.digest_of("a", "b")


def test_a_part_follows_only_what_it_is_made_of(inputs: Inputs) -> None:
    before = inputs.digest_of(inputs.root / "go/etcd")
    write(inputs, "packages.txt", "other\n")
    assert inputs.digest_of(inputs.root / "go/etcd") == before
    write(inputs, "go/etcd/go.mod", "other\n")
    assert inputs.digest_of(inputs.root / "go/etcd") != before


def test_the_inputs_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_inputs("amd64")
    assert found.root == node_image_dir()
    assert found.kubernetes == found.versions["kubernetes"]["version"]
    assert found.pinned
    assert "systemd" in found.packages
    assert read_inputs("amd64", "v1.36.0").kubernetes == "v1.36.0"


def test_an_installation_without_its_files_says_so(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = inputs.root / "site/pytest_kind/image/inputs.py"
    monkeypatch.setattr(image_inputs, "__file__", str(lonely))
    with pytest.raises(ImageError, match=f"^the files of the node image are missing from the installation at {lonely.parent.parent}$"):
        node_image_dir()


def test_an_installed_package_has_them_inside(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    package = inputs.root / "site/pytest_kind"
    (package / "_node_image").mkdir(parents=True)
    (package / "_node_image/versions.toml").touch()
    monkeypatch.setattr(image_inputs, "__file__", str(package / "image/inputs.py"))
    assert node_image_dir() == package / "_node_image"
