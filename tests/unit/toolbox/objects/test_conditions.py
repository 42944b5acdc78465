"""Conditions, in all forms that ``wait_for`` takes."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.objects import jsonpath
from pytest_kind.toolbox.objects.conditions import Condition, ended, parse
from pytest_kind.toolbox.objects.model import Fields, KindObject
from pytest_kind.waiting import NotYet

WEB: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "web", "generation": 2, "annotations": {"example.com/x": "y"}},
    "spec": {"replicas": 2},
    "status": {
        "observedGeneration": 2,
        "phase": "Running",
        "ready": True,
        "count": 0,
        "none": None,
        "conditions": [
            {"type": "Available", "status": "False", "reason": "Few", "message": "one is missing"},
            {"type": "Progressing", "status": "True"},
            {"type": "Old", "status": "True", "observedGeneration": 1},
        ],
        "parts": [{"name": "a", "up": "yes"}, {"name": "b", "up": "no"}],
    },
}


def said(condition: Condition, document: dict[str, Any] | None = None) -> str | None:
    found = parse(condition).check(KindObject.of(document or WEB))
    return found.reason if isinstance(found, NotYet) else None


@pytest.mark.parametrize(
    "condition",
    [
        "Progressing",
        "progressing=true",
        "Available=False",
        "condition=Available=false",
        "exists",
        "create",
        "{.status.phase}=Running",
        "jsonpath={.status.phase}=Running",
        "{.status.phase}='Running'",
        "{.status.phase}",
        "{.status.ready}=true",
        "{.status.count}=0",
        r"{.metadata.annotations.example\.com/x}=y",
        "{.metadata.annotations['example.com/x']}",
        "{.status.conditions[?(@.type=='Available')].status}=False",
        "{.status.conditions[1].type}=Progressing",
        "{.status.parts[-1].name}=b",
        "{.status.parts[*].name}",
        lambda one: one.status.phase == "Running",
    ],
)
def test_what_is_so(condition: Condition) -> None:
    assert said(condition) is None


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("Available", "Available is False (Few: one is missing)"),
        ("Old", "Old is True, of an earlier generation: its controller has not seen the last change"),
        (
            "Ready",
            "it has no condition Ready: Available is False (Few: one is missing), Progressing is True, Old is True",
        ),
        ("{.status.phase}=Pending", "{.status.phase} is Running"),
        ("{.status.nothing}", "it has no {.status.nothing}"),
        ("{.status.none}", "it has no {.status.none}"),
        ("{.status.parts[*].up}=yes", "{.status.parts[*].up} is yes, no"),
        ("{.status.parts[7].up}=yes", "it has no {.status.parts[7].up}"),
        ("delete", "it is there"),
        (
            lambda one: one.status.replicas > 1,
            "there is no field 'replicas'; there are observedGeneration, phase, ready, count, none, conditions, parts",
        ),
        (lambda one: one["nothing"], "KeyError('nothing')"),
        (lambda _: 0, "it returned 0"),
    ],
)
def test_what_is_not_says_why(condition: Condition, why: str) -> None:
    assert said(condition) == why


def test_a_functions_own_mistakes_are_not_taken_for_a_no() -> None:
    with pytest.raises(ZeroDivisionError):
        said(lambda _: 1 / 0)


@pytest.mark.parametrize("conditions", [{"Ready": "True"}, "Ready", [None, "Ready"]])
def test_conditions_of_another_shape_are_none(conditions: Any) -> None:
    assert said("Ready", {"kind": "Widget", "metadata": {}, "status": {"conditions": conditions}}) == "it has no condition Ready"
    assert ended({"kind": "Job", "status": {"conditions": conditions}}) == ""
    assert ended({"kind": "Job", "status": {"conditions": [{"status": "Running"}]}}) == ""  # of another group


@pytest.mark.parametrize(
    ("path", "of_status"),
    [
        ("{.status.phase}=Running", True),
        ("{$.status['phase']}=Running", True),
        ("{['status'].phase}", True),
        ("jsonpath=status.phase=Running", True),
        (r"{.metadata.annotations.example\.com/status}=archived", False),
        ("{.spec.status}", False),
        ("{.statuses}", False),
    ],
)
def test_which_paths_are_about_the_status(path: str, of_status: bool) -> None:
    assert parse(path).of_status is of_status


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("", "condition '' is not accepted; accepted is a condition's name"),
        ("exist", "condition 'exist' is not accepted; accepted is a condition's name"),
        ("status.ready=true", "condition 'status.ready=true' is not accepted; accepted is a condition's name"),
        ("{.status.ready", "JSONPath '{.status.ready' has one brace of two"),
        ("is it ready?", "accepted is a condition's name"),
        ("{.status..x}", r"JSONPath '{.status..x}' is not understood from '..x}' on|not understood from '\.\.x'"),
        ("{}=x", "names no field"),
        ("{.a}!=x", "'!=x' after the path; accepted is =VALUE"),
    ],
)
def test_what_is_no_condition(condition: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse(condition)


@pytest.mark.parametrize(
    ("kind", "spec", "status", "why"),
    [
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 1}, "1 of 2 pods are new"),
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "replicas": 3}, "1 old pods are still there"),
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}, "1 of 2 pods are available"),
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}, None),
        ("Deployment", {"replicas": 0}, {}, None),
        ("StatefulSet", {}, {"readyReplicas": 0}, "0 of 1 pods are ready"),
        ("StatefulSet", {"replicas": 2}, {"readyReplicas": 2, "updatedReplicas": 1}, "1 of 2 pods are new"),
        (
            "StatefulSet",
            {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
            None,
        ),
        ("StatefulSet", {"replicas": 1}, {"readyReplicas": 1, "updatedReplicas": 1, "updateRevision": "b"}, "1 of 1 pods are of revision b"),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, {"readyReplicas": 1}, None),
        ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, "1 of 2 pods are new"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "1 of 2 pods are available"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, None),
        ("Pod", {}, {}, "a Pod has no rollout; a Deployment, a StatefulSet, a DaemonSet has one"),
    ],
)
def test_rollouts(kind: str, spec: dict[str, Any], status: dict[str, Any], why: str | None) -> None:
    assert said("rollout", {"kind": kind, "metadata": {"name": "a"}, "spec": spec, "status": status}) == why


def test_a_rollout_that_its_controller_has_not_seen() -> None:
    assert said("rollout", {"kind": "Deployment", "metadata": {"generation": 2}, "status": {"observedGeneration": 1}}) == (
        "its controller has not seen the last change yet"
    )


def test_a_path_without_braces_and_with_a_root() -> None:
    assert jsonpath.parse("status.phase")(WEB) == jsonpath.parse("{$.status.phase}")(WEB) == ["Running"]
    assert jsonpath.parse(".metadata.*")({"metadata": {"a": 1, "b": 2}}) == [1, 2]


def test_live_objects_are_mappings_with_attributes() -> None:
    web = KindObject.of({**WEB, "metadata": {"name": "web", "namespace": "mine"}})
    assert (web.name, web.namespace, web.spec.replicas, web["spec"]["replicas"]) == ("web", "mine", 2, 2)
    assert isinstance(web.status.parts[0], Fields)
    web.spec.replicas = 3
    assert web["spec"] == {"replicas": 3}
    assert repr(web) == "<Deployment mine/web>"
    with pytest.raises(AttributeError, match="there is no field 'sepc'; there are kind, metadata, spec, status"):
        web.sepc  # noqa: B018
    assert not hasattr(web, "__deepcopy__")
    with pytest.raises(AttributeError, match="'name' is no field here"):
        setattr(web, "name", "other")  # noqa: B010 - mypy knows
    with pytest.raises(AttributeError, match="'items' is no field here"):
        setattr(web, "items", [])  # noqa: B010 - likewise
