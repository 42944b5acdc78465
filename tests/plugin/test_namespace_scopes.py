"""Namespaces at every scope, and what the marker says of them, against an API server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_kind.toolbox import namespaces
from support.api_server import Answer, ApiServer
from support.project import Project

MODULE = """
pytestmark = pytest.mark.kind(namespace={"labels": {"team": "a"}, "pod_security": "baseline"})

class TestOne:
    def test_a(self, kind_class_namespace, kind_module_namespace, kind_session_namespace, seen):
        seen.append((kind_class_namespace, kind_module_namespace, kind_session_namespace))

    def test_b(self, kind_class_namespace, kind_module_namespace, kind_session_namespace, seen):
        assert seen == [(kind_class_namespace, kind_module_namespace, kind_session_namespace)]

class TestTwo:
    def test_c(self, kind_class_namespace, kind_module_namespace, kind_session_namespace, seen):
        assert seen[0][0] != kind_class_namespace
        assert seen[0][1:] == (kind_module_namespace, kind_session_namespace)

def test_d(kind_class_namespace, seen):
    assert kind_class_namespace != seen[0][0]
"""
CONFTEST = """
@pytest.fixture(scope="session")
def seen():
    return []
"""


class Api:
    """An API server that takes everything, and counts quotas at the second look."""

    def __init__(self) -> None:
        self.quotas: dict[str, Any] = {}
        self.refuse: Callable[[str, str], Answer | None] = lambda _method, _path: None

    def take(self, method: str, path: str, body: Any) -> Answer:
        refused = self.refuse(method, path)
        if refused is not None:
            return refused
        namespace = path.split("/")[4] if path.count("/") > 4 else ""
        if method == "POST" and path.endswith("/resourcequotas"):
            self.quotas[namespace] = {**body, "status": {}}
        if method == "GET" and "/resourcequotas/" in path:
            found = dict(self.quotas[namespace])
            self.quotas[namespace] = {**found, "status": {"hard": found["spec"]["hard"]}}
            return 200, found
        return 200, {}


@pytest.fixture(autouse=True)
def api(project: Project, api_server: ApiServer) -> Api:
    project.engine.publish("127.0.0.1", api_server.port)
    made = Api()
    api_server.behind = made.take
    return made


def created(api_server: ApiServer) -> list[dict[str, Any]]:
    return [body["metadata"] for method, path, body in api_server.requests if method == "POST" and path == "/api/v1/namespaces"]


def prefixes(api_server: ApiServer) -> list[str]:
    return [one["name"].rpartition("-")[0] for one in created(api_server)]


def deleted(api_server: ApiServer) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in api_server.requests if method == "DELETE"]


def test_each_scope_has_one_that_goes_with_it(project: Project, api_server: ApiServer) -> None:
    project.conftest(CONFTEST)
    project.tests(MODULE)
    project.run("-p", "no:randomly").assert_outcomes(passed=4)
    assert prefixes(api_server) == ["session", "test-it", "testone", "testtwo", "test-d"]
    assert sorted(deleted(api_server)) == sorted(one["name"] for one in created(api_server))
    first, *_, last_but_one, last = (name.rpartition("-")[0] for name in deleted(api_server))
    assert (first, last_but_one, last) == ("testone", "test-it", "session")


def test_what_a_marker_says_is_for_the_scopes_below_it(project: Project, api_server: ApiServer) -> None:
    project.conftest(CONFTEST)
    project.tests(MODULE)
    project.run("-p", "no:randomly").assert_outcomes(passed=4)
    labels = {name: one["labels"] for name, one in zip(prefixes(api_server), created(api_server), strict=True)}
    assert labels["session"] == {"pytest-kind/test": "session"}
    for name, owner in (("test-it", "test_it"), ("testone", "TestOne"), ("test-d", "test_d")):
        assert labels[name] == {"team": "a", "pod-security.kubernetes.io/enforce": "baseline", "pytest-kind/test": owner}


def test_a_package_has_one_by_a_fixture_of_its_own(project: Project, api_server: ApiServer) -> None:
    fixture = "@pytest.fixture(scope='package')\ndef mine(kind_cluster):\n    with kind_cluster.namespace('of-{}') as name:\n        yield name\n"
    for folder in ("one", "two"):
        where = project.pytester.mkpydir(folder)
        (where / "conftest.py").write_text(f"import pytest\n\n{fixture.format(folder)}", encoding="utf-8")
        for name in ("test_a", "test_b"):
            (where / f"{name}_{folder}.py").write_text("def test_it(mine): pass\n", encoding="utf-8")
    project.run().assert_outcomes(passed=4)
    assert sorted(prefixes(api_server)) == ["of-one", "of-two"]


@pytest.mark.parametrize("test", ["def test_a(kind_namespace): pass", "def test_a(request): request.getfixturevalue('kind_namespace')"])
def test_quota_limits_and_labels_of_a_test(project: Project, api_server: ApiServer, test: str) -> None:
    project.tests(
        "@pytest.mark.kind(namespace={'quota': {'pods': 5, 'requests.memory': '1Gi'}, 'annotations': {'who': 'Me'}})\n"
        f"@pytest.mark.kind(namespace={{'limits': {{'default': {{'memory': '64Mi'}}}}}})\n{test}\n"
    )
    project.run().assert_outcomes(passed=1)
    ((name, annotations),) = [(one["name"], one["annotations"]) for one in created(api_server)]
    assert annotations == {"who": "Me"}
    root = f"/api/v1/namespaces/{name}"
    assert [(method, path) for method, path, _ in api_server.requests if path != "/readyz"] == [
        ("POST", "/api/v1/namespaces"),
        ("GET", f"{root}/serviceaccounts/default"),
        ("POST", f"{root}/limitranges"),
        ("POST", f"{root}/resourcequotas"),
        ("GET", f"{root}/resourcequotas/pytest-kind"),
        ("GET", f"{root}/resourcequotas/pytest-kind"),
        ("DELETE", root),
    ]
    specs = {path.rpartition("/")[2]: body["spec"] for method, path, body in api_server.requests if method == "POST" and "spec" in body}
    assert specs == {
        "limitranges": {"limits": [{"type": "Container", "default": {"memory": "64Mi"}}]},
        "resourcequotas": {"hard": {"pods": "5", "requests.memory": "1Gi"}},
    }


WRONG = """
@pytest.mark.kind(namespace={'quota': {'pods': 'many'}, 'pod_security': 'tight', 'colour': 'red'})
def test_a(kind_namespace): pass
"""


@pytest.mark.parametrize("arguments", [(), ("--collect-only",)])
def test_what_is_not_accepted_is_said_before_anything_is_made(project: Project, arguments: tuple[str, ...]) -> None:
    project.tests(WRONG)
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    where = "@pytest.mark.kind(namespace=…) of test_it.py::test_a"
    for problem in (
        "colour: no such argument; there are quota, limits, pod_security, labels, annotations",
        "quota['pods']: 'many' is not accepted; accepted is a quantity such as 5, 500m or 1Gi",
        "pod_security: 'tight' is not accepted; accepted is one of privileged, baseline, restricted",
    ):
        assert f"{where}: {problem}" in result.stderr.str()
    assert project.lives == []


def test_a_namespace_that_is_no_mapping(project: Project) -> None:
    project.tests("@pytest.mark.kind(namespace='mine')\ndef test_a(kind_namespace): pass\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "@pytest.mark.kind(namespace=…) of test_it.py::test_a: 'mine' is not accepted; accepted is a mapping" in result.stderr.str()


def test_what_the_api_takes_for_wrong_is_said_and_nothing_is_left(project: Project, api_server: ApiServer, api: Api) -> None:
    api.refuse = lambda _, path: (422, {"message": "podz: must be a standard resource"}) if path.endswith("/resourcequotas") else None
    project.tests("@pytest.mark.kind(namespace={'quota': {'podz': 5}})\ndef test_a(kind_namespace): pass\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    assert "@pytest.mark.kind(namespace=…) of test_it.py::test_a: quota: podz: must be a standard resource" in result.stdout.str()
    assert deleted(api_server) == [one["name"] for one in created(api_server)]


@pytest.mark.parametrize(
    ("path", "answer", "what"),
    [
        ("/serviceaccounts/default", (404, {}), "the default ServiceAccount of namespace test-a-"),
        ("/resourcequotas/pytest-kind", (200, {"spec": {"hard": {"pods": "5"}}, "status": {}}), "the quota of namespace test-a-"),
    ],
)
def test_what_does_not_come_in_time_is_said_and_nothing_is_left(
    project: Project, api_server: ApiServer, api: Api, monkeypatch: pytest.MonkeyPatch, path: str, answer: Answer, what: str
) -> None:
    monkeypatch.setattr(namespaces, "_SECONDS", 0)
    api.refuse = lambda method, asked: answer if method == "GET" and asked.endswith(path) else None
    project.tests("@pytest.mark.kind(namespace={'quota': {'pods': 5}})\ndef test_a(kind_namespace): pass\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    assert what in result.stdout.str()
    assert "the controller manager has not" in result.stdout.str()
    assert deleted(api_server) == [one["name"] for one in created(api_server)]


KEPT = """
class TestOne:
    def test_a(self, kind_class_namespace, kind_module_namespace): pass

    def test_b(self, kind_class_namespace): pytest.fail("on purpose")

