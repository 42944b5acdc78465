"""What a test asked of the API, of an audit log's lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_kind.diagnose.audit import lines_of
from pytest_kind.diagnose.scene import MachineSeen, Scene
from pytest_kind.diagnose.sections import sections
from support.scenes import scene

FORBIDDEN = 'pods is forbidden: User "alice" cannot list resource "pods"'


def line(verb: str = "get", second: float = 1, code: int = 200, *, took: float = 0.004, user: str = "kubernetes-admin", **more: Any) -> str:
    """An event of the API server's."""
    event = {
        "kind": "Event",
        "level": "Metadata",
        "verb": verb,
        "user": {"username": user},
        "sourceIPs": ["172.17.0.1"],
        "userAgent": "OpenAPI-Generator/36.0.0/python",
        "objectRef": {"resource": "configmaps", "namespace": "mine", "name": "one", "apiVersion": "v1"},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": f"2026-11-28T16:00:{second:09.6f}Z",
        "stageTimestamp": f"2026-11-28T16:00:{second + took:09.6f}Z",
    }
    return json.dumps({**event, **more}, separators=(",", ":"))


def told(*lines: str, most: int = 60, **more: Any) -> list[str]:
    return lines_of(scene(machines=(MachineSeen(name="c-control-plane", role="control-plane", audit=lines),), **more), most)


def test_verb_object_answer_and_how_long_it_took() -> None:
    assert told(
        line("create", 2, 201, took=1.5, objectRef={"resource": "pods", "subresource": "exec", "namespace": "mine", "name": "web"}),
        line("list", 3, objectRef={"resource": "shops", "apiGroup": "example.com"}, userAgent="kubectl/v1.37.1 (linux/amd64)"),
        line("get", 1, requestURI="/version?token=abc", objectRef=None, userAgent=""),
    ) == [
        "    +1.0 s     get /version: 200 in 4 ms",
        "    +2.0 s     create pods/exec mine/web, by OpenAPI-Generator: 201 in 1.5 s",
        "    +3.0 s     list shops.example.com, by kubectl: 200 in 4 ms",
    ]


def test_a_refusal_is_marked_and_says_why() -> None:
    refused: dict[str, Any] = {"responseStatus": {"code": 403, "message": FORBIDDEN}, "objectRef": {"resource": "pods", "namespace": "mine"}}
    annotated: dict[str, Any] = {"responseStatus": {"code": 409}, "annotations": {"authorization.k8s.io/reason": "no\n way"}}
    assert told(line("list", user="alice", **refused), line(second=2, **annotated)) == [
        f"!   +1.0 s     list pods mine, by OpenAPI-Generator as alice: 403 in 4 ms: {FORBIDDEN}",
        "!   +2.0 s     get configmaps mine/one, by OpenAPI-Generator: 409 in 4 ms: no way",
    ]


def test_the_same_again_and_again_is_one_line() -> None:
    assert told(line(second=1), line(second=2, took=0.09), line(second=3), line(second=4, code=404)) == [
        "    +1.0 s x3  get configmaps mine/one, by OpenAPI-Generator: 200 in 90 ms",
        "    +4.0 s     get configmaps mine/one, by OpenAPI-Generator: 404 in 4 ms",
    ]


@pytest.mark.parametrize(
    ("user", "address", "told_of"),
    [
        ("alice", "172.17.0.1", True),
        ("system:serviceaccount:mine:robot", "172.17.0.1", True),  # kind_service_account's client
        ("system:serviceaccount:mine:operator", "10.244.0.7", False),  # a pod
        ("system:node:c-control-plane", "172.17.0.2", False),
        ("system:kube-controller-manager", "172.17.0.2", False),
    ],
)
def test_whose_requests_are_the_tests(user: str, address: str, told_of: bool) -> None:
    node = {"metadata": {"name": "c-control-plane"}, "spec": {"podCIDRs": ["10.244.0.0/24"]}}
    assert bool(told(line(user=user, sourceIPs=[address]), objects={"nodes": (node,)})) is told_of


def test_what_a_boot_still_asks_is_none_of_it() -> None:
    assert told(line(userAgent="kubeadm/v1.37.1 (linux/amd64) kubernetes/abc")) == []


def test_who_is_impersonated_is_who_asks() -> None:
    (found,) = told(line(impersonatedUser={"username": "bob"}))
    assert " as bob: " in found


def test_another_time_and_what_cannot_be_read_are_left_out() -> None:
    assert (
        told(line(second=1)[:-9], line(second=1, requestReceivedTimestamp="2026-11-28T15:59:59Z"), line(second=30), line(second=1, stageTimestamp=""))
        == []
    )


def test_it_is_bounded_and_without_secrets() -> None:
    lines = [line(second=number % 10, objectRef={"resource": "secrets", "name": f"a{number}"}) for number in range(10)]
    assert told(*lines, most=3)[0] == "(7 lines before these are left out)"
    assert len(told(*lines, most=3)) == 4
    refused = line(code=422, responseStatus={"code": 422, "message": "password=abc is no good"})
    one: Scene = scene(machines=(MachineSeen(name="c", role="control-plane", audit=(refused,)),))
    (section,) = [part for part in sections(one, 60) if part.name == "audit"]
    assert section.title == "kind: what was asked of the API"
    assert "abc" not in section.text
