"""pytest-xdist: workers share the clusters that the controller makes, or have their own; what dies leaves nothing."""

from __future__ import annotations

import pytest

from support.api_server import ApiServer
from support.credentials import admin_conf
from support.project import Project

SIX = "@pytest.mark.parametrize('x', range(6))\ndef test_a(kind_cluster, x): print('cluster', kind_cluster.name)\n"


def test_all_workers_share_one(project: Project) -> None:
    project.tests(SIX)
    result = project.run_apart("-n3", "--dist=load", "-rP")
    result.assert_outcomes(passed=6)
    (created,) = project.engine.made("create")
    assert project.engine.made("remove") == [created]
    assert {line for line in result.outlines if line.startswith("cluster ")} == {f"cluster {created.removesuffix('-control-plane')}"}
    result.stdout.fnmatch_lines(["kind: creating cluster *: done in * s*"])
    assert project.left == []


def test_what_a_worker_deletes_has_no_lease_that_is_lost(project: Project) -> None:
    lost = project.pytester.path / "lost"
    project.conftest(
        "from pytest_kind import attempt\n"
        "class Restless(attempt.Renewal):\n"
        "    def __init__(self, connect, containers, lease): super().__init__(connect, containers, 0)\n"
        "    def __setattr__(self, name, value):\n"
        "        super().__setattr__(name, value)\n"
        f"        if name == 'last_failure' and value: open({str(lost)!r}, 'w').close()\n"
        "attempt.Renewal = Restless\n"
    )
    project.tests(
        "from pytest_kind.waiting import Deadline, NotYet, wait_for\n"
        "def test_a(kind_cluster_factory):\n"
        "    kind_cluster_factory().delete()\n"
        f"    wait_for('a renewal that fails', lambda: os.path.exists({str(lost)!r}) or NotYet('none did'), Deadline(60), every=0.01)\n"
    )
    result = project.run_apart("-n1")
    result.assert_outcomes(passed=1)
    assert "could not be renewed" not in result.stdout.str()
    assert project.left == []


def test_those_that_want_another_have_another(project: Project) -> None:
    project.tests(
        "@pytest.mark.parametrize('x', range(3))\ndef test_a(kind_cluster, x): assert len(kind_cluster.nodes) == 1\n"
        "@pytest.mark.parametrize('x', range(3))\n@pytest.mark.kind(dict(nodes=[dict(role='control-plane'), dict(role='worker')]))\n"
        "def test_b(kind_cluster, x): assert len(kind_cluster.nodes) == 2\n"
    )
    project.run_apart("-n2", "--dist=loadscope").assert_outcomes(passed=6)
    assert sorted(project.engine.made("create")) == sorted(project.engine.made("remove"))
    assert project.left == []


def test_each_worker_has_its_own_where_that_is_asked_for(project: Project) -> None:
    project.tests("def test_a(kind_cluster): print('cluster', kind_cluster.name)\ndef test_b(kind_cluster): print('cluster', kind_cluster.name)\n")
    result = project.run_apart("-n2", "--dist=each", "--kind-per-worker", "--kind-name=mine", "-rP")
    result.assert_outcomes(passed=4)
    assert sorted(project.engine.made("create")) == ["mine-gw0-control-plane", "mine-gw1-control-plane"]
    assert project.left == []


def test_no_more_at_a_time_than_are_allowed(project: Project) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart("-n3", "--dist=each", "--kind-per-worker", "--kind-max-clusters=1")
    result.assert_outcomes(passed=3)
    lives = [call.split()[0] for call in project.lives]
    assert lives == ["create", "remove"] * 3
    result.stdout.fnmatch_lines(["kind: gw* waits for a cluster: there are 1, at most 1 (--kind-max-clusters)"])
    assert project.left == []


def test_one_who_has_a_cluster_does_not_wait_for_a_second(project: Project) -> None:
    project.tests("def test_a(kind_cluster, kind_cluster_factory): assert kind_cluster_factory().name != kind_cluster.name\n")
    project.run_apart("-n2", "--dist=each", "--kind-per-worker", "--kind-max-clusters=1").assert_outcomes(passed=2)
    assert len(project.engine.made("create")) == 4
    assert project.left == []


def test_what_the_factory_makes_is_of_one_worker_alone(project: Project) -> None:
    project.tests("def test_a(kind_cluster_factory): assert kind_cluster_factory().name\n")
    project.run_apart("-n2", "--dist=each").assert_outcomes(passed=2)
    assert len(project.engine.made("create")) == 2
    assert project.left == []


def test_a_worker_that_dies_lets_go_of_its_lease(project: Project) -> None:
    project.tests("def test_a(kind_cluster): os.kill(os.getpid(), signal.SIGKILL)\n")
    result = project.run_apart("-n1", "--max-worker-restart=0")
    result.assert_outcomes(failed=1)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


