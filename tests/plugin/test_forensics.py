"""Forensics in a run: which tests get sections, where else they go, and what a test that passes pays."""

from __future__ import annotations

import json
import re
import stat
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_kind import forensics, options
from support.api_server import ApiServer
from support.kube import Kube, handed_over, resource
from support.project import Project
from support.scenes import pod

WAITS = {"state": {"waiting": {"reason": "ErrImagePull", "message": "token=hunter2hunter2 is wrong"}}}
FAILS = "def test_a(kind_cluster, kind_namespace):\n    assert 1 == 2\n"
UNITTEST = """
import unittest

class TestA(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def cluster(self, kind_cluster): pass
    def test_a(self): assert 0
"""
CAUSE = "image web:1 cannot be had"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run may be GitHub itself."""
    for name in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kube(project: Project, api_server: ApiServer) -> Kube:
    """A cluster whose API answers; each namespace gets a pod without its image."""
    made = handed_over()
    made.objects = {key: one for key, one in made.objects.items() if key.resource not in {"pods", "nodes"}}

    def fill(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/namespaces"):
            for name in [key.name for key in made.objects if key.resource == "namespaces" and "-" in key.name and key.name.startswith("test")]:
                made.add("serviceaccounts", {"metadata": {"name": "default"}}, name)
                made.add("pods", pod("web", name, phase="Pending", **WAITS), name)  # type: ignore[arg-type]

    made.after = fill
    for path in ("v1/resourcequotas", "discovery.k8s.io/v1/endpointslices", "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"):
        made.resources[path] = resource(path, path.rpartition("/")[2])
    project.engine.answer(["bash"], f"== journal\n== clock\n{time.time()}\n")
    api_server.behind = made.take
    project.engine.publish("127.0.0.1", api_server.port)
    return made


def why(output: str) -> list[str]:
    """The first lines of the sections that say why."""
    return re.findall(r"(?m)^-+ kind: why -+\n(.*)$", output)


def test_a_test_that_fails_says_why_before_what_it_printed(project: Project, kube: Kube) -> None:
    project.tests("def test_a(kind_cluster, kind_namespace):\n    print('printed')\n    assert 1 == 2\n")
    result = project.run("--kind-name=c")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*kind: why*",
            f"1. {CAUSE}",
            "*seen: *token=[[]removed] is wrong",
            "*remedy: *",
            "*Captured stdout*",
            "printed",
            "*kind: pods*",
            "test-a-*/web*",
        ]
    )
    assert "hunter2" not in result.stdout.str()


def test_a_test_that_passes_loads_nothing(project: Project, kube: Kube) -> None:
    looks = "def test_b(kind_cluster): assert 'pytest_kind.forensics' not in sys.modules\n"
    project.tests(f"import sys\n@pytest.mark.xfail\ndef test_a(kind_cluster): assert 0\n{looks}")
    result = project.run_apart()
    result.assert_outcomes(passed=1, xfailed=1)


@pytest.mark.parametrize(
    ("test", "number"),
    [
        ("def test_a(): assert 0", 0),
        ("def test_a(kind_cluster): pytest.skip()", 0),
        ("def test_a(kind_client): assert 0", 1),
        ("def test_a(request):\n    request.getfixturevalue('kind_cluster')\n    assert 0", 1),
        ("@pytest.fixture\ndef bad(kind_cluster): assert 0\ndef test_a(bad): pass", 1),
        ("@pytest.fixture\ndef bad(kind_cluster):\n    yield\n    assert 0\ndef test_a(bad): pass", 1),
        (
            UNITTEST,
            1,
        ),
        ("def test_a(kind_cluster_factory):\n    kind_cluster_factory()\n    assert 0", 1),
        ("def test_a(kind_cluster_factory):\n    kind_cluster_factory().delete()\n    assert 0", 0),
    ],
    ids=["no cluster", "skipped", "another fixture", "by name", "setup", "teardown", "unittest", "factory", "deleted"],
)
def test_who_gets_sections(project: Project, kube: Kube, test: str, number: int) -> None:
    project.tests(f"{test}\ndef test_last(kind_cluster): pass\n")
    assert len(why(project.run().stdout.str())) == number


def test_each_cluster_tells_what_it_knows(project: Project, kube: Kube) -> None:
    project.tests("def test_a(kind_cluster, kind_cluster_factory):\n    kind_cluster_factory()\n    assert 0\n")
    titles = re.findall(r"kind: why \((pytest-kind-\w+)\)", project.run().stdout.str())
    assert len(set(titles)) == 2


def test_the_teardown_in_which_the_cluster_goes_says_so(project: Project, kube: Kube) -> None:
    project.tests("@pytest.fixture\ndef bad(kind_cluster):\n    yield\n    assert 0\ndef test_a(bad): pass\n")
    assert why(project.run().stdout.str())[0].startswith("not known: this was the last test of its cluster")


def test_off_means_off(project: Project, kube: Kube) -> None:
    project.tests(FAILS)
    assert why(project.run("--kind-forensics=off").stdout.str()) == []


def test_the_lines_of_a_section_are_bounded(project: Project, kube: Kube) -> None:
    for number in range(50):
        kube.add("pods", pod(f"p{number}", "default", phase="Pending"), "default")
    project.tests(FAILS)
    lines = project.run("--kind-forensics-lines=10").stdout.str().partition("kind: pods")[2].partition("=== short test")[0].splitlines()
    assert (len(lines), lines[10]) == (12, "… 144 more lines")


def test_a_cluster_whose_api_is_gone_tells_what_the_engine_knows(project: Project) -> None:
    project.tests("def test_a(kind_cluster):\n    kind_cluster.nodes[0].kill()\n    assert 0\n")
    result = project.run("--kind-name=c")
    result.stdout.fnmatch_lines(
        ["1. machine c-control-plane (control-plane) does not run: its container is exited", "not to be had: objects: the API does not answer: *"]
    )
    assert project.left == []


def test_artifacts_junit_and_their_links(project: Project, kube: Kube) -> None:
    project.tests(FAILS)
    project.run("--kind-artifacts=out", "--kind-name=c")
    folder = project.pytester.path / "out" / "tests" / "test_it.py-test_a"
    assert sorted(file.name for file in folder.iterdir()) == ["objects.yaml", "pods.txt", "why.txt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "why.txt").read_text(encoding="utf-8").startswith(f"1. {CAUSE}\n")
    assert [file for file in folder.rglob("*") if file.is_file() and "hunter2" in file.read_text(encoding="utf-8")] == []
    case = next(ET.parse(project.pytester.path / "out" / "junit.xml").getroot().iter("testcase"))  # noqa: S314 - ours
    properties = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
    assert properties.pop("kind_namespace").startswith("test-a-")
    assert properties == {"kind_cluster": "c", "kind_artifacts": str(folder), "kind_why": CAUSE}


def test_a_test_that_fails_twice_has_two_folders(project: Project, kube: Kube) -> None:
    project.tests("@pytest.fixture\ndef bad(kind_cluster):\n    yield\n    assert 0\ndef test_a(bad): assert 0\ndef test_b(kind_cluster): pass\n")
    project.run("--kind-artifacts=out")
    assert sorted(one.name for one in (project.pytester.path / "out" / "tests").iterdir()) == ["test_it.py-test_a", "test_it.py-test_a-2"]


def test_artifacts_that_cannot_be_written_are_said(project: Project, kube: Kube) -> None:
    project.tests("def test_a(kind_cluster):\n    open('out/tests', 'w').close()\n    assert 0\n")
    result = project.run("--kind-artifacts=out")
    result.stdout.fnmatch_lines(["*kind: artifacts*", "*/out/tests/test_it.py-test_a: it cannot be written: Not a directory"])


def test_folders_of_many_runs_are_no_limit(project: Project, kube: Kube) -> None:
    tests = project.pytester.path / "out" / "tests"
    for number in ("", *(f"-{number}" for number in range(2, 1000))):
        (tests / f"test_it.py-test_a{number}").mkdir(parents=True)
    project.tests(FAILS)
    project.run("--kind-artifacts=out")
    assert (tests / "test_it.py-test_a-1000" / "why.txt").exists()


@pytest.mark.parametrize(
    ("breaks", "reason"), [("raise RuntimeError('broken')", "RuntimeError: broken"), ("pytest.fail('out of time')", "Failed: out of time")]
)
def test_what_goes_wrong_here_is_in_the_tests_report(project: Project, breaks: str, reason: str) -> None:
    project.conftest(f"from pytest_kind import forensics\ndef collect(asked): {breaks}\nforensics.collect = collect\n")
    project.tests(f"{FAILS.replace(', kind_namespace', '')}def test_b(kind_cluster): pass\n")
    result = project.run_apart()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * assert 1 == 2", "*kind: why*", f"not to be had: {reason}"])


def test_an_interrupt_while_the_cluster_is_asked_loses_no_failure(project: Project) -> None:
    project.conftest("from pytest_kind import forensics\ndef collect(asked): raise KeyboardInterrupt\nforensics.collect = collect\n")
    project.tests(f"{FAILS.replace(', kind_namespace', '')}def test_b(kind_cluster): pass\n")
    result = project.run_apart()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * assert 1 == 2", "*Interrupted: interrupted while the cluster was asked*"])
    assert project.left == []


def test_pytest_html_has_the_causes_and_a_link(project: Project, kube: Kube) -> None:
    project.tests(FAILS)
    project.run("--kind-artifacts=out", "--html=report.html", "--self-contained-html")
    page = (project.pytester.path / "report.html").read_text(encoding="utf-8")
    assert "kind: why" in page
    assert (project.pytester.path / "out" / "tests" / "test_it.py-test_a").as_uri() in page


def test_github_gets_an_annotation(project: Project, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.pytester.path.parent))
    project.tests(f"{FAILS}def test_b(): assert 0\n")
    result = project.run()
    lines = [line for line in result.stdout.lines if line.startswith("::error")]
    assert lines == [f"::error file={project.pytester.path.name}/test_it.py,line=3,title=test_it.py%3A%3Atest_a::{CAUSE}"]


def test_workers_send_their_sections(project: Project, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    project.tests(FAILS)
    result = project.run_apart("-n1", "--kind-artifacts=out")
    assert why(result.stdout.str()) == [f"1. {CAUSE}"]
    result.stdout.fnmatch_lines([f"::error file=test_it.py,line=3,title=test_it.py%3A%3Atest_a::{CAUSE}"])
    assert (project.pytester.path / "out" / "tests" / "test_it.py-test_a" / "why.txt").exists()


def test_a_cluster_that_does_not_boot_names_its_cause(project: Project) -> None:
    project.engine.answer(["fake-boot"], "no", code=1)
    project.engine.answer(["systemctl", "--failed"], "kubelet: too many open files")
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run("--kind-name=c")
    result.stdout.fnmatch_lines(
        ["*did not boot*", "*--- probably", "*1. the machine's inotify instances or watches are used up*", "*--- c-control-plane: units that failed"]
    )


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("test_a.py::test_b", "test_a.py-test_b"),
        ("sub/test_a.py::TestA::test_b", "sub-test_a.py-TestA-test_b"),
        ("test_a.py::test_b[../../x y]", "test_a.py-test_b-..-..-x-y-"),
        ("../a", "a-"),
        ("t" * 200, "t" * 141 + "-"),
    ],
)
def test_names_of_folders_are_safe_and_tell_tests_apart(nodeid: str, name: str) -> None:
    found = forensics.safe_name(nodeid)
    assert found.startswith(name)
    assert len(found) <= 150
    assert Path("/base", found).resolve().parent == Path("/base")
    assert forensics.safe_name(nodeid + "!") != found


def test_what_an_exception_says_is_all_that_led_to_it() -> None:
    class Answer(Exception):
        status, reason, body = 403, "Forbidden", json.dumps({"message": "no rights"})

    second = RuntimeError("second")
    second.stderr = b"from a program"  # type: ignore[attr-defined]
    second.__cause__ = Answer("headers and the whole body")
    assert list(forensics._words(second)) == ["RuntimeError: second", "from a program", "Answer: (403)\nReason: Forbidden\nno rights"]


def test_an_exception_that_cannot_be_told_has_its_name() -> None:
    class Bad(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert list(forensics._words(Bad())) == ["Bad: "]


@pytest.mark.parametrize(("flag", "value"), [("--kind-forensics", "on"), ("--kind-forensics-lines", "5"), ("--kind-forensics-timeout", "0")])
def test_values_that_are_not_accepted(project: Project, flag: str, value: str) -> None:
    project.tests("def test_a(kind_cluster): pass\n")
    result = project.run_apart(f"{flag}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {flag}: '{value}' is not accepted; accepted is *"])


def test_defaults() -> None:
    known = {option.name: option.default for option in options.OPTIONS}
    assert (known["forensics"], known["forensics_lines"], known["forensics_timeout"]) == ("auto", 60, 5.0)


def test_what_it_asked_of_the_api_where_that_is_noted(project: Project, kube: Kube) -> None:
    now = time.time()
    at = datetime.fromtimestamp(now - 0.5, UTC).isoformat()  # after the test's setup began, and before one looks: it lasts a second
    refused = {"code": 403, "message": "not for you"}
    who = {"user": {"username": "alice"}, "userAgent": "kubectl/v1.37.1", "sourceIPs": ["172.17.0.1"]}
    about = {"verb": "list", "objectRef": {"resource": "pods", "namespace": "mine"}, "responseStatus": refused}
    event = json.dumps({**who, **about, "requestReceivedTimestamp": at, "stageTimestamp": at})
    project.engine.answer(["bash"], f"== journal\n== audit\n{event}\n== clock\n{now}\n")
    project.tests(
        "import time\ndef test_a(kind_cluster, kind_namespace):\n    assert 'audit-log-path' in kind_cluster.config.kubeadm_config_patches[0]\n"
        "    time.sleep(1)\n    pytest.fail('it was noted')\n"
    )
    result = project.run("--kind-audit")
    result.stdout.fnmatch_lines(
        ["*it was noted", "*kind: what was asked of the API*", "! * list pods mine, by kubectl as alice: 403 in 0 ms: not for you"]
    )


def test_nothing_is_noted_unless_it_is_asked_for(project: Project) -> None:
    project.tests("def test_a(kind_cluster):\n    assert kind_cluster.config.kubeadm_config_patches == ()\n")
    project.run().assert_outcomes(passed=1)
