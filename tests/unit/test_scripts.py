"""What the README's two commands install."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTED_AS = {"pyyaml": "yaml"}
NAME = re.compile(r"[A-Za-z0-9-]+")


def test_the_examples_command_installs_what_the_examples_import() -> None:
    command = next(line for line in (ROOT / "scripts" / "run").read_text(encoding="utf-8").splitlines() if line.strip().startswith("environment . "))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = [ROOT / name for name in re.findall(r"-r (\S+)", command)]
    lines = [*project["dependencies"], *(line for file in files for line in file.read_text(encoding="utf-8").splitlines())]
    installed = {"pytest", "pytest_kind", *(IMPORTED_AS.get(name[0], name[0]) for line in lines if (name := NAME.match(line)))}
    assert imported(ROOT / "examples") - installed == set()


def test_each_requirements_file_of_an_example_is_installed_for_the_tests_too() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    files = sorted((ROOT / "examples").rglob("requirements.txt"))
    assert files
    assert [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line not in groups["test"]] == []


def imported(folder: Path) -> set[str]:
    """The modules of others that the Python files of a folder import."""
    own = {path.stem for path in folder.rglob("*.py")}
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - own
