"""``--kind-ahead``: the cluster is begun with the session; who asks for it gets it, and what nobody asks for goes."""

from __future__ import annotations

import pytest

from pytest_kind.errors import EngineError
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.project import Project

# Collected when the first container has been started, which nothing but the session can have done.
WAITS = """
from pytest_kind.waiting import Deadline, NotYet, wait_for

wait_for("the start", lambda: os.path.exists("begun") or NotYet("nothing was started"), Deadline(30), every=0.01)
"""
NOTES = """
from support.engine import FakeEngine

start = FakeEngine.start

def noted(engine, container):
    open("begun", "w").close()
    start(engine, container)

FakeEngine.start = noted
"""
NOT_ASKED = "--kind-ahead: no test asked for the cluster that was begun with the session"


@pytest.mark.parametrize("where", ["command line", "environment", "ini"])
def test_it_is_begun_before_there_are_tests(project: Project, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    project.conftest(NOTES)
    project.tests(f"{WAITS}\ndef test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n")
    if where == "environment":
        monkeypatch.setenv("PYTEST_KIND_AHEAD", "yes")
    if where == "ini":
        project.pytester.makeini("[pytest]\nkind_ahead = true\n")
    result = project.run_apart(*(["--kind-ahead"] if where == "command line" else []))
    result.assert_outcomes(passed=2)
    (created,) = project.engine.made("create")
    assert project.engine.made("remove") == [created]
    # What there was to say is said when a test waits for it, in the line of that test.
    result.stdout.fnmatch_lines(["collected 2 items", "kind: creating cluster *: done in * s*"])
    assert NOT_ASKED not in result.stdout.str()
    assert project.left == []


def test_without_it_nothing_is_begun(project: Project) -> None:
    project.conftest(NOTES)
    project.tests("assert not os.path.exists('begun')\ndef test_a(kind_cluster): assert os.path.exists('begun')\n")
    project.run_apart().assert_outcomes(passed=1)


def test_workers_share_it(project: Project) -> None:
    project.conftest(NOTES)
    project.tests(f"{WAITS}\n@pytest.mark.parametrize('x', range(4))\ndef test_a(kind_cluster, x): pass\n")
    result = project.run_apart("-n2", "--dist=load", "--kind-ahead")
    result.assert_outcomes(passed=4)
    (created,) = project.engine.made("create")
    assert project.engine.made("remove") == [created]
    assert project.left == []


def test_a_worker_with_its_own_gets_it(project: Project) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    project.run_apart("-n2", "--dist=each", "--kind-per-worker", "--kind-ahead").assert_outcomes(passed=2)
    assert len(project.engine.made("create")) == 2
    assert project.left == []


def test_it_goes_before_the_tests_where_none_of_them_uses_a_cluster(project: Project) -> None:
    project.conftest(NOTES)
    project.tests(
        f"{WAITS}\n"
        "def test_a(pytestconfig):\n"
        "    from pytest_kind.keys import RUN\n"
        "    assert not pytestconfig.stash[RUN].clusters\n"
        "    assert not pytestconfig.stash[RUN].provider.containers({})\n"
    )
    result = project.run_apart("--kind-ahead")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*= kind =*", NOT_ASKED])
    assert project.engine.made("create") == project.engine.made("remove")
    assert project.left == []


def test_a_marker_that_wants_another_gets_another(project: Project) -> None:
    project.tests(
        "@pytest.mark.kind(dict(nodes=[dict(role='control-plane'), dict(role='worker')]))\n"
        "def test_a(kind_cluster): assert len(kind_cluster.nodes) == 2\n"
    )
    result = project.run("--kind-ahead")
    result.assert_outcomes(passed=1)
    assert result.outlines.count(NOT_ASKED) == 1
    assert sorted(project.engine.made("create")) == sorted(project.engine.made("remove"))
    assert project.left == []


def test_only_the_first_gets_it(project: Project) -> None:
    project.tests("def test_a(kind_cluster, kind_cluster_factory): assert kind_cluster_factory().name != kind_cluster.name\n")
    project.run("--kind-ahead").assert_outcomes(passed=1)
    assert len(project.engine.made("create")) == 2
    assert project.left == []


def test_its_failure_is_the_tests_with_the_whole_message(project: Project) -> None:
    project.engine.fail("start", EngineError("no such device"))
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run("--kind-ahead")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["kind: creating cluster *: failed in * s*", "cluster 'pytest-kind-*' did not boot, phase 'fake': no such device"])
    assert "--kind-ahead" not in result.stdout.str()
    assert project.left == []


