"""``kind_namespace``: a fresh one for each test, against an API server on loopback."""

from __future__ import annotations

import pytest

from support.api_server import ApiServer
from support.project import Project

TESTS = """
def test_a(kind_namespace):
    assert kind_namespace.startswith('test-a-')

def test_b(kind_namespace):
    assert kind_namespace.startswith('test-b-')
    pytest.fail('on purpose')
"""


@pytest.fixture(autouse=True)
def _api(project: Project, api_server: ApiServer) -> None:
    project.engine.publish("127.0.0.1", api_server.port)
    api_server.answer("POST", "/api/v1/namespaces", (201, {}))
    api_server.answer("GET", "*", (404, {}), (200, {}))
    api_server.answer("DELETE", "*", (200, {}))
    project.tests(TESTS)


def created(api_server: ApiServer) -> list[str]:
    return [body["metadata"]["name"] for method, _, body in api_server.requests if method == "POST"]


def deleted(api_server: ApiServer) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in api_server.requests if method == "DELETE"]


def test_each_test_has_its_own_which_goes_with_it(project: Project, api_server: ApiServer) -> None:
    project.run().assert_outcomes(passed=1, failed=1)
    assert len(set(created(api_server))) == 2
    assert deleted(api_server) == created(api_server)


def test_it_carries_the_tests_name_and_waits_for_its_service_account(project: Project, api_server: ApiServer) -> None:
    project.run("-k", "test_a").assert_outcomes(passed=1, deselected=1)
    (name,) = created(api_server)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    assert [(method, path) for method, path, _ in api_server.requests] == [
        ("POST", "/api/v1/namespaces"),
        ("GET", account),
        ("GET", account),
        ("DELETE", f"/api/v1/namespaces/{name}"),
    ]
    assert api_server.requests[0][2]["metadata"]["labels"] == {"pytest-kind/test": "test_a"}


def test_that_of_a_failed_test_may_be_kept_and_the_report_says_so(project: Project, api_server: ApiServer) -> None:
    result = project.run("--kind-keep-namespace=failed", "--kind-name=mine")
    result.assert_outcomes(passed=1, failed=1)
    of_a, of_b = created(api_server)
    assert deleted(api_server) == [of_a]
    assert f"namespace {of_b} of cluster mine is kept" in result.stdout.str()


def test_tests_whose_names_read_the_same_have_one_each(project: Project, api_server: ApiServer) -> None:
    project.tests(
        "@pytest.mark.parametrize('x', ['A B', 'a/b'])\ndef test_c(kind_namespace, x):\n    assert kind_namespace.startswith('test-c-a-b-')\n"
    )
    project.run().assert_outcomes(passed=2)
    assert len(set(created(api_server))) == 2


def test_one_that_is_gone_already_is_no_error(project: Project, api_server: ApiServer) -> None:
    api_server.answer("DELETE", "*", (404, {}))
    project.run("-k", "test_a").assert_outcomes(passed=1, deselected=1)
