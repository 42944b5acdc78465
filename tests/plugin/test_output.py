"""What a run says: the header, progress, and nothing where that was asked for."""

from __future__ import annotations

import pytest

from pytest_kind import labels
from pytest_kind.image.inputs import read_inputs
from pytest_kind.lease.session import Session
from support.project import Project

USES = "def test_a(kind_cluster): pass\n"


def said(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("kind:")]


@pytest.mark.parametrize(
    ("args", "image", "cluster"),
    [
        ((), "{tag} (cached)", "new, with a random name"),
        (("--kind-name=mine",), "{tag} (cached)", "mine"),
        (("--kind-keep",), "{tag} (cached)", "kept, named after its configuration"),
        (("--kind-version=v1.36.0",), "{other} (to be made)", "new, with a random name"),
        (("--kind-source=release:v1.36.0",), "made from release:v1.36.0", "new, with a random name"),
        (("--kind-image=localhost/node:1",), "localhost/node:1", "new, with a random name"),
    ],
)
def test_the_header_says_engine_image_and_cluster(project: Project, args: tuple[str, ...], image: str, cluster: str) -> None:
    project.tests(USES)
    expected = image.format(tag=read_inputs("amd64").tag, other=read_inputs("amd64", "v1.36.0").tag)
    assert said(project.run(*args))[0] == f"kind: Fake 1.0, image {expected}, cluster {cluster}"


def test_a_project_without_clusters_has_no_header(project: Project) -> None:
    project.tests("def test_b(): pass\n")
    assert said(project.run()) == []
    assert project.engine.calls == []


def test_progress_is_a_line_at_a_steps_end(project: Project) -> None:
    project.tests(USES)
    lines = said(project.run("--kind-name=mine"))
    assert len(lines) == 2
    assert lines[1].startswith("kind: creating cluster mine: done in ")


def test_progress_is_shown_while_output_is_captured_and_is_not_captured(project: Project) -> None:
    project.tests("def test_a(kind_cluster): assert 0\n")
    result = project.run()
    assert len(said(result)) == 2
    assert "Captured" not in result.stdout.str()


def test_quiet_is_quiet(project: Project) -> None:
    project.tests(USES)
    result = project.run("-q")
    result.assert_outcomes(passed=1)
    assert said(result) == []


def test_what_a_dead_run_left_is_removed_and_told(project: Project) -> None:
    dead = Session.open(project.cache)
    dead._lock.release()
    project.engine.add_container("left-control-plane", {**dead.labels(), labels.CLUSTER: "left"}, volume=True)
    project.tests(USES)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert said(result)[1] == "kind: removed what a dead run left: container left-control-plane"
    assert project.left == []


@pytest.mark.parametrize(
    ("environment", "terminal", "form"),
    [({"TERM": "xterm"}, True, "terminal"), ({"TERM": "dumb"}, True, "plain"), ({"TERM": "xterm", "CI": "1"}, True, "plain"), ({}, False, "plain")],
)
def test_the_form_follows_from_the_terminal(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, form: str
) -> None:
    from pytest_kind.invocation import progress_form  # noqa: PLC0415

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = pytester.parseconfigure()
    monkeypatch.setattr(config.pluginmanager.getplugin("terminalreporter"), "isatty", terminal)
    assert progress_form(config) == form


SLOW_BOOT = """
import time
class Slow:
    name = "slow"
    def __call__(self, context):
        time.sleep(0.25)
        context.progress.tick("nearly there")
def pytest_kind_boot_actions(cluster_config): return [Slow()]
"""


@pytest.mark.parametrize("args", [(), ("-s",), ("--kind-ahead",), ("-v",)])
def test_on_a_terminal_a_line_moves_and_goes(project: Project, args: tuple[str, ...]) -> None:
    project.conftest(SLOW_BOOT)
    project.tests(USES)
    code, said = project.on_a_terminal(*args)
    assert "1 passed" in said
    assert code == 0
    assert "\r\x1b[2Kkind: creating cluster pytest-kind-" in said
    assert "nearly there" in said
    assert "kind: " not in said.rpartition("\x1b[2K")[2]


def test_on_a_terminal_that_workers_write_to_there_are_lines(project: Project) -> None:
    project.tests(USES)
    code, said = project.on_a_terminal("-n1")
    assert "kind: creating cluster pytest-kind-" in said
    assert "\x1b[2K" not in said
    assert code == 0


REDIRECTING = """
import contextlib, io
def test_a(request):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        request.getfixturevalue("kind_cluster")
        print("here")
    assert out.getvalue() == "here\\n"
"""


def test_what_stands_in_for_a_stream_stays_there(project: Project) -> None:
    project.tests(REDIRECTING)
    project.run().assert_outcomes(passed=1)
