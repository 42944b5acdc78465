"""What a wait for a custom resource tells of its controller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_kind.errors import WaitTimeout
from pytest_kind.toolbox.objects import conditions, controllers, target
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.toolbox.objects.wait import wait
from support.api_server import ApiServer
from support.kube import Kube, ready, resource

RBAC = "rbac.authorization.k8s.io"
MADE = "2026-01-01T10:00:00Z"
NOT_TAKEN = "Shop mine/one: nothing was written to it since pytest-kind made it at 10:00:00: no controller has taken it up; it has no status"
ONES_OWN = "no ServiceAccount may watch shops.example.com: its controller, if it has one, does not run in a pod with rights of its own"
NO_EVENTS = "no events of it in namespace mine"


def written(manager: str, time: str, operation: str = "Update", subresource: str = "") -> dict[str, str]:
    return {"manager": manager, "time": time, "operation": operation, **({"subresource": subresource} if subresource else {})}


def shop(**more: Any) -> dict[str, Any]:
    meta = {"name": "one", "namespace": "mine", "creationTimestamp": MADE, "managedFields": [written("pytest-kind", MADE, "Apply")]}
    return {"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {**meta, **more.pop("metadata", {})}, **more}


def told(connection: Connection) -> list[str]:
    """The lines below the first of a message about a shop that does not open."""
    with pytest.raises(WaitTimeout) as caught:
        wait(lambda: connection, target.parse("wait_for", "shop/one", None, "mine"), conditions.parse("Open"), 0)
    return [line.removeprefix("  ") for line in str(caught.value).splitlines()[1:]]


@pytest.fixture(autouse=True)
def _shops(kube: Kube) -> None:
    served = resource("example.com/v1/shops", "Shop")
    kube.resources[served.name] = served
    kube.add("shops.example.com", shop(), "mine")


def role(
    kube: Kube, name: str, *, namespace: str = "", verbs: tuple[str, ...] = ("get", "watch"), group: str = "example.com", what: str = "shops"
) -> None:
    rules = [{"apiGroups": [group], "resources": [what], "verbs": list(verbs)}]
    kube.add(f"roles.{RBAC}" if namespace else f"clusterroles.{RBAC}", {"metadata": {"name": name}, "rules": rules}, namespace)


def binding(kube: Kube, name: str, account: str, *, namespace: str = "", kind: str = "ClusterRole") -> None:
    space, _, of = account.partition("/")
    subjects = [{"kind": "ServiceAccount", "namespace": space, "name": of}, {"kind": "User", "name": "alice"}]
    document = {"metadata": {"name": f"{name}-{of}"}, "roleRef": {"kind": kind, "name": name}, "subjects": subjects}
    kube.add(f"rolebindings.{RBAC}" if namespace else f"clusterrolebindings.{RBAC}", document, namespace)


def pod(kube: Kube, name: str, account: str, *, is_ready: bool = True, **status: Any) -> None:
    space, _, of = account.partition("/")
    spec = {"containers": [{"name": "main"}], "serviceAccountName": of}
    one = ready({"metadata": {"name": name}, "spec": spec}, is_ready=is_ready)
    one["status"] |= {"phase": "Running", **status}
    kube.add("pods", one, space)


def test_an_object_that_nobody_took_up(connection: Connection) -> None:
    assert told(connection) == [NOT_TAKEN, ONES_OWN, NO_EVENTS]


def test_who_may_watch_and_has_no_pod(connection: Connection, kube: Kube) -> None:
    role(kube, "shops")
    binding(kube, "shops", "shop-system/operator")
    pod(kube, "other", "shop-system/default")
    assert told(connection) == [NOT_TAKEN, "no pod runs as one that may watch shops.example.com (ServiceAccount shop-system/operator)", NO_EVENTS]


def test_a_pod_that_crashes_and_its_last_words(connection: Connection, kube: Kube, api_server: ApiServer) -> None:
    role(kube, "shops", group="*", what="*", verbs=("*",))
    binding(kube, "shops", "shop-system/operator")
    binding(kube, "shops", "kube-system/generic-garbage-collector")
    pod(kube, "collector", "kube-system/generic-garbage-collector")
    ended = {"exitCode": 1, "reason": "Error"}
    crashing = {"name": "main", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
    pod(kube, "operator-1", "shop-system/operator", is_ready=False, containerStatuses=[crashing])
    log = "/api/v1/namespaces/shop-system/pods/operator-1/log?container=main&tailLines=5&previous=true"
    api_server.answer("GET", log, (200, "no rights\n"))
    assert told(connection) == [
        NOT_TAKEN,
        "perhaps its controller: pod operator-1 in namespace shop-system, which may watch shops.example.com",
        "pod operator-1: container main: CrashLoopBackOff; it ended with 1 (Error), and was started 3 times",
        "  | no rights",
        NO_EVENTS,
    ]


def test_a_pod_that_is_ready_and_what_it_says(connection: Connection, kube: Kube, api_server: ApiServer) -> None:
    role(kube, "shops", namespace="mine")
    role(kube, "shops", namespace="other")
    binding(kube, "shops", "mine/operator", namespace="mine", kind="Role")
    binding(kube, "shops", "other/operator", namespace="other", kind="Role")
    pod(kube, "operator-1", "mine/operator")
    pod(kube, "operator-2", "other/operator")
    api_server.answer("GET", "/api/v1/namespaces/mine/pods/operator-1/log?container=main&tailLines=5", (200, "password=abc\nshop one: no bricks\n"))
    assert told(connection)[1:] == [
        "perhaps its controller: pod operator-1 in namespace mine, which may watch shops.example.com",
        "  it is ready",
        "  | password=[removed]",
        "  | shop one: no bricks",
        NO_EVENTS,
    ]


@pytest.mark.parametrize("wrong", [{"verbs": ("get", "list")}, {"group": "example.org"}, {"what": "markets"}])
def test_other_rights_are_none(connection: Connection, kube: Kube, wrong: dict[str, Any]) -> None:
    role(kube, "shops", **wrong)
    binding(kube, "shops", "shop-system/operator")
    assert told(connection)[1] == ONES_OWN


def test_rights_that_cannot_be_had_are_said(connection: Connection, kube: Kube) -> None:
    kube.refuse = lambda _, path: (403, {"message": "not for you"}) if "clusterroles" in path else None
    assert told(connection)[-1] == f"no more is known: 403 Forbidden: not for you (GET /apis/{RBAC}/v1/clusterroles)"


def test_what_others_wrote() -> None:
    wrote = [
        written("pytest-kind", MADE, "Apply"),
        written("manager", "2026-01-01T10:00:02Z", subresource="status"),
        written("kopf", "2026-01-01T10:00:01Z"),
    ]
    one = KindObject.of(shop(metadata={"managedFields": wrote}, status={"phase": "New"}))
    assert controllers.told(one) == [
        "Shop mine/one: written by pytest-kind (Apply, 10:00:00), kopf (Update, 10:00:01), manager (Update of status, 10:00:02)"
    ]
    later = KindObject.of(shop(metadata={"managedFields": [written("curl", "2026-01-01T10:00:09Z")]}))
    assert controllers.told(later) == ["Shop mine/one: written by curl (Update, 10:00:09); it has no status"]
    assert controllers.told(KindObject.of(shop(metadata={"managedFields": []}))) == []


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"retries": 3, "delayed": "2026-01-01T10:01:00.5", "message": "no bricks"}, "tried 3 times, again at 10:01:00: no bricks"),
        ({"retries": 5, "failure": True, "message": "never"}, "failed for good, tried 5 times: never"),
        ({"retries": 0, "delayed": None}, "begun"),
        ({"retries": 1, "success": True}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("place", ["annotations", "status"])
def test_what_kopf_noted(record: dict[str, Any] | None, said: str | None, place: str) -> None:
    note = {"started": MADE, **record} if record else ["no record"]
    more: dict[str, Any] = {"status": {"kopf": {"progress": {"build": note}}}}
    if place == "annotations":
        marks = {"kopf.zalando.org/build": json.dumps(note), "kopf.zalando.org/last-handled-configuration": "{", "note": "{}"}
        more = {"metadata": {"annotations": marks}}
    lines = [line for line in controllers.told(KindObject.of(shop(**more))) if "kopf" in line]
    assert lines == ([] if said is None else [f"Shop mine/one: its operator (kopf) of its handler build: {said}"])
