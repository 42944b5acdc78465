"""``fresh=True``, ``kind_fresh_cluster`` and ``--kind-leftovers``: a run on a fake engine, whose API is a Kubernetes that is played."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_kind.pristine.model import Key
from support.api_server import ApiServer
from support.kube import Kube, handed_over
from support.project import Project

# What tests here do to the cluster, without the half second that the client takes.
CONFTEST = """
import json, pytest, urllib3
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api

PLACES = {'ConfigMap': '/api/v1/namespaces/default/configmaps', 'ClusterRole': '/apis/rbac.authorization.k8s.io/v1/clusterroles'}

@pytest.fixture
def put(kind_cluster, tmp_path):
    api = Api(kubeconfig.credentials(kind_cluster._admin), tmp_path)
    yield lambda name, kind='ConfigMap': api.post(PLACES[kind], {'metadata': {'name': name}})
    api.close()

@pytest.fixture
def there(kind_cluster, tmp_path):
    api = Api(kubeconfig.credentials(kind_cluster._admin), tmp_path)
    yield lambda kind='ConfigMap': [one['metadata']['name'] for one in api.get(PLACES[kind])['items']]
    api.close()
"""
MINE = ["kube-root-ca.crt"]


@pytest.fixture(autouse=True)
def kube(project: Project, api_server: ApiServer) -> Kube:
    """What the API knows."""
    made = handed_over()
    api_server.behind = made.take
    project.engine.publish("127.0.0.1", api_server.port)
    project.conftest(CONFTEST)
    return made


def accounts(kube: Kube) -> Callable[[str, str], None]:
    """Who makes each namespace's default ServiceAccount."""

    def after(method: str, path: str) -> None:
        if (method, path) == ("POST", "/api/v1/namespaces"):
            for name in kube.names("namespaces"):
                if Key("serviceaccounts", name, "default") not in kube.objects:
                    kube.add("serviceaccounts", {"metadata": {"name": "default"}}, name)

    return after


def looks(api_server: ApiServer) -> int:
    """How often the cluster was listed."""
    return sum(path == "/api" for _, path, _ in api_server.requests)


FRESH = """
def test_a(put, there):
    put('of-a')

@pytest.mark.kind(fresh=True)
def test_b(kind_cluster, put, there):
    assert there() == ['kube-root-ca.crt']
    put('of-b')

def test_c(there):
    assert there() == ['kube-root-ca.crt']
"""


def test_a_marked_test_gets_the_cluster_as_it_was_and_leaves_it_so(project: Project) -> None:
    project.tests(FRESH)
    project.run("-p", "no:randomly").assert_outcomes(passed=3)
    (created,) = project.engine.made("create")  # one cluster
    assert project.engine.made("remove") == [created]


@pytest.mark.parametrize(
    "text",
    [
        "@pytest.mark.kind(fresh=True)\nclass TestIt:\n    def test_b(self, there): assert there() == ['kube-root-ca.crt']\n",
        "def test_b(there, kind_fresh_cluster): assert there() == ['kube-root-ca.crt'] and kind_fresh_cluster.name\n",
        "@pytest.fixture\ndef own(there): return there()\n\ndef test_b(own, kind_fresh_cluster): assert own == ['kube-root-ca.crt']\n",
        "@pytest.fixture\ndef clean(kind_fresh_cluster): pass\n\ndef test_b(there, clean): assert there() == ['kube-root-ca.crt']\n",
        (
            "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.kind(fresh=True))])\n"
            "def test_b(there, x): assert there() == ['kube-root-ca.crt']\n"
        ),
    ],
    ids=["class", "argument", "argument after another", "fixture of a fixture", "parameter set"],
)
def test_wherever_it_is_said(project: Project, text: str) -> None:
    project.tests(f"def test_a(put): put('of-a')\n\n{text}")
    project.run().assert_outcomes(passed=2)


def test_unittests_say_it_too(project: Project) -> None:
    project.tests(
        "import unittest\n@pytest.mark.kind(fresh=True)\nclass TestIt(unittest.TestCase):\n"
        "    @pytest.fixture(autouse=True)\n    def own(self, there, put): self.there, self.put = there, put\n"
        "    def test_a(self): self.put('of-a')\n"
        "    def test_b(self): assert self.there() == ['kube-root-ca.crt']\n"
    )
    project.run().assert_outcomes(passed=2)


