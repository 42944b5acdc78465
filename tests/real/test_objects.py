"""Objects on a real cluster: applied and undone, waited for, looked into, and seen as others than the administrator."""

from __future__ import annotations

import datetime as dt
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException, AppsV1Api, AuthenticationV1Api, CoreV1Api
from kubernetes.config import new_client_from_config

from pytest_kind.api.http import ApiError
from pytest_kind.errors import CommandError, KindError, WaitTimeout
from pytest_kind.toolbox.objects.apply import ApplyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kind import KindCluster

DOCS = Path(__file__).parents[2] / "docs" / "objects.md"
BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
OPERATOR = """
apiVersion: example.com/v1
kind: Gadget
metadata: {name: one, namespace: gadgets}
spec: {size: 3}
---
apiVersion: v1
kind: Pod
metadata: {name: runs, namespace: gadgets}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: %s, command: [sleep, "1000"]}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: gadgets}
"""


def pod(name: str, *command: str, **container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": BUSYBOX, "command": list(command), **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name.rstrip("0123456789")}},
        "spec": {"terminationGracePeriodSeconds": 0, "restartPolicy": "Never", "containers": [main]},
    }


def deployment(name: str, command: str, **container: Any) -> dict[str, Any]:
    template = pod(name, "sh", "-c", command, **container)
    template["spec"]["restartPolicy"] = "Always"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
        },
    }


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


# Applying


def test_a_bundle_in_any_order_is_applied_at_once_and_undone(kind_cluster: KindCluster) -> None:
    with kind_cluster.scope() as scope:
        gadget, runs, definition, space = scope.apply(OPERATOR % BUSYBOX)
        assert [one.kind for one in (gadget, runs, definition, space)] == ["Gadget", "Pod", "CustomResourceDefinition", "Namespace"]
        assert (gadget.spec.size, gadget.namespace, space.namespace) == (3, "gadgets", None)
        assert kind_cluster.get("gd/one", namespace="gadgets") == gadget
        assert [one.name for one in kind_cluster.find("gadgets.example.com", namespace="gadgets")] == ["one"]
        assert kind_cluster.wait_for(runs, "Ready").status.phase == "Running"
        with pytest.raises(ApiError, match=r"^get: there is no gd one in namespace default; there is one of that name in namespace gadgets: give"):
            kind_cluster.get("gd/one")
        with pytest.raises(WaitTimeout, match=r"nothing was written to it since pytest-kind made it at .*\n  no ServiceAccount may watch gadgets"):
            kind_cluster.wait_for(gadget, "Open", timeout=0.2)
    assert kind_cluster.wait_for("namespace/gadgets", "{.metadata.deletionTimestamp}").status.phase == "Terminating"
    with pytest.raises(ApiError) as caught:
        kind_cluster.get("crd/gadgets.example.com")
    assert caught.value.status == 404


def test_what_was_there_is_as_it_was_and_what_was_not_is_gone(kind_cluster: KindCluster, kind_namespace: str) -> None:
    kind_cluster.kubectl("create", "configmap", "settings", "-n", kind_namespace, "--from-literal=colour=red")
    with kind_cluster.scope(kind_namespace) as scope:
        changed = scope.apply(config_map("settings", colour="blue", size="3"))
        scope.apply([config_map("settings", size="4"), config_map("more")])
        assert changed.data == {"colour": "blue", "size": "3"}
        assert kind_cluster.get(changed).data.size == "4"
    assert kind_cluster.get("cm/settings", namespace=kind_namespace).data == {"colour": "red"}
    assert "more" not in [one.name for one in kind_cluster.find("cm", namespace=kind_namespace)]


