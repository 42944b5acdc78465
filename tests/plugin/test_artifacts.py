"""``--kind-artifacts``: what is in the folder, however the run ends."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from support.project import Project

PASSES = "def test_a(kind_cluster): pass\n"
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 - no token of any cluster


@pytest.fixture(autouse=True)
def _no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run may be a step itself."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def folder(project: Project) -> Path:
    project.engine.answer(["cat", "/kind/version"], "v1.37.1\n")
    return project.pytester.path / "out"


def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))


def test_a_run_leaves_junit_a_summary_and_the_logs_of_its_nodes(project: Project, folder: Path) -> None:
    project.tests(f"{PASSES}def test_b(): assert 1 == 2\n@pytest.mark.skip\ndef test_c(): pass\n")
    result = project.run("--kind-artifacts=out", "--kind-name=c")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*kind: artifacts*", str(folder)])
    found = summary(folder)
    assert found["exit_code"] == 1
    assert found["outcomes"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert found["failed"] == [{"test": "test_it.py::test_b", "when": "call", "message": "assert 1 == 2"}]
    (cluster,) = found["clusters"]
    assert cluster == {"name": "c", "kubernetes": "v1.37.1", "image": cluster["image"], "logs": "logs/c", "booted": True}
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("# 1 passed, 1 failed, 1 skipped\n")
    assert ET.parse(folder / "junit.xml").getroot().find("testsuite").attrib["tests"] == "3"  # type: ignore[union-attr]  # noqa: S314
    assert (folder / "logs/c/c-control-plane/kubernetes-version.txt").read_text(encoding="utf-8") == "v1.37.1\n"
    assert (folder / "logs/c").stat().st_mode & 0o077 == 0
    assert project.left == []


def test_the_logs_are_there_before_the_cluster_goes_and_once(project: Project, folder: Path) -> None:
    project.tests(PASSES)
    project.run("--kind-artifacts=out")
    calls = project.engine.calls
    assert calls.count("inspect") == 1
    assert calls.index("inspect") < min(number for number, call in enumerate(calls) if call.startswith("remove "))


def test_what_was_asked_of_pytest_itself_stays(project: Project, folder: Path) -> None:
    project.tests(PASSES)
    project.run("--kind-artifacts=out", "--junitxml=mine.xml")
    assert (project.pytester.path / "mine.xml").exists()
    assert not (folder / "junit.xml").exists()


def test_without_the_option_nothing_is_left(project: Project) -> None:
    project.tests(PASSES)
    project.run()
    assert "inspect" not in project.engine.calls
    assert {one.name for one in project.pytester.path.iterdir()} <= {"test_it.py", "__pycache__", ".pytest_cache"}


@pytest.mark.parametrize(
    "looks", ["--collect-only", "--setup-plan", "--fixtures", "--fixtures-per-test", "--markers", "--cache-show", "--help", "--kind-gc"]
)
def test_a_run_that_runs_nothing_leaves_nothing(project: Project, folder: Path, looks: str) -> None:
    project.tests(PASSES)
    project.run("--kind-artifacts=out", "--kind-report=page", looks)
    assert not folder.exists()
    assert not (project.pytester.path / "page").exists()


@pytest.mark.parametrize(
    ("ends", "code"), [("raise KeyboardInterrupt", 2), ("pytest.exit('enough', 7)", 7), ("os.kill(os.getpid(), signal.SIGTERM)", 143)]
)
def test_a_run_that_is_broken_off(project: Project, folder: Path, ends: str, code: int) -> None:
    project.tests(f"{PASSES}def test_b(kind_cluster):\n    {ends}\n")
    assert project.run_apart("--kind-artifacts=out", "--kind-name=c").ret == code
    found = summary(folder)
    assert (found["exit_code"], found["outcomes"]) == (code, {"passed": 1})
    assert (folder / "logs/c/c-control-plane/inspect.json").exists()
    assert (folder / "junit.xml").exists()
    assert project.left == []


def test_a_cluster_that_does_not_boot_leaves_logs_and_evidence(project: Project, folder: Path) -> None:
    project.engine.answer(["fake-boot"], "no", code=1)
    project.engine.answer(["systemctl", "--failed"], f"kubelet.service failed with {TOKEN}")
    project.tests(PASSES)
    project.run("--kind-artifacts=out", "--kind-name=c").assert_outcomes(errors=1)
    found = summary(folder)
    assert [(one["name"], one["booted"]) for one in found["clusters"]] == [("c", False)]
    assert found["outcomes"] == {"error": 1}
    assert found["failed"][0]["message"].startswith("cluster 'c' did not boot, phase 'fake': ")
    assert "kubelet.service failed with abcdef.[removed]" in (folder / "logs/c/evidence.txt").read_text(encoding="utf-8")
    assert (folder / "logs/c/c-control-plane/inspect.json").exists()
    assert project.left == []


def test_an_image_that_cannot_be_made_leaves_its_error(project: Project, folder: Path) -> None:
    project.tests(PASSES)
    project.run("--kind-artifacts=out", "--kind-image=none").assert_outcomes(errors=1)
    found = summary(folder)
    assert found["clusters"] == []
    assert found["failed"][0]["message"].startswith("--kind-image: none is not in the engine and cannot be pulled")


def test_a_module_that_cannot_be_collected(project: Project, folder: Path) -> None:
    project.tests("import no_such_module\n")
    assert project.run("--kind-artifacts=out").ret == pytest.ExitCode.INTERRUPTED
    found = summary(folder)
    assert found["outcomes"] == {"error": 1}
    assert [(one["test"], one["when"]) for one in found["failed"]] == [("test_it.py", "collection")]


@pytest.mark.parametrize(("options", "names"), [((), ["c"]), (("--kind-per-worker",), ["c-gw0", "c-gw1"])])
def test_workers_and_one_summary(project: Project, folder: Path, options: tuple[str, ...], names: list[str]) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart("-n2", "--dist=each", "--kind-artifacts=out", "--kind-name=c", *options)
    assert result.ret == 0
    found = summary(folder)
    assert found["outcomes"] == {"passed": 2}
    assert sorted((one["name"], one["logs"]) for one in found["clusters"]) == [(name, f"logs/{name}") for name in names]
    for name in names:
        assert (folder / f"logs/{name}/{name}-control-plane/inspect.json").exists()
    assert found["seconds"]["booting"] <= found["seconds"]["total"]
    assert sorted(step["what"] for step in found["steps"]) == [f"creating cluster {name}" for name in names]
    assert (folder / "junit.xml").exists()


def test_a_step_of_github_gets_the_summary_after_what_it_has(project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    project.tests(PASSES)
    project.run("--kind-artifacts=out")
    assert step.read_text(encoding="utf-8") == f"before\n{(folder / 'summary.md').read_text(encoding='utf-8')}"


def test_what_a_test_says_may_be_no_text(project: Project, folder: Path) -> None:
    project.tests("def test_a(): raise ValueError(os.fsdecode(b'caf\\xe9.txt'))\n")
    result = project.run("--kind-artifacts=out")
    result.assert_outcomes(failed=1)
    assert summary(folder)["failed"][0]["message"] == "ValueError: caf\udce9.txt"
    assert "ValueError: caf\\udce9.txt" in (folder / "summary.md").read_text(encoding="utf-8")


def test_no_kubeconfig_and_no_token_is_in_it(project: Project, folder: Path) -> None:
    project.engine.answer(["journalctl", "--no-pager"], f"joining with {TOKEN}\nclient-key-data: c2VjcmV0\n")
    reads = "    assert 'certificate' in kind_cluster.kubeconfig_path.read_text()\n"
    project.tests(f"def test_a(kind_cluster):\n{reads}    assert not 'token: {TOKEN}'\n")
    project.run("--kind-artifacts=out")
    texts = {file: file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.is_file() and file.name != "junit.xml"}
    assert any("joining with abcdef.[removed]" in text for text in texts.values())
    assert [file for file, text in texts.items() if TOKEN in text or "c2VjcmV0" in text or "certificate-authority" in text] == []


def test_a_folder_that_cannot_be_is_refused_before_anything_runs(project: Project, folder: Path) -> None:
    folder.write_text("a file", encoding="utf-8")
    project.tests(PASSES)
    result = project.run_apart("--kind-artifacts=out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --kind-artifacts: {folder}: it cannot be written: File exists"])
    assert project.engine.calls == []


def test_what_cannot_be_had_is_said_and_the_exit_code_is_the_tests(project: Project, folder: Path) -> None:
    project.conftest("def pytest_kind_cluster_ready(cluster):\n    open('out/logs', 'w').close()\n")
    project.tests(PASSES)
    result = project.run("--kind-artifacts=out", "--kind-name=c")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["not to be had: logs/c: *Not a directory*"])
    assert summary(folder)["problems"][0].startswith("logs/c: ")
    assert project.left == []


def test_a_hook_that_breaks_at_a_clusters_end_keeps_no_cluster(project: Project) -> None:
    project.conftest("def pytest_kind_cluster_ends(cluster):\n    raise ValueError('broken')\n")
    project.tests(PASSES)
    project.run().assert_outcomes(passed=1, errors=1)
    assert project.left == []
