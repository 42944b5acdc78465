"""What the pages name exists: options, variables, ini keys, fixtures; and their YAML is YAML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pytest_kind.options import LEGACY, OPTIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = {option.flag for option in OPTIONS} | {flag for flag, *_ in LEGACY} | {"--kind-gc", "--kind-build"}
VARIABLES = {option.environment for option in OPTIONS}
# Fixtures, ini keys, properties of reports, arguments: whatever the package calls so.
NAMES = {name for path in (ROOT / "pytest_kind").rglob("*.py") for name in re.findall(r"kind_[a-z_]+", path.read_text(encoding="utf-8"))}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_and_variables_exist(page: Path) -> None:
    text = text_of(page)
    assert set(re.findall(r"--kind-[a-z-]*[a-z]", text)) - FLAGS == set()
    assert set(re.findall(r"PYTEST_KIND_[A-Z_]*[A-Z]", text)) - VARIABLES == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_fixtures_and_ini_keys_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w.])kind_[a-z_]+", text_of(page)))
    assert named - NAMES - {option.ini for option in OPTIONS} - {"kind_docs"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_yaml_is_yaml(page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL):
        assert list(yaml.safe_load_all(block))