def test_the_others_keep_the_cluster_of_one_that_dies(project: Project) -> None:
    project.tests(
        "import pathlib, time\n"
        "def test_a(kind_cluster):\n    pathlib.Path('there').touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "def test_b(kind_cluster):\n"
        "    end = time.monotonic() + 60\n"
        "    while not pathlib.Path('there').exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "    time.sleep(1)\n    assert len(kind_cluster.nodes[0].exec('hostname')) == 0\n"
    )
    project.run_apart("-n2", "--max-worker-restart=0").assert_outcomes(failed=1, passed=1)
    assert len(project.engine.made("create")) == 1
    assert project.left == []


def test_a_cluster_that_does_not_boot_fails_all_alike(project: Project) -> None:
    project.engine.answer(["fake-boot"], "no way", code=1)
    project.tests(SIX)
    result = project.run_apart("-n2", "--dist=load")
    result.assert_outcomes(errors=6)
    result.stdout.fnmatch_lines(["cluster 'pytest-kind-*' did not boot, phase 'fake': *", "*no way*"])
    assert len(project.engine.made("create")) <= 2
    assert project.left == []


def test_a_lease_that_is_broken_off_is_nobody_elses(project: Project) -> None:
    project.conftest(
        "from pytest_kind.waiting import Deadline, NotYet, wait_for\n"
        "class Wait:\n"
        "    name = 'wait'\n"
        "    def __call__(self, context):\n"
        "        if len(context.config.nodes) == 1:\n"
        "            wait_for('the other test', lambda: os.path.exists('go') or NotYet('not'), Deadline(20), every=0.01)\n"
        "def pytest_kind_boot_actions(cluster_config): return [Wait()]\n"
        "@pytest.fixture(scope='session')\n"
        "def soon():\n"
        "    signal.signal(signal.SIGALRM, lambda *_: pytest.fail('out of time'))\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
    )
    project.tests(
        "def test_a(soon, kind_cluster): pass\n"
        "@pytest.mark.kind(dict(nodes=[dict(role='control-plane'), dict(role='worker')]))\n"
        "def test_b(kind_cluster):\n"
        "    assert len(kind_cluster.nodes) == 2\n"
        "    open('go', 'w').close()\n"
    )
    result = project.run_apart("-n1")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["E * Failed: out of time"])
    assert project.left == []


def test_what_a_worker_lets_go_of_is_gone_before_it_has_another(project: Project) -> None:
    project.conftest("import time\ndef pytest_kind_cluster_ends(cluster): time.sleep(1)\n")
    project.tests("def test_a(kind_cluster): pass\n@pytest.mark.kind(network='other')\ndef test_b(kind_cluster): pass\n")
    project.run_apart("-n1").assert_outcomes(passed=2)
    assert [call.split()[0] for call in project.lives] == ["create", "remove"] * 2


def test_a_run_that_is_broken_off_while_it_boots(project: Project) -> None:
    project.conftest(
        "from pytest_kind.errors import KindError\n"
        "from pytest_kind.waiting import Deadline, NotYet, wait_for\n"
        "class Wait:\n"
        "    name = 'wait'\n"
        "    def __call__(self, context):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        wait_for('nothing', lambda: NotYet('not'), Deadline(100), on_wait=context.progress.tick)\n"
        "def pytest_kind_boot_actions(cluster_config): return [Wait()]\n"
    )
    project.tests(SIX)
    result = project.run_apart("-n2")
    assert result.ret == 128 + 15
    assert "terminated by SIGTERM" in result.stdout.str()
    assert project.left == []


def test_a_kept_one_is_found_again_by_all(project: Project, api_server: ApiServer) -> None:
    project.engine.publish("127.0.0.1", api_server.port)
    project.engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
    api_server.answer("GET", "/readyz", (200, "ok"))
    project.tests(SIX)
    for _ in range(2):
        project.run_apart("-n2", "--dist=load", "--kind-keep", "--kind-name=stays").assert_outcomes(passed=6)
    assert project.engine.made("create") == ["stays-control-plane"]
    assert project.engine.names == ["stays-control-plane"]


def test_hooks_are_told_once_and_the_kubeconfig_is_one_file(project: Project) -> None:
    project.conftest(
        "def pytest_kind_cluster_ready(cluster): print('ready', cluster.name, file=open('hooks', 'a'))\n"
        "def pytest_kind_cluster_ends(cluster): print('ends', cluster.name, file=open('hooks', 'a'))\n"
    )
    project.tests("import glob\n@pytest.mark.parametrize('x', range(6))\ndef test_a(kind_cluster, x): assert glob.glob('out*') == ['out']\n")
    project.run_apart("-n2", "--dist=load", "--kubeconfig=out", "--kind-name=it").assert_outcomes(passed=6)
    assert (project.pytester.path / "hooks").read_text(encoding="utf-8").splitlines() == ["ready it", "ends it"]


def test_quiet_is_quiet(project: Project) -> None:
    project.tests(SIX)
    assert "kind:" not in project.run_apart("-n2", "-q").stdout.str()


def test_a_dead_session_without_an_engine_is_left_for_another_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project.cache / "sessions/0123"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    project.tests("def test_b(): pass\n")
    result = project.run_apart("-n1")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert project.left == ["0123"]
