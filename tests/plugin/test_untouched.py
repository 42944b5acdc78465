"""A run that needs no cluster: it imports nothing heavy, asks no engine, and leaves no file."""

from __future__ import annotations

import pytest

from support.project import Project

USES = "def test_a(kind_cluster): pass\n"
TELLS = """
import sys
def pytest_unconfigure():
    names = {name.split('.')[0] for name in sys.modules}
    print('heavy:', sorted(names & {'docker', 'filelock', 'kubernetes', 'pydantic', 'requests', 'urllib3', 'yaml'}))
    print('ours:', sorted(name for name in sys.modules if name.startswith('pytest_kind')))
"""
LATE = ["pytest_kind.peer", "pytest_kind.toolbox.objects.handle", "pytest_kind.toolbox.registry", "pytest_kind.workers.lessee"]
# What is loaded when the first container starts.
STARTS = f"""
import pathlib, sys
from support.engine import FakeEngine

start = FakeEngine.start

def told(engine, container):
    with pathlib.Path("loaded").open("a", encoding="utf-8") as file:
        for name in ["pytest_kind.run", *{LATE}]:
            if name in sys.modules:
                print(name, file=file)
    start(engine, container)

FakeEngine.start = told
"""
OURS = [
    "pytest_kind",
    "pytest_kind.fixtures",
    "pytest_kind.hookspecs",
    "pytest_kind.invocation",
    "pytest_kind.keys",
    "pytest_kind.options",
    "pytest_kind.plugin",
    "pytest_kind.reaching",
    "pytest_kind.scopes",
    "pytest_kind.told",
    "pytest_kind.tools",
]


@pytest.mark.parametrize("args", [("--collect-only",), (), ("--help",), ("--markers",)])
def test_a_project_without_clusters_imports_nothing_heavy(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    pytester.makeconftest(TELLS)
    pytester.makepyfile("def test_b(): pass\n")
    result = pytester.runpytest_subprocess(*args)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["heavy: [[]]", f"ours: [[]{str(OURS)[1:]}"])


@pytest.mark.parametrize(
    "args", [("--collect-only",), ("--collect-only", "-q"), ("--help",), ("--fixtures",), ("--markers",), ("--setup-plan",), ("--version",)]
)
def test_looking_at_a_project_asks_no_engine(project: Project, args: tuple[str, ...]) -> None:
    project.tests(USES)
    assert project.run(*args).ret == 0
    assert project.engine.calls == []
    assert not project.cache.exists()


def test_what_tests_do_with_a_cluster_is_loaded_when_there_is_one(project: Project) -> None:
    """Whoever waits for a cluster waits for each import before its containers start as well."""
    project.conftest(STARTS)
    project.tests(f"import sys\ndef test_a(kind_cluster):\n    assert {LATE[:2]} == [name for name in {LATE[:2]} if name in sys.modules]\n")
    project.run_apart().assert_outcomes(passed=1)
    assert (project.pytester.path / "loaded").read_text(encoding="utf-8") == "pytest_kind.run\n"


def test_collecting_still_finds_what_is_wrong(project: Project) -> None:
    project.tests(USES)
    assert project.run("--collect-only", "--kind-name=Mine").ret == pytest.ExitCode.USAGE_ERROR


def test_tests_that_are_deselected_make_no_cluster(project: Project) -> None:
    project.tests(f"{USES}def test_b(): pass\n")
    project.run("-k", "test_b").assert_outcomes(passed=1, deselected=1)
    assert project.engine.calls == []


def test_the_fixtures_are_listed_with_their_words(project: Project) -> None:
    project.run("--fixtures").stdout.fnmatch_lines_random(  # pytest sorts them by their line, as text
        [
            "kind_cluster [[]session scope[]]*",
            "    A ready Kubernetes cluster: one for all tests that ask for the same configuration.",
            "kind_client [[]session scope[]]*",
            "kind_kubeconfig [[]session scope[]]*",
            "kind_environment*",
            "kind_registry [[]session scope[]]*",
            "kind_namespace*",
            "    A fresh namespace with its default ServiceAccount; deleted afterwards without waiting.",
            "kind_image [[]session scope[]]*",
            "kind_cluster_factory [[]session scope[]]*",
        ]
    )
