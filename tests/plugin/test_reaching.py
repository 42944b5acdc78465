"""The fixtures of reach: whose namespace is meant, and how errors are told."""

from __future__ import annotations

import pytest

from support.api_server import ApiServer
from support.project import Project


@pytest.fixture(autouse=True)
def _api(project: Project, api_server: ApiServer) -> None:
    project.engine.publish("127.0.0.1", api_server.port)
    api_server.answer("POST", "/api/v1/namespaces", (201, {}))
    api_server.answer("DELETE", "*", (200, {}))
    # The account of a namespace is there; of Services and pods nothing is known.
    api_server.behind = lambda _method, path, _body: (200, {}) if path.endswith("/serviceaccounts/default") else (404, {})


def test_an_error_is_its_message(project: Project) -> None:
    project.tests("def test_a(kind_expose):\n    kind_expose('nonsense', 'Bad_')")
    result = project.run("-rN")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expose: server: 'nonsense' is not accepted*", "expose: name: 'Bad_' is not accepted*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*reaching.py*")


def test_names_without_a_namespace_are_in_the_tests_own_or_in_default(project: Project) -> None:
    project.tests("""
from pytest_kind.errors import WaitTimeout

def test_own(kind_http, kind_namespace):
    with pytest.raises(WaitTimeout, match=f"in namespace {kind_namespace}: "):
        kind_http.get("http://web/", timeout=0.05)

def test_default(kind_http):
    with pytest.raises(WaitTimeout, match="in namespace default: "):
        kind_http.get("http://web/", timeout=0.05)

def test_forward(kind_port_forward, kind_namespace):
    kind_port_forward("web", 80, namespace="other", retries=0.05)
""")
    result = project.run("-rN")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["port_forward: pod web in namespace other: *"])
