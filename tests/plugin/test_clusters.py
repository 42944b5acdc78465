"""Which tests share a cluster, in which order they run, and when a cluster goes."""

from __future__ import annotations

import pytest

from pytest_kind import labels
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.project import Project


def names(project: Project) -> list[str]:
    """The clusters that were created, by their order: the first is ``A``."""
    seen: dict[str, str] = {}
    return [f"{verb} {seen.setdefault(name, chr(ord('A') + len(seen)))}" for verb, name in (call.split() for call in project.lives)]


def test_tests_share_a_cluster_that_goes_at_the_end(project: Project) -> None:
    project.tests(
        "def test_a(kind_cluster):\n    assert len(kind_cluster.nodes) == 1\n"
        "def test_b(kind_cluster, kind_kubeconfig):\n    assert kind_kubeconfig == kind_cluster.kubeconfig_path\n"
        "    assert f'kind-{kind_cluster.name}' in kind_kubeconfig.read_text()\n"
        "def test_c(kind_cluster, kind_client):\n    assert kind_client is kind_cluster.client\n"
    )
    project.run().assert_outcomes(passed=3)
    assert names(project) == ["create A", "remove A"]
    assert project.left == []


def test_markers_that_ask_for_something_else_get_another_one_and_tests_are_grouped_by_it(project: Project) -> None:
    project.tests(
        "other = pytest.mark.kind({'networking': {'podSubnet': '10.1.0.0/16'}})\n"
        "def test_a(kind_cluster): pass\n"
        "@other\ndef test_b(kind_cluster): assert kind_cluster.config.networking.pod_subnet == '10.1.0.0/16'\n"
        "def test_c(kind_cluster): assert kind_cluster.config.networking.pod_subnets == ('10.244.0.0/16',)\n"
        "@pytest.mark.kind(config={'networking': {'podSubnet': '10.1.0.0/16'}})\ndef test_d(kind_cluster): pass\n"
        "def test_e(): pass\n"
    )
    result = project.run("-v")
    result.assert_outcomes(passed=5)
    ran = dict.fromkeys(line.split("::")[1].split()[0] for line in result.outlines if "::" in line)
    assert [name for name in ran if name != "test_e"] == ["test_a", "test_c", "test_b", "test_d"]
    assert names(project) == ["create A", "remove A", "create B", "remove B"]


