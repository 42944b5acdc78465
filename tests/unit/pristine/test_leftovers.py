"""Who is told of what was left behind."""

from __future__ import annotations

import pytest

from pytest_kind.pristine.leftovers import Leftovers
from pytest_kind.pristine.model import Key, Listing
from pytest_kind.toolbox.namespaces import LABEL
from support.kube import Kube, dns, handed_over
from unit.pristine.test_difference import listing


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kube() -> Kube:
    return handed_over()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leftovers(kube: Kube, clock: Clock) -> Leftovers:
    return Leftovers(listing(kube), clock)


def left(leftovers: Leftovers, now: Kube | Listing, test: str = "test_a") -> list[str]:
    found = leftovers.end(now if isinstance(now, Listing) else listing(now), test)
    return [f"{who}: {one}" for who, one in found]


def test_each_object_is_told_of_once(kube: Kube, leftovers: Leftovers) -> None:
    assert left(leftovers, kube) == []
    kube.add("configmaps", {"metadata": {"name": "mine"}}, "default")
    kube.add("namespaces", {"metadata": {"name": "other"}})
    kube.add("secrets", {"metadata": {"name": "inside"}}, "other")
    assert left(leftovers, kube) == ["test_a: new: ConfigMap default/mine", "test_a: new: Namespace other"]
    assert left(leftovers, kube, "test_b") == []
    del kube.objects[Key("configmaps", "default", "mine")]
    assert left(leftovers, kube, "test_c") == []  # it was told of


def test_changes_and_what_was_deleted_are_left_too(kube: Kube, leftovers: Leftovers) -> None:
    kube.write(Key("nodes", "", "mine-control-plane"), lambda one: one["metadata"].update(labels={"mess": "yes"}))
    del kube.objects[Key("configmaps", "kube-system", "coredns")]
    assert left(leftovers, kube) == ["test_a: changed: Node mine-control-plane (metadata.labels)", "test_a: gone: ConfigMap kube-system/coredns"]


def test_namespaces_of_tests_are_nobodys_business_and_neither_are_their_volumes(kube: Kube, leftovers: Leftovers) -> None:
    space = kube.add("namespaces", {"metadata": {"name": "test-a-1", "labels": {LABEL: "test_a"}}})
    inside = kube.add("configmaps", {"metadata": {"name": "a"}}, "test-a-1")
    kube.add(
        "persistentvolumes",
        {"metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "test-a-1", "name": "a"}, "persistentVolumeReclaimPolicy": "Retain"}},
    )
    kube.add("pods", {"metadata": {"name": "helper-pod-delete-pvc-1"}, "spec": {}}, "local-path-storage")
    assert left(leftovers, kube) == []
    del kube.objects[space], kube.objects[inside]
    assert left(leftovers, kube, "test_b") == []


def test_what_pods_do_is_nobodys_business(kube: Kube, leftovers: Leftovers) -> None:
    (pod,) = [key for key in kube.objects if key.resource == "pods"]
    del kube.objects[pod]
    assert left(leftovers, kube) == []
    dns(kube)
    assert left(leftovers, kube) == []


def test_what_fixtures_make_in_between_is_no_tests(kube: Kube, leftovers: Leftovers) -> None:
    kube.add("configmaps", {"metadata": {"name": "of-a-module"}}, "default")
    leftovers.begin(listing(kube))
    assert left(leftovers, kube) == []


@pytest.mark.parametrize("what", ["going", "orphan", "released"])
def test_what_is_about_to_go_has_half_a_minute(kube: Kube, leftovers: Leftovers, clock: Clock, what: str) -> None:
    if what == "going":
        key = kube.add("configmaps", {"metadata": {"name": "a", "deletionTimestamp": "t", "finalizers": ["x"]}}, "default")
    elif what == "orphan":
        web = kube.add("deployments.apps", {"metadata": {"name": "web"}, "spec": {}}, "default")
        key = kube.add("replicasets.apps", kube.controlled({"metadata": {"name": "a"}, "spec": {}}, web), "default")
        del kube.objects[web]
    else:
        spec = {"claimRef": {"namespace": "default", "name": "gone"}, "persistentVolumeReclaimPolicy": "Delete"}
        key = kube.add("persistentvolumes", {"metadata": {"name": "a"}, "spec": spec})
    assert left(leftovers, kube) == []
    clock.now = 29
    leftovers.begin(listing(kube))
    assert left(leftovers, kube, "test_b") == []
    clock.now = 31
    (line,) = left(leftovers, kube, "test_c")
    assert line.startswith("test_a: new: ")
    assert left(leftovers, kube, "test_d") == []
    del kube.objects[key]
    assert left(leftovers, kube, "test_e") == []
