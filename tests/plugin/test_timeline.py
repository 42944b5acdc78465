"""``--kind-timeline``: what a run leaves of its boots, and what it costs where it is not given or cannot be had."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from support.api_server import ApiServer
from support.credentials import admin_conf
from support.processes import ASKED, listed
from support.project import Project

PASSES = "def test_a(kind_cluster): pass\n"
PODS = "/api/v1/namespaces/kube-system/pods"


@pytest.fixture
def project(project: Project, api_server: ApiServer) -> Project:
    """One whose nodes and API say what they are asked."""
    project.engine.publish("127.0.0.1", api_server.port)
    project.engine.answer(ASKED, listed())
    api_server.answer("GET", PODS, (200, {"items": []}))
    api_server.answer("GET", "/readyz", (200, "ok"))
    return project


def events(project: Project, name: str = "t") -> list[dict[str, Any]]:
    return list(json.loads((project.pytester.path / f"{name}.trace.json").read_text(encoding="utf-8"))["traceEvents"])


def clusters(project: Project) -> list[str]:
    return [one["args"]["name"].partition(":")[0] for one in events(project) if one["name"] == "process_name"]


def test_a_run_leaves_a_picture_and_a_trace(project: Project) -> None:
    project.conftest("class Extra:\n    name = 'extra <&>'\n    def __call__(self, _): pass\ndef pytest_kind_boot_actions(): return [Extra()]\n")
    project.tests(PASSES)
    result = project.run("--kind-timeline=t.svg", "--kind-name=c")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*kind: timeline*", f"{project.pytester.path}/t.svg", f"{project.pytester.path}/t.trace.json"])
    result.stdout.no_fnmatch_line("not to be had*")
    ET.parse(project.pytester.path / "t.svg")  # noqa: S314 - ours
    drawn = (project.pytester.path / "t.svg").read_text(encoding="utf-8")
    assert "cluster c: ready after" in drawn
    assert "extra &lt;&amp;&gt; 0.0" in drawn
    assert {one["name"] for one in events(project) if one["ph"] == "X"} == {"fake", "extra <&>"}
    marks = [one["name"] for one in events(project) if one["ph"] == "i"]
    assert (marks[0], marks[-1], len(marks)) == ("systemd", "local-path-provisioner", 10)
    assert [one["args"]["name"] for one in events(project) if one["name"] == "thread_name"] == ["run", "c-control-plane"]
    assert len([call for call in project.engine.execs("c-control-plane") if call.startswith("bash -c LC_ALL=C ")]) == 1
    assert project.left == []


@pytest.mark.parametrize("place", ["environment", "ini"])
def test_it_can_be_asked_for_elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    if place == "ini":
        project.pytester.makeini("[pytest]\nkind_timeline = out/t.html\n")
    else:
        monkeypatch.setenv("PYTEST_KIND_TIMELINE", "out/t.html")
    project.tests(PASSES)
    project.run().assert_outcomes(passed=1)
    assert (project.pytester.path / "out/t.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (project.pytester.path / "out/t.trace.json").exists()


def test_without_it_nothing_is_asked_or_written(project: Project, api_server: ApiServer) -> None:
    project.tests(PASSES)
    result = project.run("--kind-name=c")
    assert [call for call in project.engine.execs("c-control-plane") if "LC_ALL" in call] == []
    assert [path for _, path, _ in api_server.requests] == []
    assert {one.name for one in project.pytester.path.iterdir()} <= {"test_it.py", "__pycache__", ".pytest_cache"}
    result.stdout.no_fnmatch_line("*timeline*")


@pytest.mark.parametrize("args", [("--collect-only",), ("--kind-gc",)])
def test_a_run_that_runs_nothing_leaves_nothing(project: Project, args: tuple[str, ...]) -> None:
    project.tests(PASSES)
    project.run("--kind-timeline=out/t.svg", *args)
    assert not (project.pytester.path / "out").exists()


def test_a_run_without_clusters_says_so(project: Project) -> None:
    project.tests("def test_b(): pass\n")
    result = project.run("--kind-timeline=t.svg")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*kind: timeline*", "no cluster was made"])
    assert not (project.pytester.path / "t.svg").exists()
    assert project.engine.calls == []


@pytest.mark.parametrize("place", ["command line", "environment", "ini"])
def test_another_form_is_refused_before_anything_is_made(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    project.tests(PASSES)
    source, args = "--kind-timeline", ["--kind-timeline=t.png"] if place == "command line" else []
    if place == "environment":
        source = "PYTEST_KIND_TIMELINE"
        monkeypatch.setenv(source, "t.png")
    elif place == "ini":
        source = "kind_timeline"
        project.pytester.makeini("[pytest]\nkind_timeline = t.png\n")
    result = project.run_apart(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == f"ERROR: {source}: 't.png' is not accepted; accepted is a file that ends in .svg or .html"
    assert project.engine.calls == []


def test_a_folder_that_cannot_be_is_refused_before_anything_is_made(project: Project) -> None:
    (project.pytester.path / "out").touch()
    project.tests(PASSES)
    result = project.run_apart("--kind-timeline=out/t.svg")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --kind-timeline: {project.pytester.path}/out/t.svg: it cannot be written: File exists"])
    assert project.engine.calls == []


def test_a_node_that_fails_costs_a_line(project: Project, api_server: ApiServer) -> None:
    project.engine.answer(ASKED, "no", code=3, on="c-worker")
    api_server.answer("GET", PODS, (500, {"message": "no pods"}))
    project.tests(f"@pytest.mark.kind(dict(nodes=[dict(role='control-plane'), dict(role='worker')]))\n{PASSES}")
    result = project.run("--kind-timeline=t.svg", "--kind-name=c")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "not to be had: cluster c: node c-worker: its processes could not be listed (exit code 3)",
            f"not to be had: cluster c: its pods: 500 Internal Server Error: no pods (GET {PODS})",
        ]
    )
    assert [one["args"]["name"] for one in events(project) if one["name"] == "thread_name"] == ["run", "c-control-plane"]


def test_a_file_that_cannot_be_written_any_more_costs_a_line(project: Project) -> None:
    project.tests(f"{PASSES}def test_b(): os.mkdir('t.svg')\n")
    result = project.run("--kind-timeline=t.svg")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"{project.pytester.path}/t.trace.json", f"not to be had: {project.pytester.path}/t.svg: Is a directory"])


def test_several_clusters(project: Project) -> None:
    project.tests(f"{PASSES}def test_b(kind_cluster_factory):\n    kind_cluster_factory()\n    kind_cluster_factory()\n")
    project.run("--kind-timeline=t.svg", "--kind-name=c").assert_outcomes(passed=2)
    found = clusters(project)
    assert (found[0], len(set(found))) == ("cluster c", 3)


def test_a_cluster_that_does_not_boot_shows_what_its_nodes_did(project: Project) -> None:
    project.engine.answer(["fake-boot"], "no", code=1)
    project.tests(PASSES)
    project.run("--kind-timeline=t.svg", "--kind-name=c").assert_outcomes(errors=1)
    assert "cluster c: did not boot" in (project.pytester.path / "t.svg").read_text(encoding="utf-8")
    assert len([one for one in events(project) if one["ph"] == "i"]) == 10
    assert project.left == []


def test_a_kept_cluster_that_is_there_has_been_attached_to(project: Project) -> None:
    project.tests(PASSES)
    project.engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
    project.run("--kind-keep", "--kind-name=c").assert_outcomes(passed=1)
    project.run("--kind-keep", "--kind-name=c", "--kind-timeline=t.svg").assert_outcomes(passed=1)
    assert {one["name"] for one in events(project) if one["ph"] == "X"} == {"attach"}
    assert "cluster c: was there" in (project.pytester.path / "t.svg").read_text(encoding="utf-8")
    assert [call for call in project.engine.execs("c-control-plane") if "LC_ALL" in call] == []


@pytest.mark.parametrize(("ends", "code"), [("raise KeyboardInterrupt", 2), ("os.kill(os.getpid(), signal.SIGTERM)", 143)])
def test_a_run_that_is_broken_off_leaves_it_too(project: Project, ends: str, code: int) -> None:
    project.tests(f"def test_a(kind_cluster):\n    {ends}\n")
    assert project.run_apart("--kind-timeline=t.svg", "--kind-name=c").ret == code
    assert clusters(project) == ["cluster c"]


@pytest.mark.parametrize(("options", "names"), [((), ["c"]), (("--kind-per-worker",), ["c-gw0", "c-gw1"])])
def test_the_controller_of_workers_leaves_one_for_all(project: Project, options: tuple[str, ...], names: list[str]) -> None:
    project.tests(PASSES)
    result = project.run_apart("-n2", "--dist=each", "--kind-timeline=out/t.svg", "--kind-name=c", *options)
    result.assert_outcomes(passed=2)
    assert sorted(one.name for one in (project.pytester.path / "out").iterdir()) == ["t.svg", "t.trace.json"]
    (project.pytester.path / "out/t.trace.json").rename(project.pytester.path / "t.trace.json")
    assert sorted(clusters(project)) == [f"cluster {name}" for name in names]
    for name in names:
        assert len([call for call in project.engine.execs(f"{name}-control-plane") if "LC_ALL" in call]) == 1


def test_workers_of_a_run_without_clusters_write_nothing(project: Project) -> None:
    project.tests("def test_b(): pass\n")
    project.run_apart("-n2", "--dist=each", "--kind-timeline=t.svg").assert_outcomes(passed=2)
    assert not (project.pytester.path / "t.svg").exists()