def test_the_parameter_that_groups_is_not_seen(project: Project) -> None:
    project.tests("def test_a(kind_cluster): pass\n@pytest.mark.parametrize('x', [1])\ndef test_b(kind_cluster, x): pass\n")
    result = project.run("--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == ["test_it.py::test_a", "test_it.py::test_b[1]"]


@pytest.mark.parametrize(
    "marker",
    [
        "image='localhost/node:1'",
        "network='mine'",
        "timeout=33",
        "pytest_kind.ClusterConfig(feature_gates={'A': True})",
        "'kind.yaml'",
    ],
)
def test_each_argument_of_a_marker_makes_another_cluster(project: Project, marker: str) -> None:
    project.engine.add_image("localhost/node:1", {"io.pytest-kind.facts": '{"kubernetes": "v1.30.0"}'})
    project.pytester.makefile(".yaml", kind="kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n")
    project.tests(f"import pytest_kind\n@pytest.mark.kind({marker})\ndef test_a(kind_cluster): pass\ndef test_b(kind_cluster): pass\n")
    project.run().assert_outcomes(passed=2)
    assert names(project) == ["create A", "remove A", "create B", "remove B"]


def test_the_closest_marker_wins_argument_by_argument(project: Project) -> None:
    project.tests(
        "pytestmark = pytest.mark.kind({'featureGates': {'A': True}}, network='module')\n"
        "@pytest.mark.kind(network='class')\nclass TestIt:\n"
        "    @pytest.mark.kind({'featureGates': {'B': True}})\n"
        "    def test_a(self, kind_cluster): assert kind_cluster.config.feature_gates == {'B': True}\n"
        "    def test_b(self, kind_cluster): assert kind_cluster.config.feature_gates == {'A': True}\n"
    )
    project.run().assert_outcomes(passed=2)
    assert names(project) == ["create A", "remove A", "create B", "remove B"]


OTHER = "{'featureGates': {'A': True}}"
SAYS = "assert len(kind_cluster.config.feature_gates)"


def test_several_groups_take_turns_however_they_are_mixed(project: Project) -> None:
    tests = (f"@pytest.mark.kind({OTHER if number % 2 else '{}'})\ndef test_{number}(kind_cluster): {SAYS} == {number % 2}\n" for number in range(6))
    project.tests("".join(tests))
    project.run().assert_outcomes(passed=6)
    assert names(project) == ["create A", "remove A", "create B", "remove B"]


def test_a_mapping_in_another_order_is_the_same(project: Project) -> None:
    gates = "{'featureGates': {'A': True, 'B': False}}", "{'featureGates': {'B': False, 'A': True}}"
    project.tests("".join(f"@pytest.mark.kind({one})\ndef test_{number}(kind_cluster): {SAYS} == 2\n" for number, one in enumerate(gates)))
    project.run().assert_outcomes(passed=2)
    assert names(project) == ["create A", "remove A"]


def test_one_set_of_parameters_may_have_a_marker(project: Project) -> None:
    sets = f"[1, pytest.param(2, marks=pytest.mark.kind({OTHER})), 3]"
    project.tests(f"@pytest.mark.parametrize('x', {sets})\ndef test_a(kind_cluster, x): {SAYS} == (x == 2)\n")
    project.run().assert_outcomes(passed=3)
    assert names(project) == ["create A", "remove A", "create B", "remove B"]


def test_a_marker_that_was_added_after_the_collection(project: Project) -> None:
    project.conftest(f"def pytest_collection_modifyitems(items):\n    items[0].add_marker(pytest.mark.kind({OTHER}))\n")
    project.tests(f"def test_a(kind_cluster): {SAYS} == 1\ndef test_b(kind_cluster): {SAYS} == 0\n")
    project.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("wrong", ["color=1", "fresh='yes'"])
@pytest.mark.parametrize("args", [(), ("-n1",)])
def test_one_that_was_added_and_cannot_be_is_the_tests_error(project: Project, wrong: str, args: tuple[str, ...]) -> None:
    project.conftest(f"def pytest_collection_modifyitems(items):\n    items[0].add_marker(pytest.mark.kind({wrong}))\n")
    project.tests("def test_a(kind_cluster): pass\ndef test_b(): pass\n")
    result = project.run_apart(*args)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.kind* of test_it.py::test_a: *"])


@pytest.mark.parametrize(
    "how", ["'kind_cluster', [GIVEN], indirect=True", "argnames=['kind_cluster'], argvalues=[[GIVEN]], indirect=['kind_cluster']"]
)
def test_the_fixture_may_be_given_configurations(project: Project, how: str) -> None:
    project.tests(f"@pytest.mark.parametrize({how.replace('GIVEN', OTHER)})\ndef test_a(kind_cluster): {SAYS} == 1\n")
    project.run().assert_outcomes(passed=1)


def test_what_it_is_given_may_be_none(project: Project) -> None:
    project.tests("@pytest.mark.parametrize('kind_cluster', [7], indirect=True)\ndef test_a(kind_cluster): pass\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.parametrize('kind_cluster', …) of test_it.py::test_a*: 7 is not accepted*"])