def test_a_module_says_it_and_a_test_of_it_does_not(project: Project) -> None:
    project.tests(
        "pytestmark = pytest.mark.kind(fresh=True)\n"
        "def test_a(put): put('of-a')\n"
        "def test_b(there): assert there() == ['kube-root-ca.crt']\n"
        "@pytest.mark.kind(fresh=False)\ndef test_c(put): put('of-c')\n"
        "@pytest.mark.kind(fresh=False)\ndef test_d(there): assert 'of-c' in there()\n"
    )
    project.run().assert_outcomes(passed=4)


def test_nothing_is_looked_at_in_runs_without_such_tests(project: Project, api_server: ApiServer) -> None:
    project.tests(FRESH)
    project.run("-k", "test_a").assert_outcomes(passed=1, deselected=2)
    assert looks(api_server) == 0


def test_clusters_without_such_tests_are_not_looked_at(project: Project, api_server: ApiServer) -> None:
    project.tests(
        "@pytest.mark.kind(version='v1.37.1')\ndef test_a(kind_cluster): pass\n\n@pytest.mark.kind(fresh=True)\ndef test_b(kind_cluster): pass\n"
    )
    project.run().assert_outcomes(passed=2)
    assert looks(api_server) == 3  # twice to take it down, once after the test


def test_tests_in_a_row_cost_a_look_each(project: Project, api_server: ApiServer) -> None:
    project.tests("@pytest.mark.kind(fresh=True)\n@pytest.mark.parametrize('x', range(3))\ndef test_a(kind_cluster, x): pass\n")
    project.run().assert_outcomes(passed=3)
    assert looks(api_server) == 2 + 3


def test_what_fixtures_of_several_tests_made_goes_too(project: Project) -> None:
    project.tests(
        "@pytest.fixture(scope='module')\ndef shared(kind_cluster, tmp_path_factory):\n"
        "    from conftest import PLACES, Api, kubeconfig\n"
        "    api = Api(kubeconfig.credentials(kind_cluster._admin), tmp_path_factory.mktemp('api'))\n"
        "    api.post(PLACES['ConfigMap'], {'metadata': {'name': 'shared'}})\n    yield\n    api.close()\n\n"
        "@pytest.mark.kind(fresh=True)\ndef test_a(shared, there): assert there() == ['kube-root-ca.crt']\n"
    )
    project.run().assert_outcomes(passed=1)


def test_namespaces_of_tests_come_after_and_go_before(project: Project, kube: Kube) -> None:
    def after(method: str, path: str) -> None:
        if (method, path) == ("POST", "/api/v1/namespaces"):
            (name,) = (name for name in kube.names("namespaces") if name.startswith("test-"))
            kube.add("serviceaccounts", {"metadata": {"name": "default"}}, name)

    kube.after = after
    project.tests("def test_b(kind_namespace, kind_fresh_cluster, there): assert there() == ['kube-root-ca.crt']\n")
    project.run().assert_outcomes(passed=1)
    assert kube.names("namespaces") == ["default", "kube-system", "local-path-storage"]


def test_the_namespace_of_a_failed_test_can_be_kept(project: Project, kube: Kube) -> None:
    def after(method: str, path: str) -> None:
        if (method, path) == ("POST", "/api/v1/namespaces"):
            for name in kube.names("namespaces"):
                if Key("serviceaccounts", name, "default") not in kube.objects:
                    kube.add("serviceaccounts", {"metadata": {"name": "default"}}, name)

    kube.after = after
    project.tests("pytestmark = pytest.mark.kind(fresh=True)\ndef test_a(kind_namespace): assert False\ndef test_b(kind_namespace): pass\n")
    project.run("--kind-keep-namespace=failed").assert_outcomes(passed=1, failed=1)
    assert [name[:7] for name in kube.names("namespaces")] == ["default", "kube-sy", "local-p", "test-a-"]


