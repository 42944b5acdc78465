"""However a run ends, nothing of it is left."""

from __future__ import annotations

import signal

import pytest

from support.project import Project

BREAKS_WHILE_BOOTING = """
class Breaks:
    name = 'breaks'
    def __call__(self, context):
        {}
def pytest_kind_boot_actions(cluster_config):
    return [Breaks()]
"""
KILL = "os.kill(os.getpid(), signal.SIGTERM)"
TESTS = "def test_a(kind_cluster): pass\ndef test_b(kind_cluster):\n    {}\ndef test_c(kind_cluster): pass\n"


@pytest.mark.parametrize(
    ("ends", "args", "outcomes"),
    [
        ("assert 0", (), {"passed": 2, "failed": 1}),
        ("assert 0", ("-x",), {"passed": 1, "failed": 1}),
        ("pytest.skip('not today')", (), {"passed": 2, "skipped": 1}),
        ("pytest.exit('enough')", (), {"passed": 1}),
        ("raise SystemExit(3)", (), {"passed": 2, "failed": 1}),
        ("raise KeyboardInterrupt", (), {"passed": 1}),
    ],
)
def test_in_the_middle(project: Project, ends: str, args: tuple[str, ...], outcomes: dict[str, int]) -> None:
    project.tests(TESTS.format(ends))
    project.run(*args).assert_outcomes(**outcomes)
    assert [call.split()[0] for call in project.lives] == ["create", "remove"]
    assert project.left == []


def test_with_an_error_of_the_collection(project: Project) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    project.pytester.makepyfile(test_other="import no_such_module\n")
    assert project.run().ret == pytest.ExitCode.INTERRUPTED
    assert project.lives == []
    project.run("--continue-on-collection-errors").assert_outcomes(passed=1, errors=1)
    assert project.left == []


@pytest.mark.parametrize("ends", ["raise KeyboardInterrupt", "pytest.exit('enough')"])
def test_while_a_cluster_boots(project: Project, ends: str) -> None:
    project.conftest(BREAKS_WHILE_BOOTING.format(ends))
    project.tests(TESTS.format("pass"))
    assert project.run().ret == pytest.ExitCode.INTERRUPTED
    assert [call.split()[0] for call in project.lives] == ["create", "remove"]
    assert project.left == []


def test_by_a_second_interrupt_while_the_first_one_is_cleaned_up(project: Project) -> None:
    project.engine.fail("remove", KeyboardInterrupt())
    project.tests(TESTS.format("raise KeyboardInterrupt"))
    assert project.run_apart().ret != 0
    assert [call.split()[0] for call in project.lives] == ["create", "remove", "remove"]
    assert project.left == []


def test_by_a_second_interrupt_while_a_boot_is_rolled_back(project: Project) -> None:
    project.engine.fail("remove", KeyboardInterrupt())
    project.conftest(BREAKS_WHILE_BOOTING.format("raise KeyboardInterrupt"))
    project.tests(TESTS.format("pass"))
    assert project.run().ret == pytest.ExitCode.INTERRUPTED
    assert project.left == []


def test_by_a_third_interrupt_the_process_still_cleans_up_when_it_exits(project: Project) -> None:
    project.engine.fail("remove", KeyboardInterrupt(), times=2)
    project.tests(TESTS.format("raise KeyboardInterrupt"))
    assert project.run_apart().ret != 0
    assert project.left == []


def test_by_sigterm_in_a_test(project: Project) -> None:
    project.tests(TESTS.format(KILL))
    result = project.run_apart()
    assert result.ret == 128 + signal.SIGTERM
    result.stdout.fnmatch_lines(["*terminated by SIGTERM*"])
    result.assert_outcomes(passed=1)
    assert project.left == []


def test_by_sigterm_while_a_cluster_boots(project: Project) -> None:
    project.conftest(BREAKS_WHILE_BOOTING.format(KILL))
    project.tests(TESTS.format("pass"))
    assert project.run_apart().ret == 128 + signal.SIGTERM
    assert project.left == []


def test_by_a_second_sigterm_while_the_first_one_is_cleaned_up(project: Project) -> None:
    project.conftest(f"@pytest.fixture(scope='session')\ndef late(kind_cluster):\n    yield\n    {KILL}\n")
    project.tests(f"def test_a(late):\n    {KILL}\n")
    assert project.run_apart().ret == 128 + signal.SIGTERM
    assert project.left == []


def test_a_projects_own_handler_of_sigterm_stays(project: Project) -> None:
    project.conftest("signal.signal(signal.SIGTERM, lambda *_: print('handled by the project'))\n")
    project.tests(TESTS.format(KILL))
    result = project.run_apart("-s")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*handled by the project*"])
    assert project.left == []


def test_what_a_test_forks_ends_by_sigterm_as_ever(project: Project) -> None:
    project.tests(
        "import time\n"
        "def test_a(kind_cluster):\n"
        "    there, says = os.pipe()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try:\n"
        "            os.write(says, b'.')\n"
        "            time.sleep(9)\n"
        "        finally:\n"
        "            os._exit(3)\n"
        "    os.read(there, 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM\n"
    )
    project.run_apart().assert_outcomes(passed=1)


def test_a_process_that_goes_on_after_its_run_ends_by_sigterm_as_ever(project: Project) -> None:
    project.tests(TESTS.format(KILL))
    main = project.pytester.makepyfile(
        main="import os, pytest, signal, time\n"
        "from support import plugin\n"
        "assert pytest.main(['test_it.py'], plugins=[plugin]) == 128 + signal.SIGTERM\n"
        f"{KILL}\n"
        "time.sleep(9)\n"
    )
    assert project.pytester.runpython(main).ret == -signal.SIGTERM
    assert project.left == []


def test_by_a_process_that_ends_itself_is_swept_by_the_next_run(project: Project) -> None:
    project.tests("def test_a(kind_cluster): os._exit(7)\n")
    assert project.run_apart().ret == 7
    assert len(project.engine.names) == 1
    project.tests("def test_a(kind_cluster): pass\n")
    project.run_apart().assert_outcomes(passed=1)
    assert project.left == []
