"""Pods in words."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.toolbox.objects.pods import default_container, is_ready, troubles
from pytest_kind.toolbox.selectors import of_pods


def container(name: str = "main", restarts: int = 0, *, last: dict[str, Any] | None = None, ready: bool = False, **state: Any) -> dict[str, Any]:
    return {"name": name, "image": "a:1", "ready": ready, "restartCount": restarts, "state": state, "lastState": {"terminated": last} if last else {}}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, ["is not known yet"]),
        ({"phase": "Pending"}, ["is Pending"]),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]},
            ["is not scheduled: 0/1 nodes are available"],
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, ["Failed: Evicted low on memory"]),
        ({"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}, ["container main: waits: ContainerCreating (image a:1)"]),
        ({"containerStatuses": [container(waiting={})]}, ["container main: waits (image a:1)"]),
        ({"containerStatuses": [container()]}, ["container main: is not there yet"]),
        ({"containerStatuses": [container(running={})]}, ["container main: runs, and is not ready"]),
        ({"containerStatuses": [container(restarts=2, running={})]}, ["container main: runs, started 3 times, and is not ready"]),
        ({"containerStatuses": [container(ready=True, running={}), container("b", terminated={"exitCode": 1})]}, ["container b: ended with 1"]),
        (
            {"containerStatuses": [container(restarts=1, last={"exitCode": 137, "reason": "OOMKilled"}, waiting={"reason": "CrashLoopBackOff"})]},
            ["container main: CrashLoopBackOff; it ended with 137 (OOMKilled), and was started 2 times"],
        ),
        (
            {"initContainerStatuses": [container("a", terminated={"exitCode": 0}), container("b", running={})]},
            ["init container b: runs, and is not done"],
        ),
        (
            {"phase": "Running", "conditions": [{"type": "example.com/gate", "status": "False", "message": "not yet"}]},
            ["condition example.com/gate: not yet"],
        ),
    ],
)
def test_why_one_is_not_ready(status: dict[str, Any], told: list[str]) -> None:
    assert [one.told for one in troubles({"metadata": {"name": "a"}, "status": status})] == told


def test_whose_log_may_tell_more() -> None:
    crashing = container(last={"exitCode": 1}, waiting={})
    status = {"containerStatuses": [crashing, container("b", running={}), container("c", waiting={})]}
    found = troubles({"metadata": {"name": "a"}, "status": status})
    assert [(one.container, one.previous) for one in found] == [("main", True), ("b", False), ("", False)]


@pytest.mark.parametrize(("named", "meant"), [("side", "side"), ("init", "init"), ("nobody", "main"), (None, "main")])
def test_which_container_is_meant_where_none_is_named(named: str | None, meant: str) -> None:
    spec = {"initContainers": [{"name": "init"}], "containers": [{"name": "main"}, {"name": "side"}]}
    annotations = {"kubectl.kubernetes.io/default-container": named} if named else {}
    assert default_container({"metadata": {"annotations": annotations}, "spec": spec}) == meant


def test_one_that_goes() -> None:
    assert [one.told for one in troubles({"metadata": {"deletionTimestamp": "now"}})] == ["is being deleted"]


def test_one_that_is_done_is_well() -> None:
    assert is_ready({"status": {"phase": "Succeeded"}})
    assert not is_ready({"metadata": {}})


@pytest.mark.parametrize(
    ("one", "selector"),
    [
        ({"kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}}}}, "a=b"),
        ({"kind": "Service", "spec": {"selector": {"a": "b", "c": "d"}}}, "a=b,c=d"),
        ({"kind": "Service", "spec": {}}, ""),
        ({"kind": "Widget", "spec": {"selector": "all"}}, ""),
        ({"kind": "ConfigMap"}, ""),
        (
            {
                "kind": "Job",
                "spec": {
                    "selector": {
                        "matchExpressions": [
                            {"key": "a", "operator": "In", "values": ["b", "c"]},
                            {"key": "d", "operator": "NotIn", "values": ["e"]},
                            {"key": "f", "operator": "Exists"},
                            {"key": "g", "operator": "DoesNotExist"},
                        ]
                    }
                },
            },
            "a in (b,c),d notin (e),f,!g",
        ),
    ],
)
def test_the_pods_of_an_object(one: dict[str, Any], selector: str) -> None:
    assert of_pods(one) == selector