def test_a_cluster_that_cannot_be_brought_back_is_that_tests_error(project: Project, kube: Kube) -> None:
    kube.refuse = lambda method, _: (500, {"message": "etcd is full"}) if method == "DELETE" else None
    project.tests("@pytest.mark.kind(fresh=True, timeout=5)\ndef test_a(put): put('of-a')\n")
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_a*", "cluster * is as it was handed over: not within 5.0 s; last seen: new: ConfigMap default/of-a; *"]
    )


@pytest.mark.parametrize("value", ["'yes'", "1", "None"])
def test_anything_else_than_yes_or_no_is_an_error(project: Project, value: str) -> None:
    project.tests(f"@pytest.mark.kind(fresh={value})\ndef test_a(kind_cluster): pass\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: @pytest.mark.kind(fresh=…) of test_it.py::test_a: {value} is not accepted; accepted is True or False"])


def test_a_factorys_clusters_know_nothing_of_it(project: Project) -> None:
    project.tests("def test_a(kind_cluster_factory): kind_cluster_factory(fresh=True)\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*kind_cluster_factory: no such argument: fresh*"])


def test_one_that_is_asked_for_while_the_test_runs_comes_too_late(project: Project) -> None:
    project.tests("def test_a(kind_cluster, request): request.getfixturevalue('kind_fresh_cluster')\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*kind_fresh_cluster: must be an argument of the test or of its fixtures: what the cluster was is not known*"])


class TestWorkers:
    TESTS = (
        "@pytest.mark.parametrize('x', range(4))\ndef test_a(kind_cluster, x): print('shared', kind_cluster.name)\n"
        "@pytest.mark.kind(fresh=True)\n@pytest.mark.parametrize('x', range(2))\ndef test_b(kind_cluster, x): print('apart', kind_cluster.name)\n"
    )

    def clusters(self, result: pytest.RunResult, word: str) -> set[str]:
        return {line.split()[1] for line in result.outlines if line.startswith(f"{word} ")}

    def test_where_others_share_a_cluster_such_tests_have_their_workers_own(self, project: Project) -> None:
        project.tests(self.TESTS)
        result = project.run_apart("-n2", "--dist=load", "-rP", "--kind-name=mine")
        result.assert_outcomes(passed=6)
        assert self.clusters(result, "shared") == {"mine"}
        assert "mine" not in self.clusters(result, "apart")
        assert sorted(project.engine.made("create")) == sorted(project.engine.made("remove"))
        assert project.left == []

    def test_workers_with_clusters_of_their_own_use_those(self, project: Project) -> None:
        project.tests(self.TESTS)
        result = project.run_apart("-n1", "-rP", "--kind-name=mine", "--kind-per-worker")
        result.assert_outcomes(passed=6)
        assert self.clusters(result, "shared") == self.clusters(result, "apart") == {"mine-gw0"}

    def test_one_set_of_parameters_can_be_taken_apart(self, project: Project) -> None:
        one = "pytest.param(1, marks=pytest.mark.kind(fresh=True))"
        project.tests(f"@pytest.mark.parametrize('x', [{one}, 2])\ndef test_b(kind_cluster, x): print(x, kind_cluster.name)\n")
        result = project.run_apart("-n1", "-rP", "--kind-name=mine")
        result.assert_outcomes(passed=2)
        assert self.clusters(result, "2") == {"mine"}
        assert self.clusters(result, "1").isdisjoint({"", "mine"})


LEAVES = """
def test_a(put):
    put('left')
    put('role', 'ClusterRole')

def test_b(there):
    assert 'left' in there()
"""
SAID = [
    "*test_it.py::test_a left behind in cluster *, outside of its namespace:",
    "*  new: ConfigMap default/left",
    "*  new: ClusterRole role",
]


