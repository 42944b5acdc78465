"""Upstream specs as items of a run, beside Python tests."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.fake_suite import spec
from support.project import Project
from support.specs import DNS, SPECS, VOLUMES, Specs


@pytest.fixture
def specs(project: Project, tmp_path: Path) -> Specs:
    return Specs(project, tmp_path)


def test_each_is_an_item_with_its_own_outcome(specs: Specs) -> None:
    result = specs.run("--kind-focus=sig-", "-rs")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "kind: 4 upstream specs of v1.37.1",
            "*FAILURES*",
            "*sig-network* DNS should fail*",
            "fail: as planned",
            "at test/e2e/network/dns.go:99",
            "   test/e2e/network/dns.go:99 pkg.f()",
            "*Captured output of the suite call*",
            "running *DNS should fail",
            f"SKIPPED *1* {VOLUMES}:7: needs two nodes",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert specs.project.left == []


def test_nothing_is_collected_but_specs_where_no_python_test_is_named(specs: Specs) -> None:
    specs.project.tests("def test_a(kind_cluster): pass\n")
    assert "4 tests collected" in specs.run("--kind-focus=sig-", "--collect-only").stdout.str()
    assert "5 tests collected" in specs.run("--kind-focus=sig-", "--collect-only", ".").stdout.str()
    specs.project.pytester.makeini("[pytest]\ntestpaths = .\n")
    assert "5 tests collected" in specs.run("--kind-focus=sig-", "--collect-only").stdout.str()


def test_specs_and_python_tests_share_a_cluster(specs: Specs) -> None:
    specs.project.tests("def test_a(kind_cluster): pass\n@pytest.mark.kind(network='other')\ndef test_b(kind_cluster): pass\n")
    specs.run("--kind-focus=answer", "test_it.py").assert_outcomes(passed=3)
    assert len(specs.project.engine.made("create")) == 2


def test_node_ids_are_arguments(specs: Specs) -> None:
    result = specs.run("--collect-only", "-q", f"{DNS}::[sig-network] DNS should fail")
    assert result.outlines[0] == f"{DNS}::[sig-network] DNS should fail"
    assert "2/4 tests collected" not in result.stdout.str()
    assert "2 tests collected" in specs.run("--collect-only", VOLUMES).stdout.str()
    result = specs.run("--collect-only", f"{DNS}::nope", "no.go")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {DNS}::nope: no spec of that name is in {DNS}", "no.go: no specs are in it"])


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (["-m", "sig_storage and not serial"], ["volumes need two nodes"]),
        (["-m", "feature_sctp"], ["DNS should fail"]),
        (["-k", "DNS and answer"], ["DNS should answer [Conformance]"]),
        (["--deselect", DNS, "--deselect", f"{VOLUMES}::[sig-storage] volumes keep"], ["volumes need two nodes"]),
    ],
)
def test_pytests_own_selection(specs: Specs, selection: list[str], names: list[str]) -> None:
    result = specs.run("--kind-focus=.", "--collect-only", "-q", "--strict-markers", *selection)
    assert [line.partition("] ")[2] for line in result.outlines if "::" in line] == names


@pytest.mark.parametrize("args", [(), ("-n2",)])
def test_the_ids_of_the_summary_are_arguments(specs: Specs, args: tuple[str, ...]) -> None:
    result = specs.run("--kind-focus=sig-", "-rfEp", *args, apart=bool(args))
    ids = {line.partition(" ")[0]: line.partition(" ")[2].partition(" - ")[0] for line in result.outlines if line.startswith(("FAILED", "PASSED"))}
    assert ids["FAILED"] == f"{DNS}::[sig-network] DNS should fail"
    specs.run(ids["FAILED"], *args, apart=bool(args)).assert_outcomes(failed=1)
    specs.run(ids["PASSED"], *args, apart=bool(args)).assert_outcomes(passed=1)


def test_last_failed(specs: Specs) -> None:
    specs.run("--kind-focus=DNS").assert_outcomes(passed=1, failed=1)
    specs.run("--kind-focus=DNS", "--lf").assert_outcomes(failed=1)


def test_the_report_has_the_specs_own_times(specs: Specs, tmp_path: Path) -> None:
    specs.run("--kind-focus=DNS", f"--junitxml={tmp_path / 'junit.xml'}", "-o", "junit_duration_report=call")
    cases = {case.get("name"): case for case in ET.parse(tmp_path / "junit.xml").iter("testcase")}  # noqa: S314 - ours
    case = cases["[sig-network] DNS should fail"]
    assert (case.get("classname"), case.get("time")) == ("test.e2e.network.dns.go", "1.500")
    (failure,) = case.iter("failure")
    assert "fail: as planned" in str(failure.text)


def test_whichever_ends_first_has_its_turn_first(specs: Specs, tmp_path: Path) -> None:
    go = tmp_path / "go"
    specs.has(
        spec("[sig-x] alone", labels=("Serial",), serial=True, line=0),
        spec("[sig-x] first", line=1),
        spec("[sig-x] slow", f"until:{go}", line=2),
        spec("[sig-x] quick", line=3),
    )
    specs.project.conftest(f"def pytest_runtest_logfinish(nodeid):\n    if 'quick' in nodeid: open({str(go)!r}, 'w').close()\n")
    result = specs.run("--kind-focus=.", "--kind-procs=2", "-v")
    result.assert_outcomes(passed=4)
    assert [line.split("] ")[1].split()[0] for line in result.outlines if "PASSED" in line] == ["first", "quick", "slow", "alone"]


def test_the_first_failure_ends_the_run(specs: Specs) -> None:
    specs.has(spec("[sig-x] bad", "fail", line=1), *(spec(f"[sig-x] slow {number}", "hang", line=2 + number) for number in range(4)))
    result = specs.run("--kind-focus=.", "--kind-procs=3", "-x")
    result.assert_outcomes(failed=1)
    assert specs.project.left == []


def test_ctrl_c_breaks_specs_off(specs: Specs) -> None:
    specs.has(spec("[sig-x] slow", "hang"))
    specs.project.conftest(
        "import threading\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def pytest_fixture_setup(fixturedef):\n"
        "    if fixturedef.argname == 'kind_specs':\n"
        "        threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    )
    result = specs.run("--kind-focus=.", apart=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert specs.project.left == []


def test_a_spec_beyond_its_deadline(specs: Specs) -> None:
    specs.has(spec("[sig-x] slow", "hang", line=1), spec("[sig-x] good", line=2))
    result = specs.run("--kind-focus=.", "--kind-spec-timeout=1")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["not done within 1 s (--kind-spec-timeout)", "*kind: why*", "1. *"])


def test_a_suite_that_does_not_start_fails_each(specs: Specs) -> None:
    specs.has(*SPECS, before="failed")
    result = specs.run("--kind-focus=DNS")
    result.assert_outcomes(failed=2)
    broken = [
        "the suite (e2e.test) ended with 1 before its first spec:",
        "SynchronizedBeforeSuite: *says no",
        "*kind: why*",
        "1. the API * not answer*",
    ]
    result.stdout.fnmatch_lines([*broken, "* remedy: *", *broken, f"(more: {DNS}::?sig-network? DNS should *)"])
    assert result.stdout.str().count("remedy: ") == 1
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(("does", "number"), [("fail", 0), ("crash", 1), ("silent", 1)])
def test_what_the_cluster_tells_is_added_where_the_suite_says_nothing(specs: Specs, does: str, number: int) -> None:
    specs.has(spec("[sig-x] bad", does, line=1), spec("[sig-x] good", line=2))
    result = specs.run("--kind-focus=.", "--kind-procs=1")
    result.assert_outcomes(passed=1, failed=1)
    assert result.stdout.str().count(" kind: why ") == number
    assert "kind: why" not in specs.run("--kind-focus=.", "--kind-forensics=off").stdout.str()


def test_a_clean_up_that_fails_is_told(specs: Specs) -> None:
    specs.has(*SPECS, after="failed")
    result = specs.run("--kind-focus=answer")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the suite failed outside of its specs:", "SynchronizedAfterSuite: *says no"])


def test_a_suite_of_another_version(specs: Specs) -> None:
    specs.has(*SPECS, version="v1.36.4")
    result = specs.run("--kind-focus=answer")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*is of Kubernetes v1.36.4, the cluster of v1.37.1; accepted is one of v1.37, whose specs*"])


def test_a_cluster_that_does_not_come_up(specs: Specs) -> None:
    specs.project.engine.answer(["fake-boot"], code=1)
    specs.run("--kind-focus=DNS").assert_outcomes(errors=2)
    assert specs.project.left == []


def test_what_matches_nothing(specs: Specs) -> None:
    result = specs.run("--kind-focus=sig-storge")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --kind-focus 'sig-storge': no spec of the suite matches; near it: sig-storage*"])
    result = specs.run("--kind-focus=sig-storge", "-n2", apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_xdist(specs: Specs) -> None:
    result = specs.run("--kind-focus=sig-", "-n2", apart=True)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    assert specs.project.left == []


def test_reruns(specs: Specs) -> None:
    # It repeats an item's own protocol, inside of ours.
    result = specs.run("--kind-focus=sig-", "--kind-procs=2", "--reruns=2", "-v", apart=True)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    assert len([line for line in result.outlines if "RERUN" in line]) == 2


def test_looking_touches_no_engine(specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "/nowhere")
    assert "4 tests collected" in specs.run("--kind-focus=sig-", "--collect-only").stdout.str()