def test_a_failure_that_nobody_asks_for_is_a_line(project: Project) -> None:
    project.engine.fail("start", EngineError("no such device"))
    project.tests(
        "from pytest_kind.waiting import Deadline, NotYet, wait_for\n"
        "def test_a(): pass\n"
        "def pytest_generate_tests(metafunc):\n"
        "    from pytest_kind.keys import RUN\n"
        "    begun = metafunc.config.stash[RUN]._begun\n"
        "    wait_for('its end', lambda: not begun._thread.is_alive() or NotYet('it is being made'), Deadline(30), every=0.01)\n"
    )
    result = project.run("--kind-ahead")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["--kind-ahead: the cluster that was begun with the session failed, and no test asked for it: *no such device*"])
    assert project.left == []


def test_where_no_engine_answers_tests_without_a_cluster_pass(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests("def test_a(): pass\ndef test_b(kind_cluster): pass\n")
    result = project.run("--kind-ahead")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["no container engine answers at *"])


def test_what_cannot_be_is_one_line_before_anything_is_made(project: Project) -> None:
    project.tests("def test_a(): pass\n")
    result = project.run("--kind-ahead", "--kind-name=Not_A_Name")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --kind-name: 'Not_A_Name' *"])
    assert project.engine.made("create") == []


@pytest.mark.parametrize("look", ["--collect-only", "--setup-plan", "--fixtures-per-test"])
def test_a_look_begins_none(project: Project, look: str) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    project.run("--kind-ahead", look)
    assert project.engine.made("create") == []


def test_steps_of_a_folder_are_not_left_out(project: Project) -> None:
    inner = project.pytester.mkpydir("inner")
    (inner / "conftest.py").write_text(
        "import pathlib\n"
        "class Step:\n"
        "    name = 'mine'\n"
        "    def __call__(self, context): pathlib.Path('done').touch()\n"
        "def pytest_kind_boot_actions(cluster_config): return [Step()]\n"
        "def pytest_kind_cluster_ready(cluster): pathlib.Path(cluster.name).touch()\n",
        encoding="utf-8",
    )
    (inner / "test_inner.py").write_text("import os\ndef test_a(kind_cluster): assert os.path.exists('done')\n", encoding="utf-8")
    result = project.run("--kind-ahead", ".")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([NOT_ASKED])
    assert len(list(project.pytester.path.glob("pytest-kind-*"))) == 1  # the other one was never handed over
    assert project.left == []


def test_a_folders_hook_hears_of_it(project: Project) -> None:
    inner = project.pytester.mkpydir("inner")
    hook = "import pathlib\ndef pytest_kind_cluster_ready(cluster): pathlib.Path(cluster.name).touch()\n"
    (inner / "conftest.py").write_text(hook, encoding="utf-8")
    (inner / "test_inner.py").write_text("import os\ndef test_a(kind_cluster): assert os.path.exists(kind_cluster.name)\n", encoding="utf-8")
    project.run("--kind-ahead", ".").assert_outcomes(passed=1)
    assert len(project.engine.made("create")) == 1


def test_an_interrupt_while_tests_are_collected_leaves_nothing(project: Project) -> None:
    project.conftest(NOTES)
    project.tests(f"{WAITS}\nraise KeyboardInterrupt\n")
    result = project.run_apart("--kind-ahead")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.engine.made("create") == project.engine.made("remove")
    assert project.left == []


def test_an_interrupt_while_it_is_awaited_leaves_nothing(project: Project) -> None:
    project.conftest(
        "from pytest_kind.keys import RUN\n"
        "from pytest_kind.waiting import Deadline, NotYet, wait_for\n"
        "from support.engine import FakeEngine\n"
        "def pytest_configure(config):\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored by what a shell runs in the background
        "    def awaited():\n"
        "        begun = config.stash[RUN]._begun\n"
        "        return begun is not None and begun._taken or NotYet('nobody waits')\n"
        "    def start(engine, container):\n"
        "        wait_for('who waits', awaited, Deadline(30), every=0.01)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        wait_for('its end', lambda: not engine.containers({}) or NotYet('it is there'), Deadline(30), every=0.01)\n"
        "        raise RuntimeError('nobody would see it')\n"
        "    FakeEngine.start = start\n"
    )
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart("--kind-ahead")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.engine.made("create")
    assert project.left == []


def test_a_kept_one_is_attached_to(project: Project, api_server: ApiServer) -> None:
    project.engine.publish("127.0.0.1", api_server.port)
    project.engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
    api_server.answer("GET", "/readyz", (200, "ok"))
    project.tests("def test_a(kind_cluster): assert kind_cluster.kept\n")
    for _ in range(2):
        project.run("--kind-ahead", "--kind-keep").assert_outcomes(passed=1)
    assert len(project.engine.made("create")) == 1
    assert project.engine.made("remove") == []
