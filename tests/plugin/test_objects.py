"""The fixtures for objects: what they make goes with their scope, against an API server on loopback."""

from __future__ import annotations

import pytest

from support.api_server import ApiServer
from support.kube import Kube, resource
from support.project import Project

MAP = "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': '%s'}}"


@pytest.fixture(autouse=True)
def kube(project: Project, api_server: ApiServer) -> Kube:
    kube = Kube()
    kube.add("namespaces", {"metadata": {"name": "default"}})

    def after(method: str, path: str) -> None:
        if (method, path.partition("?")[0]) == ("POST", "/api/v1/namespaces"):
            for key in [key for key in kube.objects if key.resource == "namespaces"]:
                kube.add("serviceaccounts", {"metadata": {"name": "default"}}, key.name)

    kube.after = after
    api_server.behind = kube.take
    project.engine.publish("127.0.0.1", api_server.port)
    return kube


def changes(api_server: ApiServer) -> list[str]:
    """What was written, without what is random."""
    words = []
    for method, path, _ in api_server.requests:
        parts = path.partition("?")[0].split("/")
        if method != "GET":
            words.append(f"{method} {parts[-1].rpartition('-')[0] or parts[-1]}")
    return words


def test_what_a_test_applies_is_in_its_namespace_and_goes_before_it(project: Project, api_server: ApiServer) -> None:
    project.tests(
        f"def test_a(kind_apply, kind_namespace):\n    made = kind_apply({MAP % 'one'})\n"
        "    assert (made.name, made.namespace) == ('one', kind_namespace)\n"
    )
    project.run().assert_outcomes(passed=1)
    assert changes(api_server) == ["POST namespaces", "PATCH one", "DELETE one", "DELETE test-a"]


def test_wider_scopes_live_longer(project: Project, api_server: ApiServer) -> None:
    project.tests(
        f"@pytest.fixture(scope='module')\ndef two(kind_module_apply): return kind_module_apply({MAP % 'two'})\n"
        f"@pytest.fixture(scope='session')\ndef three(kind_session_apply): return kind_session_apply([{MAP % 'three'}])\n"
        f"def test_a(two, three, kind_apply): kind_apply({MAP % 'one'}); assert three[0].namespace == two.namespace == 'default'\n"
        "def test_b(two, three): pass\n"
    )
    project.run().assert_outcomes(passed=2)
    written = [one for one in changes(api_server) if one.split()[1] in {"one", "two", "three"}]
    assert written == ["PATCH three", "PATCH two", "PATCH one", "DELETE one", "DELETE two", "DELETE three"]


def test_a_relative_path_is_below_the_root_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.pytester.path / "deploy").mkdir()
    (project.pytester.path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project.pytester.path / "deploy" / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", encoding="utf-8")
    project.tests(
        "import pathlib\ndef test_a(kind_apply, monkeypatch):\n    monkeypatch.chdir('/')\n"
        "    assert kind_apply(pathlib.Path('deploy'))[0].name == 'a'\n"
    )
    project.run().assert_outcomes(passed=1)


def test_what_is_refused_is_told_without_lines_of_ours(project: Project, kube: Kube) -> None:
    kube.refuse = lambda method, _: (422, {"reason": "Invalid", "message": "no good"}) if method == "PATCH" else None
    project.tests(f"def test_a(kind_apply): kind_apply({MAP % 'one'})\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*apply: 1 problem, what was made is undone", "*  - the mapping (ConfigMap one): 422 Invalid: no good (PATCH *)"])
    result.stdout.no_fnmatch_line("*toolbox/objects*")


def test_what_is_refused_can_be_what_a_test_is_about(project: Project, kube: Kube) -> None:
    kube.refuse = lambda method, _: (403, {"message": "admission webhook denied the request"}) if method == "PATCH" else None
    project.tests(
        "from pytest_kind import ApplyError\n"
        f"def test_a(kind_apply):\n    with pytest.raises(ApplyError, match='denied'):\n        kind_apply({MAP % 'one'})\n"
    )
    project.run().assert_outcomes(passed=1)


def test_a_wait_that_fails_is_told_without_lines_of_ours(project: Project) -> None:
    project.tests("def test_a(kind_cluster): kind_cluster.wait_for('cm/none', 'exists', timeout=0)\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*WaitTimeout: wait_for cm none in namespace default: exists: *; last seen: *"])
    result.stdout.no_fnmatch_line("*toolbox/objects*")


def test_what_cannot_be_undone_is_an_error_and_the_namespace_goes(project: Project, kube: Kube, api_server: ApiServer) -> None:
    kube.refuse = lambda method, path: (500, {"message": "etcd is away"}) if method == "DELETE" and "configmaps" in path else None
    project.tests(f"def test_a(kind_apply): kind_apply({MAP % 'one'})\n")
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*not undone:", "*  - ConfigMap test-a-*/one: 500 Internal Server Error: etcd is away (DELETE *)"])
    assert changes(api_server)[-1] == "DELETE test-a"


def test_since_the_test_began(project: Project) -> None:
    project.tests(
        "from pytest_kind.toolbox.objects import moments\nseen = []\n"
        "def test_a(kind_cluster): seen.append(moments.began())\n"
        "def test_b(kind_cluster): assert moments.began() > seen[0]\n"
    )
    project.run("-p", "no:randomly").assert_outcomes(passed=2)


def test_identities_have_rights_in_the_tests_namespace(project: Project, kube: Kube, api_server: ApiServer) -> None:
    api_server.answer("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", (201, {"status": {"allowed": True}}))
    kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "view"}, "rules": []})
    kube.refuse = lambda _, path: (201, {"status": {"token": "a.b.c"}}) if path.endswith("/token") else None
    bindings = resource("rbac.authorization.k8s.io/v1/rolebindings", "RoleBinding")
    kube.resources[bindings.name] = bindings
    project.tests(
        "def test_a(kind_service_account, kind_namespace):\n    client = kind_service_account('robot', cluster_role='view')\n"
        "    assert client.user == f'system:serviceaccount:{kind_namespace}:robot'\n"
    )
    project.run().assert_outcomes(passed=1)
    assert kube.names(bindings.name) == []


def test_a_cluster_that_is_let_go_of_closes_what_the_tools_opened(project: Project) -> None:
    project.tests(
        "clients = []\n"
        "def test_a(kind_cluster):\n    kind_cluster.find('configmaps')\n    clients.append(kind_cluster)\n    assert kind_cluster._connection\n"
    )
    project.conftest("def pytest_unconfigure():\n    import test_it\n    print('open:', test_it.clients[0]._connection)\n")
    project.run("--import-mode=prepend").stdout.fnmatch_lines(["*open: None"])