class TestOverridden:
    """A project's own fixture of that name."""

    def test_with_parameters_of_its_own(self, project: Project) -> None:
        project.conftest(
            "@pytest.fixture(scope='session', params=[0, 1])\ndef kind_cluster(request, kind_cluster_factory):\n"
            f"    return request.param, kind_cluster_factory({OTHER} if request.param else None)\n"
        )
        project.tests("def test_a(kind_cluster): assert len(kind_cluster[1].config.feature_gates) == kind_cluster[0]\n")
        project.run().assert_outcomes(passed=2)

    def test_that_asks_for_ours(self, project: Project) -> None:
        project.conftest("@pytest.fixture\ndef kind_cluster(kind_cluster): return kind_cluster\n")
        project.tests(f"def test_a(kind_cluster): {SAYS} == 0\n@pytest.mark.kind({OTHER})\ndef test_b(kind_cluster): {SAYS} == 1\n")
        project.run().assert_outcomes(passed=2)
        assert names(project) == ["create A", "remove A", "create B", "remove B"]

    @pytest.mark.parametrize("args", [(), ("--kind-timeout=soon",)])
    def test_that_has_nothing_to_do_with_ours(self, project: Project, args: tuple[str, ...]) -> None:
        project.conftest("@pytest.fixture\ndef kind_cluster(request): return getattr(request, 'param', 'theirs')\n")
        project.tests("def test_a(kind_cluster): assert kind_cluster == 'theirs'\n")
        result = project.run(*args)
        result.assert_outcomes(passed=1)
        assert "kind:" not in result.stdout.str()
        assert names(project) == []


def test_a_test_may_ask_when_it_runs(project: Project) -> None:
    project.tests("def test_a(request): assert request.getfixturevalue('kind_cluster').name == 'mine'\n")
    project.run("--kind-name=mine").assert_outcomes(passed=1)
    assert names(project) == ["create A", "remove A"]


def test_the_cluster_of_the_options(project: Project) -> None:
    project.pytester.makefile(".yaml", kind="kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: from-file\nfeatureGates: {A: true}\n")
    project.tests("def test_a(kind_cluster): assert (kind_cluster.name, kind_cluster.config.feature_gates) == ('from-file', {'A': True})\n")
    project.run("--kind-config=kind.yaml").assert_outcomes(passed=1)


class TestFactory:
    def test_further_clusters_go_at_the_end_of_the_session(self, project: Project) -> None:
        project.tests(
            "def test_a(kind_cluster, kind_cluster_factory):\n"
            "    made = kind_cluster_factory({'featureGates': {'A': True}}, timeout=33)\n"
            "    assert made.config.feature_gates == {'A': True}\n    assert made.name != kind_cluster.name\n"
            "def test_b(kind_cluster): pass\n"
        )
        project.run().assert_outcomes(passed=2)
        assert sorted(names(project)) == ["create A", "create B", "remove A", "remove B"]
        assert project.left == []

    def test_one_that_was_deleted_is_not_removed_again(self, project: Project) -> None:
        project.tests("def test_a(kind_cluster_factory):\n    kind_cluster_factory().delete()\n    kind_cluster_factory()\n")
        project.run().assert_outcomes(passed=1)
        assert names(project) == ["create A", "remove A", "create B", "remove B"]

    def test_a_name_of_the_configuration_is_for_the_first_alone_too(self, project: Project) -> None:
        project.tests(
            "def test_a(kind_cluster_factory):\n"
            "    assert kind_cluster_factory({'name': 'mine'}).name == 'mine'\n"
            "    assert kind_cluster_factory({'name': 'mine'}).name.startswith('pytest-kind-')\n"
        )
        project.run().assert_outcomes(passed=1)

    def test_a_name_is_for_the_first_alone(self, project: Project) -> None:
        project.tests(
            "def test_a(kind_cluster, kind_cluster_factory):\n"
            "    assert kind_cluster.name == 'mine'\n    assert kind_cluster_factory().name.startswith('pytest-kind-')\n"
        )
        project.run("--kind-name=mine").assert_outcomes(passed=1)
        assert project.left == []

    @pytest.mark.parametrize(
        ("call", "problem"),
        [
            ("timeout='soon'", "kind_cluster_factory(timeout=…): 'soon' is not accepted; accepted is a number of seconds from 5 to 3600"),
            ("color=1", "kind_cluster_factory: no such argument: color"),
            ("{'color': 1}", "kind_cluster_factory(config=…): 1 problem"),
        ],
    )
    def test_a_wrong_argument_is_that_tests_failure(self, project: Project, call: str, problem: str) -> None:
        project.tests(f"def test_a(kind_cluster_factory):\n    kind_cluster_factory({call})\ndef test_b(kind_cluster): pass\n")
        result = project.run()
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines([f"*{problem.replace('[', '[[]')}*"])
        assert project.left == []


