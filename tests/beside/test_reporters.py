"""pytest-html, Allure, pytest-cov, and pytest without some of its own plugins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.kube import Kube
from support.project import Project

FAILS = (
    "TWO = {'nodes': [{'role': 'control-plane'}, {'role': 'worker'}]}\n"
    "def test_a(kind_cluster, kind_namespace): assert 0\n@pytest.mark.kind(TWO)\ndef test_b(kind_cluster): pass\n"
)


def allure(folder: Path) -> dict[str, dict[str, Any]]:
    """The results of tests, by their names."""
    found = [json.loads(one.read_text(encoding="utf-8")) for one in folder.glob("*-result.json")]
    return {one["name"]: one for one in found}


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_allure_has_what_a_failed_tests_cluster_tells(project: Project, kube: Kube, tmp_path: Path, workers: tuple[str, ...]) -> None:
    project.tests(FAILS)
    run = project.run_apart if workers else project.run
    run(f"--alluredir={tmp_path / 'allure'}", f"--kind-artifacts={tmp_path / 'artifacts'}", *workers).assert_outcomes(passed=1, failed=1)
    results = allure(tmp_path / "allure")
    assert (results["test_a"]["status"], results["test_b"]["status"]) == ("failed", "passed")
    attached = {one["name"]: (tmp_path / "allure" / one["source"]).read_text(encoding="utf-8") for one in results["test_a"]["attachments"]}
    assert "cluster" in attached["kind: why"]
    assert attached["kind: artifacts"].startswith("file:///")
    assert "attachments" not in results["test_b"]


def test_allure_knows_a_test_again_whatever_the_options_and_the_machine(project: Project, kube: Kube, tmp_path: Path) -> None:
    project.tests(FAILS)
    project.run(f"--alluredir={tmp_path / 'one'}")
    project.run(f"--alluredir={tmp_path / 'two'}", "--kind-timeout=77", f"--kind-cache-dir={tmp_path / 'elsewhere'}")
    one, two = allure(tmp_path / "one"), allure(tmp_path / "two")
    assert [one[name]["historyId"] for name in sorted(one)] == [two[name]["historyId"] for name in sorted(two)]
    assert one["test_a"]["parameters"] == [{"name": "kind_cluster", "value": "the run's cluster"}]
    assert one["test_b"]["parameters"][0]["value"].startswith("kind(config={'nodes': ")


def test_pytest_html_has_each_turn(project: Project, kube: Kube, tmp_path: Path) -> None:
    project.tests(FAILS)
    project.run("--html=page.html", "--self-contained-html", "--reruns=1").assert_outcomes(passed=1, failed=1)
    assert (project.pytester.path / "page.html").read_text(encoding="utf-8").count("kind: why") >= 2


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_pytest_cov_counts_tests_that_use_clusters(project: Project, kube: Kube, workers: tuple[str, ...]) -> None:
    project.tests("import mine\ndef test_a(kind_cluster): assert mine.f(kind_cluster.name)\ndef test_b(kind_namespace): pass\n")
    project.pytester.makepyfile(mine="def f(name):\n    return len(name)\n")
    result = project.run_apart("--cov=mine", *workers)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["mine.py * 100%"])
    assert project.left == []


@pytest.mark.parametrize("without", [("terminal",), ("capture", "warnings"), ("cacheprovider", "junitxml", "logging", "faulthandler")])
def test_pytest_without_some_of_its_own(project: Project, kube: Kube, without: tuple[str, ...]) -> None:
    project.tests(FAILS)
    assert project.run_apart(*(f"-pno:{name}" for name in without)).ret == pytest.ExitCode.TESTS_FAILED
    assert project.left == []


@pytest.mark.parametrize("mode", ["importlib", "append"])
def test_modes_of_imports(project: Project, mode: str) -> None:
    project.conftest("@pytest.fixture\ndef nodes(kind_cluster): return kind_cluster.nodes\n")
    project.tests("def test_a(nodes): assert len(nodes) == 1\n")
    project.run_apart(f"--import-mode={mode}").assert_outcomes(passed=1)
    assert project.left == []


def test_all_of_them_together(project: Project, kube: Kube, tmp_path: Path) -> None:
    project.tests(
        "import unittest, pytest_asyncio\nTURNS = []\n"
        "@pytest_asyncio.fixture\nasync def mine(kind_namespace): return kind_namespace\n"
        "@pytest.mark.asyncio\nasync def test_a(mine):\n    TURNS.append(mine)\n    assert len(set(TURNS)) == 2\n"
        "@pytest.mark.anyio\nasync def test_b(kind_cluster, anyio_backend): pass\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        "@pytest.mark.usefixtures('kind_cluster')\nclass TestC(unittest.TestCase):\n    def test_c(self): pass\n"
    )
    result = project.run_apart(
        "-n2",
        "--reruns=1",
        "--timeout=600",
        "--randomly-seed=1",
        "--cov=.",
        f"--alluredir={tmp_path / 'allure'}",
        "--html=page.html",
        "--kind-report=kind",
    )
    result.assert_outcomes(passed=3)
    assert len(project.engine.made("create")) == 1
    assert project.left == []
