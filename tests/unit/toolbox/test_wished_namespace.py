"""What a namespace is to be like: what is accepted, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.wished_namespace import WishedNamespace, parse


def test_nothing_said_is_nothing_wished() -> None:
    assert parse({}, "here") == parse({"quota": None, "labels": None}, "here") == WishedNamespace()


@pytest.mark.parametrize(
    ("values", "wished"),
    [
        ({"quota": {"pods": 5, "limits.cpu": 0.5, "memory": "1e9"}}, WishedNamespace(quota={"pods": "5", "limits.cpu": "0.5", "memory": "1e9"})),
        (
            {"limits": {"default": {"memory": "64Mi"}, "min": {"cpu": "10m"}}},
            WishedNamespace(limits=({"type": "Container", "default": {"memory": "64Mi"}, "min": {"cpu": "10m"}},)),
        ),
        (
            {"limits": [{"type": "Pod", "max": {"cpu": 2}}, {"maxLimitRequestRatio": {"cpu": 4}}]},
            WishedNamespace(limits=({"type": "Pod", "max": {"cpu": "2"}}, {"type": "Container", "maxLimitRequestRatio": {"cpu": "4"}})),
        ),
        (
            {"pod_security": "restricted", "labels": {"example.com/team": "a-b", "empty": ""}},
            WishedNamespace(pod_security="restricted", labels={"example.com/team": "a-b", "empty": ""}),
        ),
        ({"annotations": {"a": "any text, of\nany length" * 20}}, WishedNamespace(annotations={"a": "any text, of\nany length" * 20})),
    ],
)
def test_what_is_accepted(values: dict[str, Any], wished: WishedNamespace) -> None:
    assert parse(values, "here") == wished


def test_the_level_is_a_label() -> None:
    assert parse({"pod_security": "baseline", "labels": {"a": "b"}}, "here").all_labels == {
        "a": "b",
        "pod-security.kubernetes.io/enforce": "baseline",
    }


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"quota": {}}, 'quota: {} is not accepted; accepted is a mapping such as {"pods": "5", "requests.memory": "1Gi"}'),
        ({"quota": 5}, 'quota: 5 is not accepted; accepted is a mapping such as {"pods": "5", "requests.memory": "1Gi"}'),
        ({"quota": {5: 5}}, "quota: 5 is not accepted as the name of a resource"),
        ({"quota": {"pods": True}}, "quota['pods']: True is not accepted; accepted is a quantity such as 5, 500m or 1Gi"),
        ({"quota": {"pods": "-1"}}, "quota['pods']: '-1' is not accepted; accepted is a quantity such as 5, 500m or 1Gi"),
        ({"quota": {"memory": "1GB"}}, "quota['memory']: '1GB' is not accepted; accepted is a quantity such as 5, 500m or 1Gi"),
        (
            {"limits": "64Mi"},
            'limits: \'64Mi\' is not accepted; accepted is a mapping such as {"default": {"memory": "64Mi"}}, or a list of them',
        ),
        (
            {"limits": [{"type": "Pod"}]},
            'limits[0]: {\'type\': \'Pod\'} is not accepted; accepted is a mapping such as {"default": {"memory": "64Mi"}}, or a list of them',
        ),
        (
            {"limits": {"defaults": {"cpu": 1}}},
            "limits: defaults is not accepted; accepted are type, default, defaultRequest, max, min, maxLimitRequestRatio",
        ),
        (
            {"limits": [{"default": {"cpu": 1}}, {"type": "Node", "max": {"cpu": 1}}]},
            "limits[1]['type']: 'Node' is not accepted; accepted is one of Container, Pod, PersistentVolumeClaim",
        ),
        ({"limits": {"max": {"cpu": "x"}}}, "limits['max']['cpu']: 'x' is not accepted; accepted is a quantity such as 5, 500m or 1Gi"),
        ({"pod_security": "high"}, "pod_security: 'high' is not accepted; accepted is one of privileged, baseline, restricted"),
        ({"labels": ["a"]}, 'labels: [\'a\'] is not accepted; accepted is a mapping such as {"team": "a"}'),
        (
            {"labels": {"a b": "c"}},
            "labels: 'a b' is not accepted as a key; accepted are letters, digits, '-', '_' and '.', with a DNS name and '/' before it or not",
        ),
        ({"labels": {"a": "b c"}}, "labels['a']: 'b c' is not accepted; accepted is text of 63 letters, digits, - _ and . at most"),
        ({"annotations": {"a": 5}}, "annotations['a']: 5 is not accepted; accepted is text"),
        ({"size": 5}, "size: no such argument; there are quota, limits, pod_security, labels, annotations"),
    ],
)
def test_what_is_not_accepted(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(values, "here")
    assert str(caught.value) == f"here: {problem}"


def test_all_problems_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse({"quota": {"a": "x", "b": "y"}, "pod_security": "z"}, "here")
    assert [line.partition(": ")[2].partition(":")[0] for line in str(caught.value).splitlines()] == ["quota['a']", "quota['b']", "pod_security"]
