"""Applying and undoing, against a Kubernetes without controllers."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.resources import CRDS
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.pristine.model import Key
from pytest_kind.toolbox.objects import changes, removal, sources
from pytest_kind.toolbox.objects.apply import ApplyError
from pytest_kind.toolbox.objects.changes import Changes, UndoError
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.manifests import ManifestError
from pytest_kind.toolbox.objects.scope import Scope
from support.api_server import Answer, ApiServer
from support.kube import Kube

WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
        "versions": [{"name": "v1", "served": True}],
    },
}


def config_map(name: str, namespace: str | None = None, **data: str) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


@pytest.fixture
def scope(host: Any) -> Scope:
    return Scope(host, "mine")


@pytest.fixture
def established(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions are served as soon as they are there."""

    def after(method: str, path: str) -> None:
        for key, one in kube.objects.items():
            if key.resource == CRDS:
                one["status"] = {"conditions": [{"type": "Established", "status": "True"}]}

    kube.after = after


def writes(api_server: ApiServer) -> list[str]:
    return [f"{method} {path.partition('?')[0]}" for method, path, _ in api_server.requests if method != "GET"]


def test_objects_go_where_they_belong_and_come_back_live(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    mine, theirs, role = scope.apply(
        [
            config_map("a"),
            config_map("b", "default"),
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}},
        ]
    )
    assert [(one.name, one.namespace) for one in (mine, theirs, role)] == [("a", "mine"), ("b", "default"), ("r", None)]
    assert mine.metadata.uid.startswith("uid-")
    assert api_server.content_types[-1] == "application/apply-patch+yaml"
    assert api_server.requests[-1][1].endswith("?fieldManager=pytest-kind&force=true&fieldValidation=Strict")
    assert scope.apply(config_map("a"), namespace="default").namespace == "default"


