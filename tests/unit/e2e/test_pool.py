"""Which process runs which spec when, and what becomes of a spec whatever its process does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.e2e import launcher as launcher_module
from pytest_kind.e2e import slot as slot_module
from pytest_kind.e2e.listing import Selection, listed
from pytest_kind.e2e.numbering import numbered
from pytest_kind.e2e.outcome import Outcome
from pytest_kind.e2e.pool import Pool, SuiteBroken
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.fake_suite import install, spec

Open = Callable[..., tuple[Pool, dict[str, Spec]]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    pools = []

    def make(*specs: dict[str, Any], count: int = 2, seconds: float = 60, **plan: Any) -> tuple[Pool, dict[str, Spec]]:
        suite = Suite(install(tmp_path / "e2e.test", list(specs), **plan), folder=tmp_path)
        (tmp_path / "logs").mkdir(exist_ok=True)
        pool = Pool(suite, numbered(suite, tmp_path), [], count=count, seconds=seconds, folder=tmp_path / "logs")
        pools.append(pool)
        return pool, {one.name: one for one in listed(suite, Selection(focus="."), tmp_path)}

    yield make
    for pool in pools:
        pool.close()


def outcomes(pool: Pool, specs: dict[str, Spec]) -> dict[str, Outcome]:
    pool.want(specs.values())
    left = set(specs)
    found = {}
    while left:
        one = pool.take(left)
        found[one.name] = one
        left.discard(one.name)
    return found


def running(pool: Pool) -> set[str]:
    return {slot.spec.name for slot in pool._all.slots.values() if slot.spec}


def wait_until_running(pool: Pool, *names: str) -> None:
    wait_for("specs", lambda: True if running(pool) == set(names) else NotYet(str(running(pool))), Deadline(20))


def test_each_has_its_own_outcome(opened: Open) -> None:
    pool, specs = opened(spec("good"), spec("bad", "fail", line=8), spec("odd", "skip"), spec("worse", "panic"))
    found = outcomes(pool, specs)
    assert {name: one.state for name, one in found.items()} == {"good": "passed", "bad": "failed", "odd": "skipped", "worse": "failed"}
    assert found["odd"].message == "needs two nodes"
    bad = found["bad"]
    assert (bad.message, bad.where, bad.stack) == ("fail: as planned", "test/e2e/network/dns.go:99", ("test/e2e/network/dns.go:99 pkg.f()",))
    assert (bad.output, bad.seconds) == ("running bad\n", 1.5)
    assert bad.report is not None
    assert pool.suite_failures == []


def test_they_run_beside_each_other(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(spec("a", f"until:{tmp_path / 'go'}"), spec("b", f"until:{tmp_path / 'go'}"), spec("c"), count=2)
    pool.want([specs["a"], specs["b"], specs["c"]])
    wait_until_running(pool, "a", "b")
    (tmp_path / "go").touch()
    assert {pool.take(set(specs)).name for _ in range(3)} == {"a", "b", "c"}


def test_the_order_is_the_callers(opened: Open) -> None:
    pool, specs = opened(spec("a"), spec("b"), spec("c"), count=1)
    pool.want([specs["b"], specs["c"], specs["a"]])
    assert [pool.take(set(specs)).name for _ in range(3)] == ["b", "c", "a"]


def test_some_run_alone_and_last(opened: Open, tmp_path: Path) -> None:
    go = tmp_path / "go"
    pool, specs = opened(spec("alone", f"until:{go}", labels=("Serial",)), spec("break", labels=("Disruptive",)), spec("a"), spec("b"), count=3)
    pool.want([specs["alone"], specs["break"], specs["a"], specs["b"]])
    assert {pool.take({"a", "b"}).name, pool.take({"a", "b"}).name} == {"a", "b"}
    wait_until_running(pool, "alone")
    go.touch()
    assert [pool.take(set(specs)).name for _ in range(2)] == ["alone", "break"]


def test_what_ginkgo_runs_on_the_first_process_alone(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(
        spec("a", serial=True, labels=("Serial",)),
        spec("b", "fail", serial=True),
        spec("not asked for", serial=True),
        spec("c", f"until:{tmp_path / 'go'}"),
        count=2,
    )
    pool.want([specs["b"], specs["a"], specs["c"]])
    wait_until_running(pool, "c")
    (tmp_path / "go").touch()
    assert [pool.take(set(specs)).state for _ in range(3)] == ["passed", "failed", "passed"]
    pool.want([specs["b"]])
    assert pool.take({"b"}).state == "failed"
    pool.close()
    ran = [report["LeafNodeText"] for report in pool.reports if report["State"] != "skipped" and report["LeafNodeType"] == "It"]
    assert sorted(ran) == ["a", "b", "b", "c"]


def test_the_rest_of_a_serial_process_that_died(opened: Open) -> None:
    pool, specs = opened(
        *(spec(name, does, serial=True) for name, does in [("a", "pass"), ("boom", "crash"), ("b", "pass"), ("slow", "hang")]), seconds=3
    )
    found = outcomes(pool, specs)
    assert {name: one.state for name, one in found.items()} == {"a": "passed", "boom": "failed", "b": "passed", "slow": "failed"}
    assert found["slow"].message.startswith("not done within 3 s")


def test_more_serial_specs_than_an_argument_can_name(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "_LONGEST_FOCUS", 30)
    pool, specs = opened(*(spec(f"[x] spec {number}", serial=True) for number in range(4)))
    assert {one.state for one in outcomes(pool, specs).values()} == {"passed"}


def test_one_can_run_again_and_first(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(spec("a", "fail"), spec("b", f"until:{tmp_path / 'go'}"), spec("c"), count=1)
    pool.want([specs["a"], specs["b"], specs["c"]])
    assert pool.take({"a"}).state == "failed"
    pool.want([specs["a"]], first=True)
    (tmp_path / "go").touch()
    order = [pool.take(set(specs)).name for _ in range(3)]
    assert order.index("a") < order.index("c")


def test_an_ordered_container_runs_whole(opened: Open) -> None:
    pool, specs = opened(spec("one", container="[sig-x] box"), spec("two", "fail", container="[sig-x] box"), spec("other"))
    found = outcomes(pool, specs)
    assert {name: one.state for name, one in found.items()} == {"[sig-x] box one": "passed", "[sig-x] box two": "failed", "other": "passed"}


def test_a_process_that_dies_fails_its_own_spec_alone(opened: Open) -> None:
    pool, specs = opened(spec("a"), spec("boom", "crash"), spec("b"), spec("c"), count=1)
    found = outcomes(pool, specs)
    assert {name: one.state for name, one in found.items()} == {"a": "passed", "boom": "failed", "b": "passed", "c": "passed"}
    assert found["boom"].message.startswith("the suite's process 1 ended with 2 while it ran this spec; its last lines:\n")
    assert found["boom"].message.endswith("fatal error: all goroutines are asleep")
    assert {name for name, one in found.items() if one.unexplained} == {"boom"}


def test_a_killed_process(opened: Open) -> None:
    pool, specs = opened(spec("long", "hang"), spec("a"), count=1)
    pool.want(specs.values())
    pool.want([specs["long"]], first=True)
    if running(pool) != {"long"}:
        pool.take({"a"})
    wait_until_running(pool, "long")
    os.kill(next(iter(pool._all.slots.values())).process._process.pid, signal.SIGKILL)
    assert pool.take({"long"}).message.startswith("the suite's process 1 ended with -9 while it ran this spec")


def test_a_spec_without_a_report(opened: Open) -> None:
    pool, specs = opened(spec("mute", "silent"), spec("a"), count=1)
    assert outcomes(pool, specs)["mute"].message == "the suite's process went on without a word on this spec"


def test_a_deadline(opened: Open) -> None:
    pool, specs = opened(spec("slow", "hang"), spec("a"), count=1, seconds=0.5)
    found = outcomes(pool, specs)
    assert found["slow"].state == "failed"
    assert found["slow"].message == ("not done within 0.5 s (--kind-spec-timeout)\nhang: as planned\nit was in: It, waiting for godot")
    assert found["slow"].unexplained
    assert found["a"].state == "passed"


def test_one_that_does_not_heed_an_interrupt_is_killed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_module, "_GRACE_SECONDS", (0.3, 0.6))
    pool, specs = opened(spec("slow", "stuck"), spec("a"), count=1, seconds=0.5)
    found = outcomes(pool, specs)
    assert (found["slow"].state, found["slow"].message) == ("failed", "not done within 0.5 s (--kind-spec-timeout)")
    assert found["a"].state == "passed"


@pytest.mark.parametrize(("skips", "state"), [(False, "failed"), (True, "skipped")])
def test_broken_off_from_outside(opened: Open, skips: bool, state: str) -> None:
    pool, specs = opened(spec("slow", "hang"), spec("a"), count=1)
    pool.want([specs["slow"], specs["a"]])
    wait_until_running(pool, "slow")
    (slot,) = pool._all.slots.values()
    assert not pool.break_off("another", "image nope cannot be pulled")
    assert slot.process.run is not None
    assert pool.break_off(slot.process.run, "image nope cannot be pulled", skips=skips)
    assert not pool.break_off(slot.process.run, "twice")
    one = pool.take({"slow"})
    assert one.state == state
    assert one.message.startswith("image nope cannot be pulled")
    assert not one.unexplained
    assert pool.take({"a"}).state == "passed"
    assert slot.process.run in pool.runs


def test_a_suite_that_does_not_start(opened: Open) -> None:
    pool, specs = opened(spec("a"), before="failed")
    pool.want(specs.values())
    with pytest.raises(
        SuiteBroken, match=r"the suite \(e2e.test\) ended with 1 before its first spec:\nSynchronizedBeforeSuite: SynchronizedBeforeSuite says no"
    ):
        pool.take({"a"})


def test_a_suite_that_dies_at_once(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(spec("a"))
    (tmp_path / "e2e.test").write_text("#!/bin/sh\necho cannot load the kubeconfig\nexit 1\n")
    pool.want(specs.values())
    with pytest.raises(SuiteBroken, match="ended with 1 before its first spec:\ncannot load the kubeconfig"):
        pool.take({"a"})


def test_a_process_that_dies_at_its_start_is_replaced(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(spec("boom", "crash"), spec("a"), count=1)
    pool.want([specs["boom"]])
    assert pool.take({"boom"}).state == "failed"
    (tmp_path / "e2e.test").rename(tmp_path / "real")
    (tmp_path / "e2e.test").write_text(f"#!/bin/sh\nmv {tmp_path}/real {tmp_path}/e2e.test\nexit 1\n")
    (tmp_path / "e2e.test").chmod(0o755)
    pool.want([specs["a"]])
    assert pool.take({"a"}).state == "passed"


def test_what_fails_in_the_suites_own_clean_up(opened: Open) -> None:
    pool, specs = opened(spec("a"), after="failed")
    assert outcomes(pool, specs)["a"].state == "passed"
    pool.close()
    assert pool.suite_failures == ["SynchronizedAfterSuite: SynchronizedAfterSuite says no"]


def test_closing_breaks_off_and_leaves_no_process(opened: Open) -> None:
    pool, specs = opened(spec("slow", "hang"), spec("later"), count=1)
    pool.want([specs["slow"], specs["later"]])
    wait_until_running(pool, "slow")
    (slot,) = pool._all.slots.values()
    pool.close()
    assert not slot.process.alive
    assert pool.take({"slow"}).message.startswith("the run ended before this spec did")
    assert "slow" in [report["LeafNodeText"] for report in pool.reports]


def test_an_interrupt_while_closing_kills(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, specs = opened(spec("slow", "stuck"), count=1)
    pool.want([specs["slow"]])
    wait_until_running(pool, "slow")
    (slot,) = pool._all.slots.values()
    real = threading.Thread.join
    joins: list[threading.Thread] = []

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread is pool._keeper and not joins:
            joins.append(thread)
            raise KeyboardInterrupt
        real(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        pool.close()
    assert not slot.process.alive


def test_what_is_said_while_one_waits(opened: Open, tmp_path: Path) -> None:
    pool, specs = opened(spec("a", f"until:{tmp_path / 'go'}"), spec("b"), count=1)
    pool.want([specs["a"], specs["b"]])
    said: list[str] = []

    def tick(doing: str) -> None:
        said.append(doing)
        if doing.startswith("1 running, 1 waiting; for 0 s: a"):
            (tmp_path / "go").touch()

    assert pool.take({"a"}, tick).state == "passed"
    assert said[-1].startswith("1 running, 1 waiting")
