"""How errors of ours are told: at the line of the test that called us, without our own."""

from __future__ import annotations

import re

import pytest

from support.api_server import ApiServer
from support.kube import Kube
from support.project import Project


def places(result: pytest.RunResult) -> list[str]:
    """The files and lines that its tracebacks have."""
    return [found[0] for line in result.outlines if (found := re.match(r"\S+\.py:\d+(?=:)", line))]


FAILS = {
    "kubectl": ("kubectl('get', 'nothing')", "pytest_kind.peer.KubectlError: *`kubectl get nothing` ended with 1:*"),
    "node": ("nodes[0].exec('kubectl', 'get', 'nothing')", "pytest_kind.errors.CommandError: *`kubectl get nothing` ended with 1:*"),
    "http": ("http().get('http://web/', timeout=0.1)", "pytest_kind.errors.WaitTimeout: http: *"),
    "exec": ("exec('web', 'true')", "pytest_kind.api.http.ApiError: *"),
    "apply": ("apply('kind: [')", "pytest_kind.toolbox.objects.manifests.ManifestError: *"),
    "wait_for": ("wait_for('pod/web', 'Ready', timeout=0.1)", "pytest_kind.errors.WaitTimeout: wait_for pod web *"),
    "port_forward": ("port_forward('web', 80, retries=0.1).__enter__()", "pytest_kind.errors.WaitTimeout: port_forward: *"),
    "load_image": ("load_image('none:1')", "pytest_kind.errors.UnknownImage: *"),
}


@pytest.fixture(autouse=True)
def _nothing_there(project: Project, api_server: ApiServer) -> None:
    project.engine.answer(["kubectl", "get", "nothing"], "no such thing", code=1)
    project.engine.publish("127.0.0.1", api_server.port)
    api_server.behind = lambda _method, _path, _body: (404, {"message": "not found"})


@pytest.mark.parametrize("style", ["short", "long"])
def test_the_tests_own_line_is_the_last_one(project: Project, style: str) -> None:
    tests = (
        f"def helper_{name}(cluster):\n    cluster.{call}\n\ndef test_{name}(kind_cluster):\n    helper_{name}(kind_cluster)\n\n"
        for name, (call, _) in FAILS.items()
    )
    project.tests("".join(tests))
    result = project.run(f"--tb={style}", "--kind-forensics=off", "-p", "no:randomly")
    result.assert_outcomes(failed=len(FAILS))
    assert places(result) == [f"test_it.py:{6 * number + line}" for number in range(len(FAILS)) for line in (7, 4)]
    result.stdout.fnmatch_lines([f"E * {said}" for _, said in FAILS.values()])
    assert "The above exception" not in result.stdout.str()


def test_a_full_trace_has_all(project: Project) -> None:
    project.tests("def test_a(kind_cluster):\n    kind_cluster.kubectl('get', 'nothing')\n")
    project.run("--full-trace").stdout.fnmatch_lines(["*peer.py:*: KubectlError"])


def test_what_it_led_to_shows_both_lines_of_the_test(project: Project) -> None:
    project.tests(
        "def test_a(kind_cluster):\n    try:\n        kind_cluster.kubectl('get', 'nothing')\n"
        "    except Exception as error:\n        raise RuntimeError('so what') from error\n"
    )
    result = project.run("--tb=short", "--kind-forensics=off")
    assert places(result) == ["test_it.py:5", "test_it.py:7"]
    result.stdout.fnmatch_lines(["*KubectlError: *", "*The above exception was the direct cause*", "*RuntimeError: so what"])


@pytest.mark.parametrize("error", ["ValueError('a bug')", "pytest_kind.KindError('mine')"])
def test_other_errors_and_those_that_a_test_raises_are_left_as_they_are(project: Project, error: str) -> None:
    project.tests(
        f"import pytest_kind\n\ndef fails(one):\n    raise {error}\n\ndef test_a(kind_cluster, monkeypatch):\n"
        "    monkeypatch.setattr('pytest_kind.toolbox.objects.wait.wait', lambda *_: fails(1))\n"
        "    kind_cluster.wait_for('pod/web', 'Ready')\n"
    )
    result = project.run("--tb=short", "--kind-forensics=off")
    result.stdout.fnmatch_lines(["test_it.py:10: in test_a", "*pytest_kind/toolbox/objects/handle.py:*", "test_it.py:6: in fails"])


def test_the_error_is_whole_again_for_others(project: Project) -> None:
    project.conftest(
        "@pytest.hookimpl(tryfirst=True, wrapper=True)\ndef pytest_runtest_makereport(call):\n    report = yield\n"
        "    if call.excinfo:\n        error = call.excinfo.value\n"
        "        report.sections.append(('whole', f'{error.__cause__ is not None} of {type(error.__cause__).__name__}'))\n    return report\n"
    )
    project.tests("def test_a(kind_cluster):\n    kind_cluster.exec('web', 'true')\n")
    project.engine.publish("127.0.0.1", 9)  # where nobody listens
    result = project.run("--kind-forensics=off")
    result.stdout.fnmatch_lines(["*ApiError: connection refused (GET https://127.0.0.1:9/api*)", "True of NewConnectionError"])
    assert "The above exception" not in result.stdout.str()


FORBIDDEN = 'pods "web" is forbidden: User "alice" cannot get resource "pods" in API group "" in the namespace "default"'
SUMMARIES = {
    "refused": (None, "403 Forbidden: ", f"403 Forbidden: {FORBIDDEN} (GET /api/v1/namespaces/default/pods/web)"),
    "away": (9, "connection refused", "connection refused (GET https://127.0.0.1:9/api)"),  # where nobody listens
}


@pytest.mark.parametrize(("port", "seen", "whole"), SUMMARIES.values(), ids=SUMMARIES)
def test_a_narrow_summary_shows_the_reason(
    project: Project, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, port: int | None, seen: str, whole: str
) -> None:
    status = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": FORBIDDEN, "code": 403}
    api_server.behind = Kube(refuse=lambda _, path: (403, status) if path.endswith("/pods/web") else None).take
    if port is not None:
        project.engine.publish("127.0.0.1", port)
    for name in ("CI", "BUILD_NUMBER"):  # where pytest cuts nothing
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    project.tests("def test_a(kind_cluster):\n    kind_cluster.get('pod/web')\n")
    result = project.run("--kind-forensics=off")
    (line,) = [line for line in result.outlines if line.startswith("FAILED ")]
    assert line.startswith(f"FAILED test_it.py::test_a - pytest_kind.api.http.ApiError: {seen}")
    assert len(line) <= 80
    result.stdout.fnmatch_lines([f"E *ApiError: {whole}"])
