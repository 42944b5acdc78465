"""The examples of docs/beside.md, as they stand there."""

from __future__ import annotations

from pathlib import Path

from support.kube import Kube
from support.project import Project
from support.walkthrough import File, steps

PAGE = Path(__file__).parents[2] / "docs/beside.md"


def test_its_files_are_a_project_that_passes(project: Project, kube: Kube) -> None:
    files = [step for step in steps(PAGE) if isinstance(step, File)]
    assert [one.name for one in files] == ["test_async.py", "test_cases.py", "pytest.ini"]
    for one in files:
        (project.pytester.path / one.name).write_text(one.text, encoding="utf-8")
    project.run_apart("-c", "pytest.ini", "-o", "asyncio_default_fixture_loop_scope=function").assert_outcomes(passed=2)
    assert project.left == []