class TestTwo:
    def test_c(self, kind_class_namespace, kind_module_namespace): pass

def test_d(kind_session_namespace): pass
"""


def test_those_of_failed_tests_are_kept_and_no_others(project: Project, api_server: ApiServer) -> None:
    project.tests(KEPT)
    result = project.run("-p", "no:randomly", "--kind-keep-namespace=failed", "--kind-name=mine")
    result.assert_outcomes(passed=3, failed=1)
    names = {one["name"].rpartition("-")[0]: one["name"] for one in created(api_server)}
    assert sorted(deleted(api_server)) == sorted(name for prefix, name in names.items() if prefix != "testone")
    assert f"namespace {names['testone']} of cluster mine is kept" in result.stdout.str()


def test_further_ones_are_blocks(project: Project, api_server: ApiServer) -> None:
    project.tests(
        """
        def test_a(kind_cluster):
            with kind_cluster.namespace("tenant", quota={"pods": 1}) as one, kind_cluster.namespace() as other:
                assert one.startswith("tenant-") and other.startswith("test-")
            with pytest.raises(Exception, match=r"^namespace\\(…\\): pod_security: 'x' is not accepted"):
                kind_cluster.namespace(pod_security="x")
        """.replace("\n        ", "\n")
    )
    project.run().assert_outcomes(passed=1)
    assert sorted(deleted(api_server)) == sorted(one["name"] for one in created(api_server))
    assert prefixes(api_server) == ["tenant", "test"]


def test_the_session_of_each_worker_has_its_own(project: Project, api_server: ApiServer) -> None:
    project.tests(
        "@pytest.mark.parametrize('n', range(8))\ndef test_a(kind_session_namespace, n):\n    assert kind_session_namespace.startswith('session-')\n"
    )
    project.run_apart("-n", "2").assert_outcomes(passed=8)
    assert len(set(prefixes(api_server))) == 1
    assert 1 <= len(created(api_server)) <= 2
    assert sorted(deleted(api_server)) == sorted(one["name"] for one in created(api_server))
