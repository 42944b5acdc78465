"""``--kind-report``: what a run leaves of itself, what of its clusters is watched, and what it costs where it is not given or cannot be had."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import support.api_server
from pytest_kind import errors
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.fake_suite import install, spec
from support.images import tar_of
from support.processes import ASKED, listed
from support.project import Project

PASSES = "def test_a(kind_cluster): pass\n"
LOOKED_AT = "from support import api_server\ndef test_a(kind_cluster): api_server.until_looked()\n"
"""Lasts until every thread has had a look."""
PODS = "/api/v1/pods"
EVENTS = "/api/v1/events"


def event(name: str, **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "default", "name": "web"}
    meta = {"uid": name, "resourceVersion": "7", "creationTimestamp": "2026-11-28T15:00:00Z"}
    return {"metadata": meta, "involvedObject": about, "reason": name, "message": "it is", "type": "Warning", **more}


@pytest.fixture
def project(project: Project, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """One whose nodes and API say what they are asked."""

    def looked() -> bool | NotYet:
        asked = [path for _, path, _ in api_server.requests]
        # Each asked again: what came in between has been read.
        again = asked.count(PODS) > 1 and max(asked.count(EVENTS), asked.count("/version")) > 1
        return (again and "usage c-control-plane" in project.engine.calls) or NotYet(f"asked: {asked}")

    # A run in this process has this process' modules.
    monkeypatch.setattr(support.api_server, "until_looked", lambda: wait_for("all have looked", looked, Deadline(60)), raising=False)
    project.engine.publish("127.0.0.1", api_server.port)
    project.engine.answer(ASKED, listed())
    pod = {"metadata": {"uid": "1", "name": "web"}, "status": {"phase": "Running"}}
    api_server.answer("GET", "/api/v1/namespaces/kube-system/pods", (200, {"items": []}))
    api_server.answer("GET", "/readyz", (200, "ok"))
    api_server.answer("GET", "/version", (200, {"gitVersion": "v9.8.7"}))
    api_server.answer("GET", PODS, (200, {"metadata": {"resourceVersion": "5"}, "items": [pod]}))
    api_server.answer("GET", EVENTS, (200, {"metadata": {"resourceVersion": "5"}, "items": [event("There")]}))
    changed = [{"type": "ADDED", "object": event("Came")}, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}]
    lines = "".join(f"{json.dumps(one)}\n" for one in changed)
    other = {"metadata": {"uid": "2"}, "status": {"phase": "Running"}}
    api_server.answer("GET", f"{EVENTS}?watch=1&resourceVersion=5&allowWatchBookmarks=true", (200, lines))
    api_server.answer(
        "GET", f"{PODS}?watch=1&resourceVersion=5&allowWatchBookmarks=true", (200, f"{json.dumps({'type': 'ADDED', 'object': other})}\n")
    )
    return project


def shown(project: Project, folder: str = "out") -> dict[str, Any]:
    """What is in the page."""
    text = (project.pytester.path / folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_run_leaves_a_page_with_its_tests_and_its_cluster(project: Project) -> None:
    project.tests(f"{LOOKED_AT}def test_b(kind_cluster):\n    print('said')\n    assert 1 == 3\n@pytest.mark.skip('no time')\ndef test_c(): pass\n")
    result = project.run("--kind-report=out", "--kind-name=c")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*kind: report*", f"{project.pytester.path}/out/index.html"])
    assert "not to be had" not in result.stdout.str().partition("kind: report")[2]
    page = shown(project)
    assert (page["title"], page["exit"], page["problems"]) == ("1 failed, 1 passed, 1 skipped", 1, [])
    assert (page["facts"]["engine"], page["facts"]["pytest"]) == ("Fake 1.0, 2 processors, 8.0 GiB, cgroup v2", pytest.__version__)
    one, other, third = page["tests"]
    assert (one["id"], one["outcome"], one["cluster"], [phase for phase, _, _ in one["phases"]]) == (
        "test_it.py::test_a",
        "passed",
        "c",
        ["setup", "call", "teardown"],
    )
    assert "sections" not in one
    assert (other["reason"], third["reason"]) == ("assert 1 == 3", "no time")
    assert [title for title, _ in other["sections"]] == ["failure", "kind: why", "Captured stdout call", "kind: pods"]
    assert "cluster" not in third
    (cluster,) = page["clusters"]
    assert (cluster["name"], cluster["how"], cluster["kubernetes"], [name for name, _, _ in cluster["phases"]]) == ("c", "cold", "v9.8.7", ["fake"])
    assert 0 <= cluster["began"] <= cluster["ready"] <= cluster["ended"] <= page["seconds"]
    assert [(node["name"], node["role"], node["uses"][0][1:]) for node in cluster["nodes"]] == [
        ("c-control-plane", "control-plane", [0.5, 400 << 10])
    ]
    assert project.left == []


def test_what_happens_in_the_cluster_is_watched(project: Project) -> None:
    project.tests(f"{LOOKED_AT}def test_b(kind_cluster_factory): kind_cluster_factory()\n")
    project.run("--kind-report=out", "--kind-name=c").assert_outcomes(passed=2)
    page = shown(project)
    first, second = page["tests"]
    assert (first["cluster"], second["cluster"]) == ("c", "*")
    came = [one for one in page["events"] if one[1] == "c" and one[3] == "Came"]
    begin = first["phases"][0][1]
    assert [one[2:8] for one in came] == [[1, "Came", "Pod default/web", "default", "it is", 1]]
    assert begin <= came[0][0]
    assert next(one[0] for one in page["events"] if one[3] == "There") < 0  # it says so itself
    assert page["clusters"][0]["pods"][0][1] == {"Running": 2}


@pytest.mark.parametrize("place", ["environment", "ini"])
def test_it_can_be_asked_for_elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    if place == "ini":
        project.pytester.makeini("[pytest]\nkind_report = deep/er\n")
    else:
        monkeypatch.setenv("PYTEST_KIND_REPORT", "deep/er")
    project.tests("def test_b(): pass\n")
    project.run().assert_outcomes(passed=1)
    assert shown(project, "deep/er")["title"] == "1 passed"


def test_a_run_without_clusters_has_a_page_too(project: Project) -> None:
    project.tests("def test_b(): pass\n")
    project.run("--kind-report=out")
    assert (shown(project)["clusters"], project.engine.calls) == ([], [])


def test_without_it_nothing_is_asked_or_written(project: Project, api_server: ApiServer) -> None:
    project.tests(PASSES)
    result = project.run("--kind-name=c")
    assert [path for _, path, _ in api_server.requests] == []
    assert {one.name for one in project.pytester.path.iterdir()} <= {"test_it.py", "__pycache__", ".pytest_cache"}
    result.stdout.no_fnmatch_line("*kind: report*")


@pytest.mark.parametrize("args", [("--collect-only",), ("--kind-gc",)])
def test_a_run_that_runs_nothing_leaves_nothing(project: Project, args: tuple[str, ...]) -> None:
    project.tests(PASSES)
    project.run("--kind-report=out", *args)
    assert not (project.pytester.path / "out").exists()


@pytest.mark.parametrize(("there", "why"), [("out", "File exists"), ("out/index.html/", "Is a directory")])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_made(project: Project, there: str, why: str) -> None:
    if there.endswith("/"):
        (project.pytester.path / there).mkdir(parents=True)
    else:
        (project.pytester.path / there).touch()
    project.tests(PASSES)
    result = project.run_apart("--kind-report=out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --kind-report: {project.pytester.path}/out/index.html: it cannot be written: {why}"])
    assert project.engine.calls == []


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_an_empty_value_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    project.tests(PASSES)
    source, args = "--kind-report", ["--kind-report= "] if place == "command line" else []
    if place == "environment":
        source = "PYTEST_KIND_REPORT"
        monkeypatch.setenv(source, " ")
    result = project.run_apart(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == f"ERROR: {source}: ' ' is not accepted; accepted is a value that is not empty"


def test_what_cannot_be_had_is_a_line_and_the_exit_code_is_the_tests(project: Project, api_server: ApiServer) -> None:
    for path in (PODS, EVENTS, "/version"):
        api_server.answer("GET", path, (403, {"message": "not you"}))
    project.engine.fail("usage", errors.EngineError("it hangs\nand more"), times=99)
    project.tests(LOOKED_AT)
    result = project.run("--kind-report=out", "--kind-name=c")
    assert result.ret == 0
    lines = [
        f"cluster c: {EVENTS}: 403 Forbidden: not you (GET /version)",
        f"cluster c: {PODS}: 403 Forbidden: not you (GET {PODS})",
        "what nodes use: it hangs",
    ]
    result.stdout.fnmatch_lines([f"not to be had: {line}" for line in lines])
    assert shown(project)["problems"] == lines
    assert project.left == []


def test_a_page_that_cannot_be_written_any_more_costs_a_line(project: Project) -> None:
    project.tests("def test_b(): os.rmdir('out')\n")
    result = project.run("--kind-report=out")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"not to be had: {project.pytester.path}/out/index.html: No such file or directory"])


def test_a_cluster_that_does_not_boot_is_shown_with_its_tests_error(project: Project) -> None:
    project.engine.answer(["fake-boot"], "no", code=1)
    project.tests(PASSES)
    project.run("--kind-report=out", "--kind-name=c").assert_outcomes(errors=1)
    page = shown(project)
    (cluster,) = page["clusters"]
    assert (cluster["name"], cluster["how"], cluster["ready"]) == ("c", "failed", None)
    assert page["tests"][0]["outcome"] == "error"
    assert page["tests"][0]["reason"].startswith("cluster 'c' did not boot")
    assert page["tests"][0]["sections"][0][0] == "failure in setup"


def test_a_kept_cluster_that_is_there_was_kept(project: Project) -> None:
    project.tests(PASSES)
    project.engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
    project.run("--kind-keep", "--kind-name=c", "--kind-report=first").assert_outcomes(passed=1)
    project.run("--kind-keep", "--kind-name=c", "--kind-report=out").assert_outcomes(passed=1)
    assert [shown(project, folder)["clusters"][0]["how"] for folder in ("first", "out")] == ["cold", "kept"]


def test_every_outcome_has_its_word(project: Project) -> None:
    project.tests(
        """
        @pytest.fixture
        def breaks():
            yield
            assert 0, "at its end"
        def test_passes(): pass
        def test_fails(): pytest.fail("<b>told</b>")
        def test_breaks(breaks): pass
        def test_fails_and_breaks(breaks):
            print("once")
            assert 0
        def test_skips(): pytest.skip("why not")
        @pytest.mark.xfail(reason="a bug")
        def test_xfails(): assert 0
        @pytest.mark.xfail
        def test_xpasses(): pass
        @pytest.mark.flaky(reruns=1)
        def test_reruns(n=[]):
            n.append(1)
            assert len(n) > 1
        """.replace("\n        ", "\n")
    )
    (project.pytester.path / "test_broken.py").write_text("import nothing_that_is_there\n", encoding="utf-8")
    (project.pytester.path / "test_skipped.py").write_text("import pytest\npytest.skip('all', allow_module_level=True)\n", encoding="utf-8")
    project.run("--kind-report=out", "--continue-on-collection-errors")
    page = shown(project)
    assert sorted((one["id"].rpartition("::")[2], one["outcome"]) for one in page["tests"]) == [
        ("test_breaks", "error"),
        ("test_broken.py", "error"),
        ("test_fails", "failed"),
        ("test_fails_and_breaks", "failed"),
        ("test_passes", "passed"),
        ("test_reruns", "passed"),
        ("test_reruns", "rerun"),
        ("test_skipped.py", "skipped"),
        ("test_skips", "skipped"),
        ("test_xfails", "xfailed"),
        ("test_xpasses", "xpassed"),
    ]
    reasons = {one["id"].rpartition("::")[2]: one.get("reason") for one in page["tests"] if one["outcome"] != "passed"}
    assert reasons["test_fails"] == "<b>told</b>"
    assert reasons["test_breaks"] == "AssertionError: at its end"
    assert (reasons["test_skips"], reasons["test_skipped.py"]) == ("why not", "all")
    assert "nothing_that_is_there" in next(one for one in page["tests"] if one["id"] == "test_broken.py")["sections"][0][1]
    assert [one[0] for one in next(one for one in page["tests"] if one["id"].endswith("and_breaks"))["sections"]] == [
        "failure",
        "Captured stdout call",
        "failure in teardown",
    ]


@pytest.mark.parametrize(("ends", "code"), [("raise KeyboardInterrupt", 2), ("os.kill(os.getpid(), signal.SIGTERM)", 143)])
def test_a_run_that_is_broken_off_leaves_it_too(project: Project, ends: str, code: int) -> None:
    project.tests(f"{PASSES}def test_b(kind_cluster):\n    {ends}\n")
    assert project.run_apart("--kind-report=out", "--kind-name=c").ret == code
    page = shown(project)
    assert [one["name"] for one in page["clusters"]] == ["c"]
    assert "test_it.py::test_a" in [one["id"] for one in page["tests"]]
    assert project.left == []


@pytest.mark.parametrize(("options", "names"), [((), ["c"]), (("--kind-per-worker",), ["c-gw0", "c-gw1"])])
def test_the_controller_of_workers_leaves_one_for_all(project: Project, options: tuple[str, ...], names: list[str]) -> None:
    project.tests(f"{PASSES}def test_b(): os._exit(3)\n" if not options else PASSES)
    project.run_apart("-n2", "--dist=each", "--max-worker-restart=0", "--kind-report=out", "--kind-name=c", *options)
    page = shown(project)
    assert sorted(one["name"] for one in page["clusters"]) == names
    passed = [(one["lane"], one["cluster"]) for one in page["tests"] if one["outcome"] == "passed"]
    assert sorted(passed) == [(f"gw{number}", names[number % len(names)]) for number in range(2)]
    crashed = [one for one in page["tests"] if one["outcome"] == "failed"]
    assert {one["id"] for one in crashed} == (set() if options else {"test_it.py::test_b"})
    assert [one for one in page["tests"] if one["phases"][0][1] < 0] == []
    assert [one.name for one in (project.pytester.path / "out").iterdir()] == ["index.html"]


def test_artifacts_are_linked_from_it(project: Project) -> None:
    project.tests(PASSES)
    project.run("--kind-report=out/page", "--kind-artifacts=all artifacts", "--kind-name=c").assert_outcomes(passed=1)
    page = shown(project, "out/page")
    assert page["links"] == {"summary.md": "../../all%20artifacts/summary.md", "junit.xml": "../../all%20artifacts/junit.xml"}
    assert page["clusters"][0]["logs"] == "../../all%20artifacts/logs/c/"


def test_secrets_are_not_in_it(project: Project) -> None:
    project.tests("def test_a(kind_cluster):\n    print('joining with abcdef.0123456789abcdef')\n    assert 0, 'token=c2VjcmV0'\n")
    project.run("--kind-report=out").assert_outcomes(failed=1)
    text = (project.pytester.path / "out/index.html").read_text(encoding="utf-8")
    assert "joining with abcdef.[removed]" in text
    assert [secret for secret in ("0123456789abcdef", "c2VjcmV0", "client-key-data") if secret in text] == []


def test_upstream_specs_have_their_labels_and_their_own_times(project: Project, tmp_path: Path) -> None:
    specs = [
        spec("[sig-network] DNS should answer [Conformance]", labels=("sig-network", "Conformance")),
        spec("[sig-storage] volumes should fail", "fail", labels=("sig-storage",)),
        spec("[sig-storage] volumes need two nodes", "skip", labels=("sig-storage",)),
    ]
    suite = install(tmp_path / "e2e.test", specs)
    project.engine.answer(["kubectl", "version"], json.dumps({"serverVersion": {"gitVersion": "v1.37.1"}}))
    project.engine.answer(["sh", "-c", "command -v kubectl"], "/usr/bin/kubectl\n")
    project.engine.answer(["realpath"], "/usr/bin/kubectl\n")
    project.engine.offer("/usr/bin/kubectl", tar_of({"kubectl": b"#!/bin/sh\n"}))
    project.run(f"--kind-suite={suite}", "--kind-focus=sig-", "--kind-report=out", "--kind-name=c").assert_outcomes(passed=1, failed=1, skipped=1)
    found = {one["id"].partition("::")[2]: one for one in shown(project)["tests"]}
    assert [one["outcome"] for _, one in sorted(found.items())] == ["passed", "skipped", "failed"]
    answers, fails = found[specs[0]["name"]], found[specs[1]["name"]]
    assert (answers["labels"], answers["cluster"], answers["lane"][:6]) == (["sig-network", "Conformance"], "c", "specs ")
    assert [phase for phase, _, _ in answers["phases"]] in (["call"], ["setup", "call", "teardown"])
    assert fails["reason"] == "fail: as planned"
    assert [title for title, _ in fails["sections"]] == ["failure", "Captured output of the suite call"]