def test_what_was_made_is_deleted_the_last_first(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    with scope:
        scope.apply([config_map("a"), config_map("b")])
        api_server.requests.clear()
    assert writes(api_server) == ["DELETE /api/v1/namespaces/mine/configmaps/b", "DELETE /api/v1/namespaces/mine/configmaps/a"]
    assert api_server.requests[-1][2] == changes.BACKGROUND
    assert kube.names("configmaps") == []
    scope.undo()


def test_what_was_there_is_put_back_with_all_its_fields(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    key = kube.add("configmaps", {**config_map("a", x="1"), "metadata": {"name": "a", "labels": {"of": "them"}}}, "mine")
    scope.apply(config_map("a", x="2", y="3"))
    scope.apply(config_map("a", x="4"))
    assert kube.objects[key]["data"] == {"x": "4", "y": "3"}
    scope.undo()
    assert (kube.objects[key]["data"], kube.objects[key]["metadata"]["labels"]) == ({"x": "1"}, {"of": "them"})


def test_what_was_there_and_is_unchanged_is_left_alone(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    kube.add("configmaps", config_map("a"), "mine")
    scope.apply(config_map("a"))
    api_server.requests.clear()
    before = {**kube.objects[Key("configmaps", "mine", "a")]["metadata"]}
    scope._done.done[0].before["metadata"]["resourceVersion"] = before["resourceVersion"]  # type: ignore[union-attr,index]
    scope.undo()
    assert writes(api_server) == []


def test_what_a_test_deleted_is_made_again(scope: Scope, kube: Kube) -> None:
    key = kube.add("configmaps", config_map("a", x="1"), "mine")
    scope.apply(config_map("a", x="2"))
    del kube.objects[key]
    scope.undo()
    assert kube.objects[key]["data"] == {"x": "1"}


def test_others_who_write_at_the_same_moment_are_no_error(scope: Scope, kube: Kube) -> None:
    key = kube.add("configmaps", config_map("a", x="1"), "mine")
    scope.apply(config_map("a", x="2"))
    conflicts = iter([(409, {"message": "the object has been modified"})])
    kube.refuse = lambda method, _: next(conflicts, None) if method == "PUT" else None
    scope.undo()
    assert kube.objects[key]["data"] == {"x": "1"}


@pytest.mark.usefixtures("established")
def test_objects_of_a_definition_wait_for_it(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    _, definition = scope.apply([WIDGET, DEFINITION])
    assert definition.status.conditions[0].type == "Established"
    assert writes(api_server) == [
        "PATCH /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com",
        "PATCH /apis/example.com/v1/namespaces/mine/widgets/one",
    ]
    scope.undo()
    assert kube.names(CRDS) == []


def test_a_definition_that_is_not_served_in_time_is_told_and_undone(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    with pytest.raises(ApplyError) as caught:
        scope.apply([WIDGET, DEFINITION], timeout=0.1)
    (problem,) = caught.value.problems
    assert problem.startswith("item 2 (CustomResourceDefinition widgets.example.com): condition Established: not within 0.1 s; ")
    assert "PATCH /apis/example.com/v1/namespaces/mine/widgets/one" not in writes(api_server)
    assert kube.names(CRDS) == []


def test_a_kind_that_nobody_serves_is_told_before_anything_is_sent(scope: Scope, api_server: ApiServer) -> None:
    with pytest.raises(ManifestError, match=r"item 2 \(Widget one\): the cluster serves no Widget of example.com/v1, and no definition"):
        scope.apply([config_map("a"), WIDGET])
    assert writes(api_server) == []


def test_what_was_made_although_its_answer_was_lost_is_undone(scope: Scope, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    applied = Api.apply

    def lost(api: Api, path: str, document: dict[str, Any], manager: str) -> dict[str, Any]:
        applied(api, path, document, manager)
        raise ApiError(0, "the connection broke")

    monkeypatch.setattr(Api, "apply", lost)
    with pytest.raises(ApplyError, match=r"not within 0\.2 s: "):
        scope.apply(config_map("a"), timeout=0.2)
    assert kube.names("configmaps") == []


@pytest.mark.usefixtures("established")
def test_a_definition_that_is_another_one_by_now(scope: Scope, kube: Kube) -> None:
    scope.apply([DEFINITION, WIDGET])
    scope.undo()
    changed = {**DEFINITION, "spec": {**DEFINITION["spec"], "scope": "Cluster"}}
    scope.apply(changed)
    assert scope.apply(WIDGET).namespace is None


@pytest.mark.usefixtures("established")
def test_a_definition_that_discovery_has_not_heard_of_is_found(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    scope.apply(DEFINITION)
    served = kube.resources.pop("widgets.example.com")
    asked = kube.refuse

    def refuse(method: str, path: str) -> Answer | None:
        kube.resources.update({"widgets.example.com": served} if "/widgets" in path else {})
        return asked(method, path)

    kube.refuse = refuse
    assert scope.apply(WIDGET).namespace == "mine"


def test_all_that_is_refused_is_told_and_the_rest_undone(scope: Scope, kube: Kube) -> None:
    kept = scope.apply(config_map("kept"))
    refusal = (422, {"reason": "Invalid", "message": "no good"})
    kube.refuse = lambda method, path: refusal if method == "PATCH" and ("/b?" in path or "/d?" in path) else None
    with pytest.raises(ApplyError) as caught:
        scope.apply([config_map(name) for name in "abcd"])
    path = "/api/v1/namespaces/mine/configmaps"
    query = "?fieldManager=pytest-kind&force=true&fieldValidation=Strict"
    assert str(caught.value).splitlines() == [
        "apply: 2 problems, what was made is undone",
        f"  - item 2 (ConfigMap b): 422 Invalid: no good (PATCH {path}/b{query})",
        f"  - item 4 (ConfigMap d): 422 Invalid: no good (PATCH {path}/d{query})",
    ]
    assert kube.names("configmaps") == ["mine/kept"]
    kube.refuse = lambda _, __: None
    scope.undo()
    assert kube.names("configmaps") == []
    assert kept.name == "kept"


def test_what_cannot_be_undone_after_a_refusal_is_told_too(scope: Scope, kube: Kube) -> None:
    answers: dict[str, Answer] = {"PATCH b": (422, {"message": "no good"}), "DELETE a": (500, {"message": "etcd is away"})}
    kube.refuse = lambda method, path: answers.get(f"{method} {path.partition('?')[0][-1]}")
    with pytest.raises(ApplyError) as caught:
        scope.apply([config_map("a"), config_map("b")])
    assert str(caught.value).splitlines()[0] == "apply: 1 problem, not all is undone"
    assert caught.value.left == ("ConfigMap mine/a: 500 Internal Server Error: etcd is away (DELETE /api/v1/namespaces/mine/configmaps/a)",)


@pytest.mark.parametrize(
    "answer",
    [
        (403, {"message": 'pods "a" is forbidden: error looking up service account mine/default: serviceaccount "default" not found'}),
        (500, {"message": 'failed calling webhook "w": connect: connection refused'}),
        (500, {"message": 'conversion webhook for example.com/v1, Kind=Widget failed: Post "https://w.mine.svc:443/": connection refused'}),
        (403, {"message": 'configmaps "a" is forbidden: status unknown for quota: q, resources: count/configmaps'}),
        (403, {"message": 'pods "a" is forbidden: no PriorityClass with name high was found'}),
        (409, {"message": 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified'}),
        (404, {"message": "the server could not find the requested resource"}),
        (429, {"message": "too many"}),
        (503, {"message": "not now"}),
    ],
)
def test_refusals_that_pass_are_waited_for(scope: Scope, kube: Kube, answer: Answer) -> None:
    answers = iter([answer, answer])
    kube.refuse = lambda method, _: next(answers, None) if method == "PATCH" else None
    assert scope.apply(config_map("a")).name == "a"
    answers = iter([answer] * 1000)
    with pytest.raises(ApplyError, match=rf"not within 0\.1 s: .*{answer[1]['message'][-10:]}"):
        scope.apply(config_map("b"), timeout=0.1)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"message": "conversion webhook for example.com/v1, Kind=Widget failed: size is missing"}),
        (403, {"message": 'configmaps "a" is forbidden: exceeded quota: q'}),
        (409, {"message": 'admission webhook "w" denied the request: the host is taken'}),
    ],
)
def test_other_refusals_are_told_at_once(scope: Scope, kube: Kube, answer: Answer) -> None:
    kube.refuse = lambda method, _: answer if method == "PATCH" else None
    with pytest.raises(ApplyError) as caught:
        scope.apply(config_map("a"), timeout=30)
    assert "not within" not in str(caught.value)


def test_one_of_the_same_name_that_is_being_deleted_is_waited_for(scope: Scope, kube: Kube) -> None:
    key = kube.add("configmaps", {**config_map("a"), "metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, "mine")
    with pytest.raises(ApplyError, match="one of the same name is still being deleted"):
        scope.apply(config_map("a"), timeout=0.1)
    looks = iter([None, None, lambda: kube.objects.pop(key)])

    def refuse(method: str, path: str) -> Answer | None:
        act = next(looks, None) if method == "GET" and path.endswith("/a") else None
        if act is not None:
            act()
        return None

    kube.refuse = refuse
    scope.apply(config_map("a"))
    scope.undo()
    assert kube.names("configmaps") == []


def test_finalizers_that_nobody_takes_off_are_told_and_taken_off(connection: Connection, kube: Kube) -> None:
    key = kube.add("configmaps", {**config_map("a"), "metadata": {"name": "a", "finalizers": ["example.com/mine"]}}, "mine")
    done = Changes(lambda: connection.api, [_made(connection, kube, key)])
    with pytest.raises(UndoError) as caught:
        done.undo(0.1)
    (problem,) = caught.value.problems
    assert problem == (
        "ConfigMap mine/a: deletion of ConfigMap mine/a: not within 0.1 s; last seen: its finalizers example.com/mine remain, "
        "which whoever set them has to take off; they were taken off"
    )
    assert key not in kube.objects


def test_kubernetes_own_finalizers_are_not_waited_for(connection: Connection, kube: Kube) -> None:
    key = kube.add("configmaps", {**config_map("a"), "metadata": {"name": "a", "finalizers": ["kubernetes.io/pvc-protection"]}}, "mine")
    Changes(lambda: connection.api, [_made(connection, kube, key)]).undo(0)
    assert "deletionTimestamp" in kube.objects[key]["metadata"]


def test_a_definition_is_waited_for(connection: Connection, kube: Kube) -> None:
    key = kube.add(CRDS, {**DEFINITION, "metadata": {"name": "widgets.example.com"}})
    kube.add("widgets.example.com", {**WIDGET, "metadata": {"name": "one", "finalizers": ["theirs"]}}, "mine")
    conditions = [{"type": "InstancesRemaining", "status": "True", "message": "1 instance remains"}]
    kube.write(key, lambda one: one.update(status={"conditions": conditions}))
    with pytest.raises(UndoError, match=r"remain, .*InstancesRemaining: 1 instance remains; those of its objects Widget mine/one were taken off$"):
        Changes(lambda: connection.api, [_made(connection, kube, key)]).undo(0.1)
    assert kube.names(CRDS) == kube.names("widgets.example.com") == []


def test_of_many_objects_that_hold_a_definition_some_are_named(connection: Connection, kube: Kube) -> None:
    key = kube.add(CRDS, {**DEFINITION, "metadata": {"name": "widgets.example.com"}})
    for number in range(7):
        kube.add("widgets.example.com", {**WIDGET, "metadata": {"name": f"w{number}", "finalizers": ["theirs"]}}, "mine")
    with pytest.raises(UndoError, match=r"Widget mine/w0, .*, Widget mine/w4, and 2 more were taken off$"):
        Changes(lambda: connection.api, [_made(connection, kube, key)]).undo(0.1)
    assert kube.names(CRDS) == []


def test_a_version_that_nobody_converts_to_is_passed_over(connection: Connection, kube: Kube) -> None:
    versions = [{"name": name, "served": True} for name in ("v1", "v2")]
    key = kube.add(CRDS, {**DEFINITION, "metadata": {"name": "widgets.example.com"}, "spec": {**DEFINITION["spec"], "versions": versions[::-1]}})
    kube.objects[key]["spec"]["versions"] = versions
    kube.add("widgets.example.com", {**WIDGET, "metadata": {"name": "one", "finalizers": ["theirs"]}}, "mine")
    with pytest.raises(UndoError, match=r"Widget mine/one were taken off$"):  # v1 is served by nobody
        Changes(lambda: connection.api, [_made(connection, kube, key)]).undo(0.1)
    assert kube.names(CRDS) == []


def test_who_deletes_a_definition_leaves_its_objects_their_finalizers(host: Any, kube: Kube) -> None:
    kube.add(CRDS, {**DEFINITION, "metadata": {"name": "widgets.example.com"}})
    kube.add("widgets.example.com", {**WIDGET, "metadata": {"name": "one", "finalizers": ["theirs"]}}, "mine")
    with pytest.raises(UndoError, match=r"remain, which whoever set them has to take off$"):
        removal.delete_objects(host, [DEFINITION], 0.1)
    assert kube.objects[Key("widgets.example.com", "mine", "one")]["metadata"]["finalizers"] == ["theirs"]


def test_an_object_that_was_applied_twice_is_undone_at_once(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    kube.add("configmaps", config_map("there", v="0"), "mine")
    for v in ("1", "2"):
        scope.apply([config_map("there", v=v), config_map("made", v=v)])
    before = len(writes(api_server))
    scope.undo()
    assert kube.names("configmaps") == ["mine/there"]
    assert kube.objects[Key("configmaps", "mine", "there")]["data"] == {"v": "0"}
    root = "/api/v1/namespaces/mine/configmaps"
    assert writes(api_server)[before:] == [f"DELETE {root}/made", f"PUT {root}/there"]


def test_one_that_was_applied_twice_and_deleted_meanwhile_is_not_made_again(host: Any, kube: Kube, api_server: ApiServer) -> None:
    scope = Scope(host, "mine")
    for v in ("1", "2"):
        made = scope.apply(config_map("a", v=v))
    removal.delete_objects(host, [made], 1)
    before = len(writes(api_server))
    scope.undo()
    assert writes(api_server)[before:] == ["DELETE /api/v1/namespaces/mine/configmaps/a"]


def test_the_rest_is_undone_whatever_fails(connection: Connection, kube: Kube) -> None:
    ran = []

    def fail() -> None:
        raise WaitTimeout("closing", 1, "nothing")

    Changes(lambda: connection.api).undo()
    with pytest.raises(UndoError, match=r"not undone:\n  - closing: not within 1\.0 s; last seen: nothing"):
        Changes(lambda: connection.api, [lambda: ran.append(1), fail, lambda: ran.append(2)]).undo()
    assert ran == [2, 1]


def test_an_interruption_undoes_what_was_done(host: Any, kube: Kube) -> None:
    def refuse(method: str, path: str) -> Answer | None:
        return (200, "no JSON") if method == "PATCH" and "/b?" in path else None

    kube.refuse = refuse
    with pytest.raises(ValueError, match="Expecting value"):
        Scope(host, "mine").apply([config_map("a"), config_map("b")])
    assert kube.names("configmaps") == []


def test_delete_objects_waits_for_their_end(host: Any, kube: Kube) -> None:
    scope = Scope(host, "mine")
    made = scope.apply([config_map("a"), config_map("b", "default")])
    removal.delete_objects(host, [*made, config_map("c")], 1)
    assert kube.names("configmaps") == []
    kube.add("configmaps", {**config_map("a"), "metadata": {"name": "a", "finalizers": ["example.com/x"]}}, "default")
    with pytest.raises(UndoError, match=r"ConfigMap default/a: deletion of ConfigMap default/a: not within 0\.1 s"):
        removal.delete_objects(host, [config_map("a")], 0.1)
    assert kube.objects[Key("configmaps", "default", "a")]["metadata"]["finalizers"] == ["example.com/x"]
    with pytest.raises(UsageError, match=r"delete_objects: the cluster serves no Widget of example\.com/v1"):
        removal.delete_objects(host, [WIDGET], 1)


def test_values_are_for_charts_alone(host: Any, api_server: ApiServer) -> None:
    with pytest.raises(UsageError, match=r"^apply: values and release: only for the folder of a Helm chart, which has a Chart\.yaml$"):
        sources.apply_source(host, config_map("a"), "mine", Changes(host), values={}, release="x", timeout=1)
    assert api_server.requests == []


def _made(connection: Connection, kube: Kube, key: Key) -> changes.Change:
    return changes.Change(kube.resources[key.resource], None, {**kube.objects[key]})