def test_all_that_is_refused_is_told_and_nothing_is_left(
    kind_apply: Callable[..., Any], kind_cluster: KindCluster, kind_namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "good.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n", encoding="utf-8")
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: Bad}\nspec: {prots: []}\n"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bad.yml").write_text(bad, encoding="utf-8")
    (tmp_path / "more" / "worse.json").write_text('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "empty"}, "spec": {}}', encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        kind_cluster.apply(tmp_path, namespace=kind_namespace)
    first, second = caught.value.problems
    assert re.search(r"bad\.yml, document 2 \(Service Bad\): .*spec\.prots: field not declared in schema", first)
    assert re.search(r"worse\.json \(Pod empty\): .*spec\.containers: Required value", second)
    assert [one.name for one in kind_cluster.find("cm", namespace=kind_namespace)] == ["kube-root-ca.crt"]


def test_a_kustomization_is_rendered_by_the_nodes_kubectl(kind_apply: Callable[..., Any], kind_namespace: str, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [map.yaml]\n", encoding="utf-8")
    (tmp_path / "base" / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n", encoding="utf-8")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kustomization.yaml").write_text("namePrefix: dev-\nresources: [../base]\n", encoding="utf-8")
    (made,) = kind_apply(tmp_path / "dev")
    assert (made.name, made.namespace) == ("dev-one", kind_namespace)


# Waiting


def test_every_form_of_condition(kind_apply: Callable[..., Any], kind_cluster: KindCluster, kind_namespace: str) -> None:
    web = kind_apply(deployment("web", "exec sleep 1000"))
    assert kind_cluster.wait_for(web, "rollout").status.updatedReplicas == 1
    assert kind_cluster.wait_for("deploy/web", "Available", namespace=kind_namespace).name == "web"
    assert kind_cluster.wait_for(web, "{.status.conditions[?(@.type=='Available')].status}=True")
    assert kind_cluster.wait_for(web, lambda one: one.status.readyReplicas == 1)
    (first,) = kind_cluster.wait_for("pods", "Ready", selector="app=web", namespace=kind_namespace)
    web.spec.replicas = 2  # a live object, changed
    assert kind_cluster.wait_for(kind_apply(web), "rollout").status.updatedReplicas == 2
    kind_cluster.delete_objects(web)
    kind_cluster.wait_for(first, "delete")
    with pytest.raises(WaitTimeout, match=r"deployments in namespace .*: none"):
        kind_cluster.wait_for(web, "exists", timeout=0)


def test_what_is_not_there_yet_is_waited_for(kind_cluster: KindCluster, kind_namespace: str) -> None:
    later = threading.Timer(0.5, kind_cluster.apply, [config_map("late", a="1")], {"namespace": kind_namespace})
    later.start()
    try:
        assert kind_cluster.wait_for("cm/late", "exists", namespace=kind_namespace).data.a == "1"
    finally:
        later.join()


def test_a_timeout_tells_why(kind_apply: Callable[..., Any], kind_cluster: KindCluster) -> None:
    absent = kind_apply(deployment("absent", "true", image="localhost/nowhere:1", imagePullPolicy="Never"))
    # Without the probe it would be ready, and its Deployment available, whenever it has just begun.
    crashing = kind_apply(deployment("crashing", "echo no database; exit 3", readinessProbe={"exec": {"command": ["false"]}}))
    greedy = kind_apply(deployment("greedy", "true", resources={"requests": {"memory": "900Ti"}}))
    crashed = kind_cluster.wait_for(
        "pods",
        lambda one: one.status.containerStatuses[0].state.waiting.reason == "CrashLoopBackOff",
        selector="app=crashing",
        namespace=crashing.namespace,
    )
    assert crashed
    told = {}
    for one in (absent, crashing, greedy):
        with pytest.raises(WaitTimeout) as caught:
            kind_cluster.wait_for(one, "Available", timeout=0.5)
        told[one.name] = str(caught.value)
    assert all("last seen: Available is False (MinimumReplicasUnavailable" in text for text in told.values())
    assert re.search(r"pod absent-\S+: container main: waits: ErrImageNeverPull: .*localhost/nowhere:1", told["absent"])
    assert re.search(r"Warning ErrImageNeverPull pod/absent-", told["absent"])
    assert re.search(r"pod crashing-\S+: container main: .*ended with 3 \(Error\)(.|\n)*\| no database", told["crashing"])
    assert re.search(r"pod greedy-\S+: is not scheduled: 0/\d+ nodes are available: .*Insufficient memory", told["greedy"])


# Inside


@pytest.fixture
def shell(kind_apply: Callable[..., Any], kind_cluster: KindCluster) -> str:
    """A pod that runs and has said two lines, which being ready does not wait for; its namespace."""
    made = kind_apply(pod("shell", "sh", "-c", "echo one; echo two; sleep 1000"))
    with kind_cluster.logs(made, follow=True) as lines:
        assert [next(lines), next(lines)] == ["one", "two"]
    return str(kind_cluster.wait_for(made, "Ready").namespace)


def test_commands_in_a_pod(kind_cluster: KindCluster, shell: str) -> None:
    result = kind_cluster.exec("shell", "sh", "-c", "echo out; echo err >&2", namespace=shell)
    assert (result.stdout, result.stderr, result.code) == ("out\n", "err\n", 0)
    data = bytes(range(256)) * 8192
    assert kind_cluster.exec("pod/shell", "cat", namespace=shell, input=data).raw == data
    assert kind_cluster.exec("shell", "sh", "-c", "exit 3", namespace=shell, check=False).code == 3
    with pytest.raises(CommandError, match="container main: `sh -c echo why; exit 4` ended with 4:\nwhy"):
        kind_cluster.exec("shell", "sh", "-c", "echo why; exit 4", namespace=shell)
    with pytest.raises(KindError, match=r"`nonsense` was not run: .*executable file not found"):
        kind_cluster.exec("shell", "nonsense", namespace=shell, check=False)
    with pytest.raises(WaitTimeout, match="last seen: begun"):
        kind_cluster.exec("shell", "sh", "-c", "echo begun; sleep 100", namespace=shell, timeout=1)


def test_logs_of_one_of_several_and_of_this_test(kind_apply: Callable[..., Any], kind_cluster: KindCluster, shell: str) -> None:
    assert kind_cluster.logs("shell", namespace=shell) == "one\ntwo\n"
    assert kind_cluster.logs("shell", namespace=shell, tail=1) == "two\n"
    assert kind_cluster.logs("shell", namespace=shell, since="test") == "one\ntwo\n"
    kind_apply([pod("job1", "echo", "first"), pod("job2", "echo", "second")])
    kind_cluster.wait_for("pods", "{.status.phase}=Succeeded", selector="app=job", namespace=shell)
    assert kind_cluster.logs("pods", selector="app=job", namespace=shell) == "[job1/main] first\n[job2/main] second\n"


@pytest.fixture(scope="module")
def speaker(kind_cluster: KindCluster) -> Any:
    """A pod that has spoken before a test began."""
    with kind_cluster.scope("default") as scope:
        made = scope.apply(pod("speaker", "sh", "-c", "echo early; while ! test -e /go; do sleep 0.1; done; echo late; sleep 1000"))
        with kind_cluster.logs(made, follow=True) as lines:
            assert next(lines) == "early"
        yield made


def test_lines_are_followed_as_they_come(kind_cluster: KindCluster, speaker: Any) -> None:
    with kind_cluster.logs(speaker, follow=True) as lines:
        assert next(lines) == "early"
        moment = dt.datetime.now(dt.UTC)
        kind_cluster.exec(speaker, "touch", "/go")
        assert next(lines) == "late"
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-kind-logs"]
    assert kind_cluster.logs(speaker, since=moment) == "late\n"
    with kind_cluster.logs(speaker, follow=True, since=moment, timeout=1) as lines, pytest.raises(WaitTimeout, match="last seen: late"):
        list(lines)


# Others than the administrator


def test_a_user_may_what_he_was_given_and_nothing_else(kind_as_user: Callable[..., Any], kind_cluster: KindCluster, kind_namespace: str) -> None:
    stranger = kind_as_user("stranger", groups=["guests"])
    with pytest.raises(ApiException, match='pods is forbidden: User \\\\"stranger\\\\" cannot list'):
        CoreV1Api(stranger).list_namespaced_pod(kind_namespace)
    who = AuthenticationV1Api(stranger).create_self_subject_review({}).status.user_info
    assert (who.username, who.groups) == ("stranger", ["guests", "system:authenticated"])
    alice = kind_as_user("alice", rules=["get,list pods,deployments.apps"])
    assert CoreV1Api(alice).list_namespaced_pod(kind_namespace).items == []
    assert AppsV1Api(alice).list_namespaced_deployment(kind_namespace).items == []
    with pytest.raises(ApiException, match="forbidden"):
        CoreV1Api(alice).list_namespaced_pod("default")
    with new_client_from_config(str(alice.kubeconfig_path)) as tool:
        assert CoreV1Api(tool).list_namespaced_pod(kind_namespace).items == []
    with kind_cluster.scope() as scope:
        CoreV1Api(scope.as_user("watcher", cluster_role="view", cluster_wide=True)).list_pod_for_all_namespaces()
        bindings = [one.name for one in kind_cluster.find("clusterrolebindings") if "watcher" in one.name]
    assert bindings
    assert not [one for one in kind_cluster.find("clusterrolebindings") if "watcher" in one.name]


def test_a_service_account_may_what_it_was_given(kind_service_account: Callable[..., Any], kind_namespace: str) -> None:
    robot = kind_service_account("robot", cluster_role="edit")
    who = AuthenticationV1Api(robot).create_self_subject_review({}).status.user_info
    assert who.username == robot.user == f"system:serviceaccount:{kind_namespace}:robot"
    CoreV1Api(robot).create_namespaced_config_map(kind_namespace, config_map("made"))
    with pytest.raises(ApiException, match="forbidden"):
        CoreV1Api(robot).list_namespaced_config_map("kube-system")


def test_the_documentations_own(
    kind_apply: Callable[..., Any], kind_as_user: Callable[..., Any], kind_cluster: KindCluster, kind_namespace: str
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        if "def test_a_shop" in block or "def test_a_reader" in block:
            exec(block, names)  # noqa: S102 - as a reader would
    names["test_a_shop_gets_another_shelf"](kind_apply, kind_cluster, kind_namespace)
    names["test_a_reader_reads"](kind_as_user, kind_namespace)
