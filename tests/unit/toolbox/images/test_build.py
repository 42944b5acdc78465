"""A folder as an image named after its content."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.errors import EngineError, UsageError
from pytest_kind.toolbox.images import build_image
from support.engine import FakeEngine


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "My App"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM base:1 AS one\nFROM --platform=linux/amd64 scratch\nCOPY . /\n", encoding="utf-8")
    (folder / "file").write_text("one", encoding="utf-8")
    return folder


def test_the_same_content_is_built_once(engine: FakeEngine, context: Path) -> None:
    reference = build_image(engine, context)
    assert reference.startswith("localhost/pytest-kind/built/my-app:")
    os.utime(context / "file", (1, 1))
    (context / "ignored").write_text("what .dockerignore names", encoding="utf-8")
    assert build_image(engine, context) == reference
    assert len(engine.made("build")) == 1
    image = engine.image(reference)
    assert image is not None
    assert image.labels[labels.KIND] == "test-image"
    assert not labels.is_ours(image.labels), "it is no session's: it stays"


@pytest.mark.parametrize("what", ["content", "mode", "name", "link", "folder", "dockerfile", "base"])
def test_any_change_is_another_image(engine: FakeEngine, context: Path, what: str) -> None:
    (context / "link").symlink_to("file")
    engine.add_image("base:1")
    before = build_image(engine, context)
    match what:
        case "content":
            (context / "file").write_text("two", encoding="utf-8")
        case "mode":
            (context / "file").chmod(0o755)
        case "name":
            (context / "file").rename(context / "file2")
        case "link":
            (context / "link").unlink()
            (context / "link").symlink_to("other")
        case "folder":
            (context / "empty").mkdir()
        case "dockerfile":
            (context / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
        case _:
            engine.add_image("base:1")  # built anew: another id
    assert build_image(engine, context) != before


def test_arguments_and_the_dockerfile_count(engine: FakeEngine, context: Path) -> None:
    (context / "Other").write_text((context / "Dockerfile").read_text(encoding="utf-8"), encoding="utf-8")
    made = {build_image(engine, context), build_image(engine, context, args={"A": "1"}), build_image(engine, context, dockerfile="Other")}
    assert len(made) == 3
    assert [call.split(" ", 2)[2].partition(" ")[0] for call in engine.made("build")] == ["Dockerfile", "Dockerfile", "Other"]
    assert engine.made("build")[1].endswith('{"A": "1"}')


def test_a_name_of_the_users_follows_the_content(engine: FakeEngine, context: Path) -> None:
    assert build_image(engine, context, tag="mine:1") == "docker.io/library/mine:1"
    build_image(engine, context, tag="mine:1")
    assert len(engine.made("build")) == 1
    (context / "file").write_text("two", encoding="utf-8")
    build_image(engine, context, tag="mine:1")
    assert len(engine.made("build")) == 2


def test_older_names_of_the_same_folder_go(engine: FakeEngine, context: Path) -> None:
    marks = {labels.KIND: "test-image", labels.CONTEXT: str(context), labels.CREATED: str(int(time.time()) - 4000)}
    engine.add_image("localhost/pytest-kind/built/my-app:old", marks)
    engine.add_image("localhost/pytest-kind/built/my-app:recent", {**marks, labels.CREATED: str(int(time.time()) - 60)})
    engine.add_image("somebody/made:this-of-it", marks)
    engine.add_image("localhost/pytest-kind/built/other:old", {**marks, labels.CONTEXT: "/elsewhere"})
    build_image(engine, context)
    assert engine.made("remove_image") == ["localhost/pytest-kind/built/my-app:old"]


def test_no_such_folder(engine: FakeEngine, context: Path) -> None:
    with pytest.raises(UsageError, match=r"^kind_image: .*/nowhere: no such folder; a build takes a folder with a Dockerfile$"):
        build_image(engine, context / "nowhere")
    with pytest.raises(UsageError, match=r"^kind_image: .*: has no file Containerfile; name another with dockerfile=…$"):
        build_image(engine, context, dockerfile="Containerfile")


def test_a_build_that_fails_leaves_older_names(engine: FakeEngine, context: Path) -> None:
    engine.fail("build", EngineError("no"))
    with pytest.raises(EngineError, match=r"^no$"):
        build_image(engine, context)
    assert engine.made("remove_image") == []
