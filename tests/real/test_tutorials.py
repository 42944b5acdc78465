"""The pages whose blocks are a project: done as they say, on a cluster that is kept from one page to the next."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pytest_kind import KindCluster
from support.walkthrough import Command, File, steps

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["operator", "manifests", "operators", "charts", "storage", "debugging", "multi-node", "first-test"]  # which deletes it at its end
OTHERS = {"multi-node"}  # a cluster of another shape, which goes with its run
# The image of the pages needs a registry; this one is part of every node image that is built here.
IMAGE = ("busybox:1.37", "localhost/pytest-kind/busybox:1.35.0")
PASSED = re.compile(r"\d+ passed")
SHARED = f"pages-{secrets.token_hex(4)}"  # nobody's cluster is taken for it
NAMED = re.compile(r"\blook\b")  # what pages call it


@pytest.fixture(scope="module")
def environment(pytestconfig: pytest.Config) -> Iterator[Mapping[str, str]]:
    """Of the commands: what they have in common is a cluster."""
    cache = pytestconfig.getoption("kind_cache_dir")
    given = {"PYTEST_KIND_CACHE_DIR": str(pytestconfig.invocation_params.dir / cache)} if cache else {}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") or name == "PYTEST_KIND_CACHE_DIR"}
    yield {**kept, **given, "PYTEST_KIND_KEEP": "1", "PYTEST_KIND_NAME": SHARED}
    KindCluster(SHARED).delete()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    if page in OTHERS:
        environment = {name: value for name, value in environment.items() if name not in {"PYTEST_KIND_KEEP", "PYTEST_KIND_NAME"}}
    for step in steps(DOCS / f"{page}.md"):
        if isinstance(step, File):
            (tmp_path / step.name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / step.name).write_text(step.text.replace(*IMAGE), encoding="utf-8")
        else:
            give(step, environment, tmp_path)


def give(command: Command, environment: Mapping[str, str], folder: Path) -> None:
    """Gives a command there; it must succeed, and print what the page shows."""
    module = {"pytest": "pytest", "pytest-kind": "pytest_kind.cli"}[command.argv[0]]
    argv = [NAMED.sub(SHARED, word) for word in command.argv[1:]]
    done = subprocess.run(
        [sys.executable, "-m", module, *argv], cwd=folder, env=dict(environment), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command.argv}\n{done.stdout}{done.stderr}"
    assert [line for line in command.prints if NAMED.sub(SHARED, line) not in done.stdout] == []
