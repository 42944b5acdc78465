"""What is in the wheel: everything that an installed plugin reads."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The project's wheel, built without an environment of its own."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = target.glob("pytest_kind_native-*-py3-none-any.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def names(wheel: zipfile.ZipFile, prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)}


def files(folder: Path) -> set[str]:
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_the_node_images_files_are_in_the_package(wheel: zipfile.ZipFile) -> None:
    assert names(wheel, "pytest_kind/_node_image/") == files(ROOT / "node-image")


def test_programs_of_the_node_image_stay_executable(wheel: zipfile.ZipFile) -> None:
    # Their modes are part of the image's digest: an installed plugin must find what a checkout built.
    for info in wheel.infolist():
        if info.filename.startswith("pytest_kind/_node_image/"):
            source = ROOT / "node-image" / info.filename.removeprefix("pytest_kind/_node_image/")
            assert bool(info.external_attr >> 16 & 0o100) is bool(source.stat().st_mode & 0o100), info.filename


def test_the_package_is_whole(wheel: zipfile.ZipFile) -> None:
    assert {name for name in names(wheel, "pytest_kind/") if not name.startswith("_node_image/")} == files(ROOT / "pytest_kind")
    assert {"py.typed", "boot/node/prepare", "boot/node/pytest-kind-lease.service"} <= names(wheel, "pytest_kind/")


def test_nothing_else_is_installed(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == {"pytest_kind", "pytest_kind_native"}


def test_pytest_and_the_shell_find_it(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(name).decode().split("\n") == [
        "[console_scripts]",
        "pytest-kind = pytest_kind.cli:main",
        "",
        "[pytest11]",
        "kind = pytest_kind.plugin",
        "",
    ]
