"""Waiting: what is watched, how an interruption is survived, and what is told when it does not come."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_kind.api.http import ApiError
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.pristine.model import Key
from pytest_kind.toolbox.objects import conditions, members, target
from pytest_kind.toolbox.objects.conditions import Condition
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.toolbox.objects.target import Target
from pytest_kind.toolbox.objects.wait import WaitHopeless, wait
from support.api_server import Answer, ApiServer
from support.kube import Kube

Wait = Callable[..., list[KindObject]]


@pytest.fixture
def waiting(connection: Connection) -> Wait:
    def call(what: Target, condition: Condition, seconds: float = 5, selector: str | None = None, namespace: str = "mine") -> list[KindObject]:
        wanted = target.parse("wait_for", what, selector, namespace)
        return wait(lambda: connection, wanted, conditions.parse(condition), seconds)

    return call


def pod(kube: Kube, name: str, phase: str = "Running", **more: Any) -> Key:
    spec = {"containers": [{"name": "main"}]}
    document = {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec, "status": {"phase": phase, **more}}
    return kube.add("pods", document, "mine")


def watches(kube: Kube, *answers: Any) -> None:
    """What each watch sees; after the last nothing."""
    left = iter(answers)

    def refuse(_method: str, path: str) -> Answer | None:
        if "watch=1" not in path:
            return None
        seen = next(left, "")
        return seen() if callable(seen) else (200, seen)

    kube.refuse = refuse


def changed(kube: Kube, key: Key, what: str = "MODIFIED", **status: Any) -> str:
    one = {**kube.objects[key], "status": {**kube.objects[key]["status"], **status}}
    return json.dumps({"type": what, "object": {"apiVersion": "v1", "kind": "Pod", **one}}) + "\n"


def test_what_is_so_already_takes_one_request(waiting: Wait, kube: Kube, api_server: ApiServer) -> None:
    pod(kube, "a")
    (one,) = waiting("pod/a", "{.status.phase}=Running")
    assert (one.name, one.kind, one.status.phase) == ("a", "Pod", "Running")
    lists = [path for _, path, _ in api_server.requests if path.startswith("/api/v1/namespaces")]
    assert lists == ["/api/v1/namespaces/mine/pods?fieldSelector=metadata.name%3Da"]


def test_a_change_is_seen_as_it_happens(waiting: Wait, kube: Kube, api_server: ApiServer) -> None:
    key = pod(kube, "a", "Pending")
    watches(kube, changed(kube, key) + changed(kube, key, phase="Running"))
    assert waiting("pods/a", "{.status.phase}=Running")[0].status.phase == "Running"
    assert len([path for _, path, _ in api_server.requests if "watch=1" in path]) == 1


def test_a_watch_that_ends_breaks_or_is_forgotten_begins_anew(waiting: Wait, kube: Kube, api_server: ApiServer) -> None:
    key = pod(kube, "a", "Pending")
    gone = json.dumps({"type": "ERROR", "object": {"code": 410, "message": "too old"}}) + "\n"

    def runs_now() -> Answer:
        kube.objects[key]["status"]["phase"] = "Running"
        return 503, {"message": "not now"}

    watches(kube, "", gone, runs_now)
    assert waiting("pod/a", "{.status.phase}=Running")
    assert len([path for _, path, _ in api_server.requests if "watch=1" in path]) == 3


def test_one_that_is_not_there_yet(waiting: Wait, kube: Kube) -> None:
    def comes() -> Answer:
        pod(kube, "a")
        return 200, ""

    watches(kube, comes)
    assert waiting("pod/a", "exists")[0].name == "a"


def test_all_that_have_the_labels(waiting: Wait, kube: Kube) -> None:
    keys = [pod(kube, name) for name in "ab"]
    assert [one.name for one in waiting("pods", "{.status.phase}=Running", selector="app=web")] == ["a", "b"]
    kube.objects[keys[1]]["status"]["phase"] = "Pending"
    with pytest.raises(WaitTimeout, match=r"pods of app=web in namespace mine: .* last seen: b: \{\.status\.phase\} is Pending\n"):
        waiting("pods", "{.status.phase}=Running", 0, "app=web")
    with pytest.raises(WaitTimeout, match="last seen: no pods has these labels"):
        waiting("pods", "exists", 0, "app=db")


def test_an_end_is_that_of_the_object_and_not_of_its_name(waiting: Wait, kube: Kube) -> None:
    key = pod(kube, "a")
    old = KindObject.of({"apiVersion": "v1", "kind": "Pod", **kube.objects[key]})
    with pytest.raises(WaitTimeout, match="last seen: a is there"):
        waiting(old, "delete", 0)
    pod(kube, "a")
    assert waiting(old, "delete") == []
    key = pod(kube, "a")
    again = {**kube.objects[key], "metadata": {**kube.objects[key]["metadata"], "uid": "another"}}
    deleted = json.dumps({"type": "DELETED", "object": kube.objects[key]}) + "\n"
    watches(kube, deleted + json.dumps({"type": "ADDED", "object": again}) + "\n")
    assert waiting("pod/a", "delete") == []


def test_an_end_that_does_not_come_names_finalizers(waiting: Wait, kube: Kube) -> None:
    key = pod(kube, "a")
    kube.objects[key]["metadata"] |= {"finalizers": ["example.com/mine"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    with pytest.raises(WaitTimeout, match=r"pod a in namespace mine: is deleted: .* a is being deleted, with finalizers example\.com/mine"):
        waiting("pod/a", "delete", 0)


def test_what_is_not_served_is_gone_and_never_comes(waiting: Wait) -> None:
    assert waiting("widget/a", "delete") == []
    with pytest.raises(WaitTimeout, match="last seen: the cluster serves no resource that is called 'widget'"):
        waiting("widget/a", "exists", 0)
    with pytest.raises(WaitTimeout, match=r"the cluster serves no Widget of example\.com/v1"):
        waiting({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}}, "exists", 0)


@pytest.mark.parametrize("condition", ["Ready", "{.status.phase}=Running"])
def test_what_has_ended_otherwise_is_not_waited_for(waiting: Wait, kube: Kube, condition: str) -> None:
    pod(kube, "a", "Failed", conditions=[{"type": "Ready", "status": "False", "reason": "PodFailed"}])
    with pytest.raises(WaitHopeless, match=r"^wait_for pod a in namespace mine: .*: it has ended otherwise; last seen: a: phase Failed; "):
        waiting("pod/a", condition, 3600)
    assert waiting("pod/a", "{.status.phase}=Failed")
    with pytest.raises(WaitTimeout, match="not within"):  # a label may still come
        waiting("pod/a", "{.metadata.labels.new}", 0)


def test_a_job_that_failed_will_not_be_complete() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    assert conditions.ended({"kind": "Job", "status": {"conditions": [failed]}}) == "Failed is True (BackoffLimitExceeded)"
    assert not conditions.ended({"kind": "Job", "status": {}})
    assert not conditions.ended({"kind": "Deployment", "status": {"phase": "Failed"}})


def test_a_server_that_is_away_is_told(waiting: Wait, kube: Kube) -> None:
    kube.refuse = lambda _, __: (500, {"message": "etcd is away"})
    with pytest.raises(WaitTimeout, match=r"last seen: nothing yet; 500 Internal Server Error: etcd is away \(GET /api\)\n  no more is known"):
        waiting("pod/a", "exists", 0)


def test_where_there_is_none_it_says_what_there_is(waiting: Wait, kube: Kube) -> None:
    pod(kube, "web-1")
    with pytest.raises(WaitTimeout) as caught:
        waiting("pod/web", "Ready", 0)
    assert str(caught.value).splitlines() == [
        "wait_for pod web in namespace mine: Ready: not within 0.0 s; last seen: there is no pod web",
        "  pods in namespace mine: web-1",
    ]
    with pytest.raises(
        WaitTimeout, match="pods in namespace default: none\n  there is one of that name in namespace mine: give namespace='mine', or"
    ):
        waiting("pod/web-1", "Ready", 0, namespace="default")


def test_a_timeout_tells_status_pods_their_last_words_and_events(waiting: Wait, kube: Kube, api_server: ApiServer) -> None:
    web = kube.add(
        "deployments.apps",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"conditions": [{"type": "Available", "status": "False", "reason": "Few", "message": "one is missing"}]},
        },
        "mine",
    )
    ended = {"exitCode": 3, "reason": "Error"}
    crashing = {"name": "main", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
    key = pod(kube, "web-1", containerStatuses=[crashing])
    pod(kube, "web-2", conditions=[{"type": "Ready", "status": "True"}])
    event = {"reason": "BackOff", "type": "Warning", "message": "Back-off  restarting", "count": 4, "lastTimestamp": "2026-01-01T10:20:30Z"}
    kube.add("events", {**event, "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "web-1", "uid": _uid(kube, key)}}, "mine")
    kube.add("events", {**event, "metadata": {"name": "f"}, "involvedObject": {"kind": "Pod", "name": "other", "uid": "other"}}, "mine")
    log = "/api/v1/namespaces/mine/pods/web-1/log?container=main&tailLines=5&previous=true"
    api_server.answer("GET", log, (200, "no database\npassword=abc\n"))
    with pytest.raises(WaitTimeout) as caught:
        waiting({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kube.objects[web]["metadata"]}, "Available", 0)
    assert str(caught.value).splitlines() == [
        "wait_for Deployment web in namespace mine: Available: not within 0.0 s; last seen: Available is False (Few: one is missing)",
        "  Deployment mine/web: Available is False (Few: one is missing)",
        "  pod web-1: container main: CrashLoopBackOff; it ended with 3 (Error), and was started 3 times",
        "    | no database",
        "    | password=[removed]",
        "  events:",
        "    10:20:30 Warning BackOff pod/web-1 (4 times): Back-off restarting",
    ]
    api_server.answer("GET", log, (400, {"message": "previous terminated container not found"}))
    with pytest.raises(WaitTimeout, match=r"its log cannot be had: .*previous terminated container not found"):
        waiting("deployment.apps/web", "Available", 0)


def _uid(kube: Kube, key: Key) -> str:
    return str(kube.objects[key]["metadata"]["uid"])


@pytest.mark.parametrize(
    ("what", "selector"),
    [("pod", None), ("pod/", None), ("/a", None), ("pod/a", "app=web"), ("", None), ("pod/a/b", None)],
)
def test_what_is_no_target(what: str, selector: str | None) -> None:
    with pytest.raises(UsageError, match=r"wait_for: .* is not accepted; accepted is KIND/NAME"):
        target.parse("wait_for", what, selector, None)


def test_objects_that_are_no_target() -> None:
    with pytest.raises(UsageError, match=r"wait_for: \[1\] is not accepted; accepted is a text or one object"):
        target.parse("wait_for", [1], None, None)
    with pytest.raises(UsageError, match=r"is no object: apiVersion, kind or metadata\.name is missing"):
        target.parse("wait_for", {"kind": "Pod"}, None, None)
    with pytest.raises(UsageError, match="selector='a=b' beside an object"):
        target.parse("wait_for", {"kind": "Pod"}, "a=b", None)


def test_what_is_in_another_namespace_is_named(connection: Connection, kube: Kube) -> None:
    pod(kube, "a")
    kube.add("pods", {"metadata": {"name": "other"}}, "default")
    elsewhere = "there is one of that name in namespace mine: give namespace='mine', or the object that apply returned"
    with pytest.raises(ApiError) as caught:
        target.get(connection, target.parse("get", "pod/a", None, None))
    assert str(caught.value) == f"get: there is no pod a in namespace default; {elsewhere}"
    with pytest.raises(ApiError, match=f"^logs: there is no pod a in namespace default; {elsewhere}$"):
        members.of(connection, target.parse("logs", "a", None, None, bare="pod"))
    with pytest.raises(ApiError, match=r"^get: there is no pod none in namespace default$"):
        target.get(connection, target.parse("get", "pod/none", None, None))
    assert (
        target.get(connection, target.parse("get", {"apiVersion": "v1", "kind": "Pod", **kube.objects[Key("pods", "mine", "a")]}, None, None)).name
        == "a"
    )


def test_what_cannot_be_looked_up_elsewhere_is_said(connection: Connection, kube: Kube) -> None:
    kube.refuse = lambda _, path: (403, {"message": "not for you"}) if "fieldSelector" in path else None
    with pytest.raises(ApiError, match=r"whether it is in another namespace is not known: 403 Forbidden: not for you \(GET .*\)$"):
        target.get(connection, target.parse("get", "pod/a", None, None))
    kube.refuse = lambda _, __: (500, {"message": "etcd is away"})
    with pytest.raises(ApiError, match=r"500 Internal Server Error: etcd is away \(GET /api/v1/namespaces/default/pods/a\)$"):
        target.get(connection, target.parse("get", "pod/a", None, None))


@pytest.mark.parametrize("word", ["pods", "Pod", "po", "pod", "POD"])
def test_a_kind_in_all_its_words(connection: Connection, kube: Kube, word: str) -> None:
    pod(kube, "a")
    resource = connection.find(lambda one: one.plural == "pods")
    assert resource is not None
    object.__setattr__(resource, "words", ("pod", "po"))
    assert target.get(connection, target.parse("get", f"{word}/a", None, "mine")).name == "a"


@pytest.mark.parametrize("word", ["deployment.apps", "deployments.v1.apps", "deployments"])
def test_a_kind_with_its_group(connection: Connection, kube: Kube, word: str) -> None:
    kube.add("deployments.apps", {"metadata": {"name": "a"}}, "mine")
    assert target.get(connection, target.parse("get", f"{word}/a", None, "mine")).name == "a"
    with pytest.raises(UsageError, match=r"get: the cluster serves no resource that is called 'pods\.apps'"):
        target.get(connection, target.parse("get", "pods.apps/a", None, "mine"))


def test_the_pods_of_a_workload_and_of_a_service(connection: Connection, kube: Kube) -> None:
    pod(kube, "b")
    pod(kube, "a")
    kube.add("services", {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}, "mine")
    kube.add("configmaps", {"kind": "ConfigMap", "metadata": {"name": "c"}}, "mine")
    found = members.of(connection, target.parse("logs", "service/web", None, "mine"))
    assert [one["metadata"]["name"] for one in found] == ["a", "b"]
    with pytest.raises(UsageError, match="logs: configmap c in namespace mine selects no pods"):
        members.of(connection, target.parse("logs", "configmap/c", None, "mine"))
    with pytest.raises(UsageError, match="logs: a selector is for pods; of others name one: configmaps/c"):
        members.of(connection, target.parse("logs", "configmaps", "", "mine"))
