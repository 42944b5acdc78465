"""Whether a thing serves, by its own words."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.pristine.conditions import condition, is_outdated, unready, unsettled
from pytest_kind.pristine.model import Document


def with_condition(name: str, status: str, message: str = "") -> Document:
    return {"status": {"conditions": [{"type": name, "status": status, **({"message": message} if message else {})}]}}


def test_a_condition_that_was_true_and_is_not() -> None:
    assert unready("nodes", with_condition("Ready", "True"), with_condition("Ready", "Unknown", "kubelet stopped")) == "kubelet stopped"
    assert unready("pods", with_condition("Ready", "True"), {}) == "not Ready"
    assert unready("nodes", with_condition("Ready", "False"), with_condition("Ready", "False")) is None
    assert unready("configmaps", with_condition("Ready", "True"), {}) is None
    assert condition({}, "Ready") == {}


def stateful(updated: int, current: str = "old", **strategy: Any) -> dict[str, Any]:
    status = {"replicas": 2, "updatedReplicas": updated, "currentRevision": current, "updateRevision": "new"}
    return {"spec": {"replicas": 2, "updateStrategy": strategy}, "status": status}


@pytest.mark.parametrize(
    ("resource", "document", "why"),
    [
        ("deployments.apps", {"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}, "its controller has not seen the last change yet"),
        ("deployments.apps", {"spec": {"replicas": 2}, "status": {"replicas": 2, "updatedReplicas": 1}}, "pods of an older template"),
        ("deployments.apps", {"spec": {"replicas": 1}, "status": {"replicas": 2, "updatedReplicas": 1}}, "2 pods instead of 1"),
        ("deployments.apps", {"status": {"replicas": 1, "updatedReplicas": 1}}, None),
        (
            "daemonsets.apps",
            {"status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1}},
            "pods of an older template",
        ),
        ("daemonsets.apps", {"status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2}}, None),
        ("statefulsets.apps", {"spec": {"replicas": 2}, "status": {"replicas": 1}}, "1 pods instead of 2"),
        ("statefulsets.apps", {"spec": {"replicas": 2}, "status": {"replicas": 2}}, None),
        ("statefulsets.apps", stateful(updated=1), "pods of an older template"),
        ("statefulsets.apps", stateful(updated=2), None),
        ("statefulsets.apps", stateful(updated=0, current="new"), None),  # a rollout that is done
        ("statefulsets.apps", stateful(updated=1, rollingUpdate={"partition": 1}), None),
        ("statefulsets.apps", stateful(updated=0, rollingUpdate={"partition": 1}), "pods of an older template"),
        ("statefulsets.apps", stateful(updated=0, type="OnDelete"), None),
    ],
)
def test_what_makes_pods_says_whether_it_is_done(resource: str, document: dict[str, Any], why: str | None) -> None:
    assert unsettled(resource, {"metadata": {}, **document}) == why


@pytest.mark.parametrize(
    ("changed", "revision", "outdated"),
    [
        ({}, "old", True),
        ({}, "new", False),
        ({}, None, False),
        ({"type": "OnDelete"}, "old", True),
        ({"rollingUpdate": {"partition": 1}}, "old", False),  # it may be one of those that stay so
    ],
)
def test_a_pod_whose_successor_would_be_of_the_template_of_now(changed: dict[str, Any], revision: str | None, outdated: bool) -> None:
    pod = {"metadata": {"labels": {"controller-revision-hash": revision} if revision else {}}}
    one = {"metadata": {"generation": 2}, **stateful(updated=0, **changed)}
    one["status"]["observedGeneration"] = 2
    assert is_outdated(one, pod) is outdated
    one["metadata"]["generation"] = 3  # which its controller has not seen
    assert not is_outdated(one, pod)