class TestLeftovers:
    def test_nobody_looks_unless_it_is_asked_for(self, project: Project, api_server: ApiServer) -> None:
        project.tests(LEAVES)
        project.run("-Werror").assert_outcomes(passed=2)
        assert looks(api_server) == 0

    @pytest.mark.parametrize("place", ["command line", "environment", "ini"])
    def test_a_warning_for_the_test_that_left_it(self, project: Project, monkeypatch: pytest.MonkeyPatch, api_server: ApiServer, place: str) -> None:
        arguments = ["--kind-leftovers=warn"] if place == "command line" else []
        if place == "environment":
            monkeypatch.setenv("PYTEST_KIND_LEFTOVERS", "warn")
        if place == "ini":
            project.pytester.makeini("[pytest]\nkind_leftovers = warn\n")
        project.tests(LEAVES)
        result = project.run("-Wdefault", *arguments)
        result.assert_outcomes(passed=2, warnings=1)
        result.stdout.fnmatch_lines(SAID)
        assert looks(api_server) == 2 + 2  # once for each test

    def test_a_failure_of_its_teardown(self, project: Project) -> None:
        project.tests(LEAVES)
        result = project.run("--kind-leftovers=fail")
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(["*ERROR at teardown of test_a*", *SAID])

    def test_namespaces_that_were_made_for_tests_are_exempt(self, project: Project, kube: Kube) -> None:
        def after(method: str, path: str) -> None:
            if (method, path) == ("POST", "/api/v1/namespaces"):
                (name,) = (name for name in kube.names("namespaces") if name.startswith("test-"))
                kube.add("serviceaccounts", {"metadata": {"name": "default"}}, name)

        kube.after = after
        project.tests("def test_a(kind_namespace): pass\n")
        project.run("--kind-leftovers=fail").assert_outcomes(passed=1)

    def test_tests_that_clean_up_and_tests_without_a_cluster_hear_nothing(self, project: Project) -> None:
        project.tests("@pytest.mark.kind(fresh=True)\ndef test_a(put): put('left')\n\ndef test_b(): pass\n\ndef test_c(kind_cluster): pass\n")
        project.run("--kind-leftovers=fail").assert_outcomes(passed=3)

    def test_what_a_module_makes_is_no_tests(self, project: Project) -> None:
        project.tests(
            "@pytest.fixture(scope='module')\ndef shared(kind_cluster, tmp_path_factory):\n"
            "    from conftest import PLACES, Api, kubeconfig\n"
            "    api = Api(kubeconfig.credentials(kind_cluster._admin), tmp_path_factory.mktemp('api'))\n"
            "    api.post(PLACES['ConfigMap'], {'metadata': {'name': 'shared'}})\n    yield\n    api.close()\n\n"
            "def test_a(kind_cluster): pass\n\ndef test_b(shared): pass\n"
        )
        project.run("--kind-leftovers=fail").assert_outcomes(passed=2)

    def test_what_is_applied_is_undone_before_it_is_looked_for(self, project: Project, kube: Kube) -> None:
        made = "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': '%s', 'namespace': 'default'}}"
        kube.after = accounts(kube)
        project.tests(
            f"@pytest.fixture(scope='module')\ndef shared(kind_module_apply): kind_module_apply({made % 'shared'})\n"
            f"def test_a(kind_apply): kind_apply({made % 'own'})\n\ndef test_b(shared): pass\n"
        )
        (project.pytester.path / "test_later.py").write_text("def test_c(kind_cluster): pass\n", encoding="utf-8")
        project.run("--kind-leftovers=fail").assert_outcomes(passed=3)
        assert kube.names("configmaps") == handed_over().names("configmaps")

    def test_workers_that_share_a_cluster_cannot_tell(self, project: Project) -> None:
        project.tests(LEAVES)
        result = project.run_apart("-n2", "--kind-leftovers=warn")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "--kind-leftovers: 'warn': where workers share a cluster nobody can say who left what; add --kind-per-worker" in str(result.stderr)
        assert project.left == []

    def test_workers_with_clusters_of_their_own_can(self, project: Project) -> None:
        project.tests(LEAVES)
        result = project.run_apart("-n1", "--kind-leftovers=fail", "--kind-per-worker")
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(SAID)


def test_the_played_kubernetes_is_one(kube: Kube) -> None:
    """Of what tests here rely on."""

    def take(method: str, path: str, body: Any = None) -> int:
        return kube.take(method, path, body)[0]

    assert json.dumps(kube.take("GET", "/apis", None)[1])
    assert take("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}}) == 201
    assert take("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}}) == 409
    assert take("POST", "/api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}}) == 404
    assert take("DELETE", "/api/v1/namespaces/default") == 200
    assert take("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "b"}}) == 403
    assert take("PATCH", "/api/v1/namespaces/default/configmaps/a", {"metadata": {"resourceVersion": "0"}}) == 409
    assert take("GET", "/api/v1/nonsense") == 404
