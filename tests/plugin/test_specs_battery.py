"""The battery's own plugin, on a suite that is played."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drills.specs_battery import Battery, Result, Results
from support import plugin
from support.fake_suite import install, spec
from support.images import tar_of
from support.project import Project

ALL = ["one", "two", "three", "four"]


class After:
    """Does something when a spec is through."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name, self._work = name, work

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid.endswith(self._name):
            self._work()


class Drill:
    """Runs the battery again and again."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder, self.results = project, folder, Results(folder / "results")
        self.results.folder.mkdir()
        project.engine.answer(["kubectl", "version"], json.dumps({"serverVersion": {"gitVersion": "v1.37.1"}}))
        project.engine.answer(["sh", "-c", "command -v kubectl"], "/usr/bin/kubectl\n")
        project.engine.answer(["realpath"], "/usr/bin/kubectl\n")
        project.engine.offer("/usr/bin/kubectl", tar_of({"kubectl": b"#!/bin/sh\n"}))

    def run(
        self,
        *options: str,
        seconds: float = 600,
        again: bool = False,
        after: str = "one",
        then: Callable[[Battery], None] = lambda _: None,
        **does: str,
    ) -> pytest.RunResult:
        """One run; what a spec does is to pass, where nothing else is said."""
        suite = install(self.folder / "e2e.test", [spec(f"spec {name}", does.get(name, "pass"), line=line) for line, name in enumerate(ALL)])
        battery = Battery(self.results, seconds=seconds, grace=600, stand_ins=False, again=again)
        doing = After(after, lambda: then(battery))
        arguments = [f"--kind-suite={suite}", "--kind-focus=spec", "--kind-procs=2", *options]
        return self.project.pytester.runpytest_inprocess(*arguments, plugins=[plugin, battery, doing], no_reraise_ctrlc=True)

    @property
    def outcomes(self) -> dict[str, str]:
        return {one.spec.rpartition(" ")[2]: one.outcome for one in self.results.read().values()}


@pytest.fixture
def drill(project: Project, tmp_path: Path) -> Drill:
    return Drill(project, tmp_path)


def test_each_outcome_is_there_and_is_not_had_again(drill: Drill) -> None:
    drill.run("--maxfail=1", "--kind-procs=1", two="fail").assert_outcomes(passed=1, failed=1)
    assert drill.outcomes == {"one": "passed", "two": "failed"}
    assert len(drill.results.selection()) == 4
    drill.run().assert_outcomes(passed=2, deselected=2)
    assert drill.outcomes == {"one": "passed", "two": "failed", "three": "passed", "four": "passed"}
    assert drill.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    (said,) = (drill.results.folder / "failures").iterdir()
    assert {"fail: as planned", "running spec two"} <= set(said.read_text(encoding="utf-8").splitlines())


def test_what_failed_runs_again_when_asked(drill: Drill) -> None:
    drill.run(two="fail")
    drill.run(again=True).assert_outcomes(passed=1, deselected=3)
    assert set(drill.outcomes.values()) == {"passed"}


def test_when_time_is_over_those_that_run_may_end(drill: Drill) -> None:
    gate = drill.folder / "gate"

    def over(battery: Battery) -> None:
        battery._time_is_over()
        gate.touch()

    result = drill.run(then=over, two=f"until:{gate}", three=f"until:{gate}")
    result.stdout.fnmatch_lines(["*the time of this slice is over*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert {name: drill.outcomes.get(name) for name in ("one", "two", "four")} == {"one": "passed", "two": "passed", "four": None}


def test_the_first_spec_holds_no_other_up(drill: Drill) -> None:
    gate = drill.folder / "gate"
    seen: list[dict[str, str]] = []

    def through(_: Battery) -> None:
        seen.append(drill.outcomes)
        gate.touch()

    drill.run("-W", "error", then=through, after="four", one=f"until:{gate}").assert_outcomes(passed=4)
    assert seen == [{"two": "passed", "three": "passed", "four": "passed"}]


def test_when_time_is_over_before_any_runs_one_does(drill: Drill) -> None:
    drill.run(seconds=0).assert_outcomes(passed=1)
    assert list(drill.outcomes.values()) == ["passed"]  # of those that run beside each other the first to end


def interrupt() -> None:
    """A real Ctrl-C: one that is only noted, as ``_thread.interrupt_main`` does, does not wake a main thread that waits for a lock."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Also where whoever started these tests has them ignore Ctrl-C, as shells do with what they start in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_what_is_broken_off_belongs_to_the_next_run(drill: Drill) -> None:
    drill.run(then=lambda _: interrupt(), two="hang", three="hang")
    assert drill.outcomes == {"one": "passed"}
    assert drill.project.left == []


def test_a_suite_that_does_not_start_says_nothing_on_specs(drill: Drill) -> None:
    drill.project.engine.answer(["kubectl", "version"], json.dumps({"serverVersion": {"gitVersion": "v1.36.0"}}))
    drill.run().assert_outcomes(errors=4)
    assert drill.outcomes == {}


def test_a_folder_is_of_one_selection(drill: Drill) -> None:
    drill.run()
    result = drill.run("-k", "one")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --results: * is of 4 other specs than these 1; each selection has its folder"])


def test_a_line_that_a_kill_cut_short_is_no_outcome(tmp_path: Path) -> None:
    results = Results(tmp_path)
    one = Result(spec="a.go::one", outcome="passed", seconds=1, message="", stand_ins=False, at=0)
    results.add(one)
    with (tmp_path / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"spec": "a.go::two", "outc')
    assert results.read() == {one.spec: one}
    three = Result(spec="a.go::three", outcome="failed", seconds=1, message="no\nway", stand_ins=True, at=0)
    results.add(three)
    assert results.read() == {one.spec: one, three.spec: three}