class TestKept:
    def test_it_outlives_the_run_and_the_next_one_attaches(self, project: Project, api_server: ApiServer) -> None:
        project.engine.publish("127.0.0.1", api_server.port)
        project.engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
        api_server.answer("GET", "/readyz", (200, "ok"))
        project.tests("def test_a(kind_cluster): assert kind_cluster.kept\n")
        first, second = project.run("--kind-keep", "--kind-name=mine"), project.run("--kind-keep", "--kind-name=mine")
        assert (first.ret, second.ret) == (0, 0)
        assert project.lives == ["create mine-control-plane"]
        assert project.left == [*project.engine.names, *(one.name for one in project.engine.volumes({}))]
        for result in (first, second):
            result.stdout.fnmatch_lines(["*= kind =*", "cluster mine is kept: --kind-keep attaches to it, `pytest-kind delete mine` removes it"])

    def test_a_run_that_does_not_keep_leaves_it_alone(self, project: Project) -> None:
        project.tests("def test_a(kind_cluster): pass\n")
        project.run("--kind-keep", "--kind-name=mine")
        project.run().assert_outcomes(passed=1)
        assert project.engine.names == ["mine-control-plane"]


class TestSeveralNodes:
    CONFIG = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
- role: control-plane
- role: worker
  image: localhost/node:2
"""

    @pytest.fixture(autouse=True)
    def _project(self, project: Project) -> None:
        for version in ("1", "2"):
            project.engine.add_image(f"localhost/node:{version}", {labels.FACTS: '{"kubernetes": "v1.37.1"}', labels.KIND: "node-image"})
        (project.pytester.path / "kind.yaml").write_text(self.CONFIG, encoding="utf-8")
        project.tests("def test_a(kind_cluster): assert len(kind_cluster.nodes) == 3")

    def test_all_of_them_and_their_volume_are_there_for_the_tests_and_gone_afterwards(self, project: Project) -> None:
        project.run("--kind-config=kind.yaml", "--kind-name=mine").assert_outcomes(passed=1)
        machines = ["mine-control-plane", "mine-control-plane2", "mine-external-load-balancer", "mine-worker"]
        assert sorted(project.engine.made("create")) == sorted(project.engine.made("remove")) == machines
        assert project.engine.made("create_volume") == project.engine.made("remove_volume") == ["mine-shared"]
        assert project.left == []

    def test_an_image_of_the_options_is_for_nodes_that_name_none(self, project: Project) -> None:
        (project.pytester.path / "kind.yaml").write_text(self.CONFIG.replace("role: control-plane", "role: worker", 1), encoding="utf-8")
        project.tests("def test_a(kind_cluster): pytest.exit('now')")
        project.run("--kind-config=kind.yaml", "--kind-name=mine", "--kind-image=localhost/node:1", "--kind-keep")
        tags = {image.id: image.tags[0] for image in project.engine.images({})}
        assert {one.name: tags[one.image] for one in project.engine.containers({})} == {
            "mine-control-plane": "localhost/node:1",
            "mine-worker": "localhost/node:1",
            "mine-worker2": "localhost/node:2",
        }

    def test_one_that_boots_not_leaves_nothing(self, project: Project) -> None:
        project.engine.answer(["fake-boot"], "no", code=1)
        result = project.run("--kind-config=kind.yaml", "--kind-name=mine")
        result.assert_outcomes(errors=1)
        assert project.left == []
