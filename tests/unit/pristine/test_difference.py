"""What differs between two listings, what stays because something stands above it, and what follows from it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.pristine.difference import Difference, What, differences, merge_patch, paths, reads, rebased, told
from pytest_kind.pristine.model import Document, Key, Listing
from pytest_kind.pristine.plan import Mood, plan
from support.kube import CRDS, Kube, dns, handed_over, ready, resource


def listing(kube: Kube) -> Listing:
    """What the API knows, as a listing has it."""
    found = {}
    for key, one in kube.objects.items():
        what = kube.resources[key.resource]
        version = f"{what.group}/{what.version}" if what.group else what.version
        found[key] = {**copy.deepcopy(one), "apiVersion": version, "kind": what.kind}
    return Listing(dict(kube.resources), found)


def shown(found: list[Difference]) -> list[str]:
    return [f"{'' if one.root else '- '}{one}" for one in found]


@pytest.fixture
def kube() -> Kube:
    return handed_over()


@pytest.fixture
def record(kube: Kube) -> Listing:
    return listing(kube)


def test_nothing_differs_from_itself(record: Listing) -> None:
    assert differences(record, record) == []


def test_status_and_heartbeats_are_no_difference(kube: Kube, record: Listing) -> None:
    kube.write(Key("nodes", "", "mine-control-plane"), lambda one: one["status"].update(images=["a"]))
    assert differences(record, listing(kube)) == []


def test_what_is_new_and_what_goes_with_it(kube: Kube, record: Listing) -> None:
    kube.add("namespaces", {"metadata": {"name": "mess"}})
    kube.add("configmaps", {"metadata": {"name": "kube-root-ca.crt"}}, "mess")
    web = kube.add("deployments.apps", {"metadata": {"name": "web"}, "spec": {}}, "default")
    replicas = kube.add("replicasets.apps", kube.controlled({"metadata": {"name": "web-1"}, "spec": {}}, web), "default")
    kube.add("pods", kube.controlled({"metadata": {"name": "web-1-a"}, "spec": {}}, replicas), "default")
    claim = kube.add("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": {}}, "default")
    kube.add("persistentvolumes", {"metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "default", "name": claim.name}}})
    names = {"plural": "widgets", "kind": "Widget"}
    kube.add(
        CRDS,
        {
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": [{"name": "v1"}]},
        },
    )
    kube.add("widgets.example.com", {"metadata": {"name": "w"}})
    assert shown(differences(record, listing(kube))) == [
        "new: Namespace mess",
        "- new: ConfigMap mess/kube-root-ca.crt",
        "new: Deployment default/web",
        "- new: ReplicaSet default/web-1",
        "- new: Pod default/web-1-a",
        "new: PersistentVolumeClaim default/data",
        "- new: PersistentVolume pv",
        "new: CustomResourceDefinition widgets.example.com",
        "- new: Widget w",
    ]


def test_what_something_that_stays_has_made_is_not_new(kube: Kube, record: Listing) -> None:
    replicas = kube.add(
        "replicasets.apps",
        kube.controlled({"metadata": {"name": "coredns-2"}, "spec": {}}, Key("deployments.apps", "kube-system", "coredns")),
        "kube-system",
    )
    kube.add("pods", kube.controlled({"metadata": {"name": "coredns-2-a"}, "spec": {}}, replicas), "kube-system")
    kube.add("configmaps", {"metadata": {"name": "kube-root-ca.crt"}}, "kube-public")
    found = differences(record, listing(kube))
    assert shown(found) == ["new: ConfigMap kube-public/kube-root-ca.crt"]  # whose namespace is none that was there


def test_volumes_of_claims_that_stay_are_not_new(kube: Kube) -> None:
    kube.add("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": {}}, "default")
    record = listing(kube)
    kube.add("persistentvolumes", {"metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "default", "name": "data"}}})
    assert differences(record, listing(kube)) == []


def test_an_owner_that_is_not_there_makes_nothing_stay(kube: Kube, record: Listing) -> None:
    lost = kube.controlled({"metadata": {"name": "lost"}, "spec": {}}, Key("nodes", "", "mine-control-plane"))
    lost["metadata"]["ownerReferences"][0]["name"] = "other"
    kube.add("pods", lost, "default")
    itself = {"apiVersion": "v1", "kind": "Pod", "name": "itself", "controller": True}
    kube.add("pods", {"metadata": {"name": "itself", "ownerReferences": [itself]}, "spec": {}}, "default")
    kube.add("pods", {"metadata": {"name": "strange", "ownerReferences": [{**itself, "kind": "Nothing"}]}, "spec": {}}, "default")
    assert [one.key.name for one in differences(record, listing(kube))] == ["lost", "itself", "strange"]


def test_what_is_gone_changed_and_going(kube: Kube, record: Listing) -> None:
    del kube.objects[Key("serviceaccounts", "default", "default")]
    kube.write(Key("clusterroles.rbac.authorization.k8s.io", "", "admin"), lambda one: one.update(rules=[1], more={"a": 1}))
    kube.write(Key("namespaces", "", "default"), lambda one: one["metadata"].update(deletionTimestamp="t"))
    assert shown(differences(record, listing(kube))) == [
        "being deleted: Namespace default",
        "gone: ServiceAccount default/default",
        "changed: ClusterRole admin (rules, more)",
    ]


def test_what_was_made_again_alike_is_the_same(kube: Kube, record: Listing) -> None:
    key = Key("clusterroles.rbac.authorization.k8s.io", "", "admin")
    del kube.objects[key]
    kube.add(key.resource, {"metadata": {"name": "admin"}, "rules": []})
    assert differences(record, listing(kube)) == []


def test_a_pod_that_is_not_ready_is_missed_at_what_makes_it(kube: Kube, record: Listing) -> None:
    (pod,) = [key for key in kube.objects if key.resource == "pods"]
    kube.write(pod, lambda one: one.update(status={}))
    assert shown(differences(record, listing(kube))) == ["not ready: Deployment kube-system/coredns (0 of 1 pods are ready)"]
    dns(kube)
    assert differences(record, listing(kube)) == []


def test_a_pod_that_its_controller_wants_no_more_goes_at_once(kube: Kube, record: Listing) -> None:
    dns(kube)
    (first, second) = sorted(key for key in kube.objects if key.resource == "pods")
    kube.write(second, lambda one: one["metadata"].update(deletionTimestamp="t"))
    (found,) = differences(record, listing(kube))
    assert (found.what, found.key) == (What.GOING, second)
    assert first in kube.objects


def test_a_pod_is_out_of_date_when_what_it_read_was_written(kube: Kube, record: Listing) -> None:
    settings = Key("configmaps", "kube-system", "coredns")
    kube.write(settings, lambda one: one["metadata"].update(labels={}))
    (stale, unready) = differences(record, listing(kube))
    assert str(stale).startswith("out of date: Pod kube-system/coredns-1-")
    assert str(stale).endswith("(it began before ConfigMap kube-system/coredns was written)")
    assert unready.what is What.UNREADY
    (pod,) = [key for key in kube.objects if key.resource == "pods"]
    del kube.objects[pod]
    dns(kube)
    assert differences(record, listing(kube)) == []


def test_a_pod_that_came_since_is_out_of_date_when_its_account_is_younger(kube: Kube, record: Listing) -> None:
    (pod,) = [key for key in kube.objects if key.resource == "pods"]
    del kube.objects[pod]
    dns(kube)
    account = Key("serviceaccounts", "kube-system", "default")
    kube.write(account, lambda one: one["metadata"].update(uid="other", creationTimestamp="2026-01-01T00:00:00Z"))
    assert differences(record, listing(kube)) == []
    kube.write(account, lambda one: one["metadata"].update(creationTimestamp="2027-01-01T00:00:00Z"))
    assert [one.what for one in differences(record, listing(kube))] == [What.STALE, What.UNREADY]


@pytest.mark.parametrize("strategy", [{"type": "OnDelete"}, {}])
def test_a_pod_of_a_stateful_set_is_out_of_date_when_it_is_of_another_template(kube: Kube, strategy: dict[str, Any]) -> None:
    kube.resources["statefulsets.apps"] = resource("apps/v1/statefulsets", "StatefulSet")
    status = {"replicas": 1, "currentRevision": "db-1", "updateRevision": "db-1"}
    document = {"metadata": {"name": "db"}, "spec": {"replicas": 1, "updateStrategy": strategy}, "status": status}
    db = kube.add("statefulsets.apps", document, "default")

    def pod(revision: str) -> Key:
        meta = {"name": "db-0", "labels": {"controller-revision-hash": revision}}
        return kube.add("pods", kube.controlled(ready({"metadata": meta, "spec": {}}), db), "default")

    pod("db-1")
    kube.write(db, lambda one: one["status"].update(updateRevision="db-2", updatedReplicas=1))  # as OnDelete may be left
    record = listing(kube)
    assert differences(record, record) == []
    pod("db-3")  # the test's
    (stale, *_) = differences(record, listing(kube))
    assert str(stale) == "out of date: Pod default/db-0 (it is of another template than StatefulSet default/db)"
    pod("db-2")
    assert differences(record, listing(kube)) == []


@pytest.mark.parametrize(("status", "why"), [({"phase": "Failed", "reason": "Evicted"}, "Evicted"), ({"phase": "Succeeded"}, "Succeeded")])
def test_a_bare_pod_that_has_ended_is_out_of_date(kube: Kube, status: dict[str, Any], why: str) -> None:
    ran, done = (kube.add("pods", {"metadata": {"name": name}, "spec": {}, "status": {"phase": "Succeeded"}}, "default") for name in ("ran", "done"))
    kube.write(ran, lambda one: one.update(status={"phase": "Running"}))
    record = listing(kube)
    kube.write(ran, lambda one: one.update(status=status))
    kube.write(done, lambda one: one["status"].update(message="seen"))
    now = listing(kube)
    found = differences(record, now)
    assert shown(found) == [f"out of date: Pod default/ran (it has ended: {why})"]
    ((deed,),) = plan(found, record, now, Mood())
    assert [call.method for call in deed.calls] == ["DELETE"]
    del kube.objects[ran]
    assert shown(differences(record, listing(kube))) == ["gone: Pod default/ran"]


def test_all_that_a_pod_reads() -> None:
    spec = {
        "serviceAccountName": "mine",
        "volumes": [
            {"configMap": {"name": "a"}},
            {"secret": {"secretName": "b"}},
            {"projected": {"sources": [{"secret": {"name": "c"}}]}},
            {"emptyDir": {}},
        ],
        "containers": [{"env": [{"value": "x"}, {"valueFrom": {"configMapKeyRef": {"name": "d"}}}], "envFrom": [{"secretRef": {"name": "e"}}]}],
        "initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}],
    }
    found = [f"{key.resource} {key.name}" for key in reads(Key("pods", "n", "p"), {"metadata": {}, "spec": spec})]
    assert found == ["serviceaccounts mine", "configmaps a", "secrets b", "secrets c", "configmaps d", "secrets e"]
    assert reads(Key("pods", "n", "p"), {"metadata": {}, "spec": {}}) == [Key("serviceaccounts", "n", "default")]


def test_a_resource_that_was_not_listed_proves_nothing(kube: Kube, record: Listing) -> None:
    now = listing(kube)
    left = {key: one for key, one in now.objects.items() if key.resource != "serviceaccounts"}
    assert differences(record, Listing(now.resources, left, {"serviceaccounts": "503"})) == []


def test_the_record_follows_what_was_put_back_but_not_what_is_kept(kube: Kube, record: Listing) -> None:
    del kube.objects[Key("configmaps", "kube-system", "coredns")]
    kube.add("configmaps", {"metadata": {"name": "coredns"}, "data": {"Corefile": "."}}, "kube-system")
    kube.add("namespaces", {"metadata": {"name": "seen"}})
    kube.add("configmaps", {"metadata": {"name": "a"}}, "seen")
    now = listing(kube)
    fresh = rebased(record, now, {"seen"})
    assert fresh.objects.keys() == record.objects.keys()
    assert fresh.objects[Key("configmaps", "kube-system", "coredns")] == now.objects[Key("configmaps", "kube-system", "coredns")]


def test_a_message_has_the_first_few_roots_first() -> None:
    found = [Difference(What.NEW, Key("a", "", str(number)), f"A {number}", root=number > 2) for number in range(12)]
    assert told(found) == ", ".join([*(f"new: A {number}" for number in range(3, 11)), "and 4 more"])


def test_paths_of_a_difference() -> None:
    assert paths({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": 1}) == ["a.b", "d", "e"]


json = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3) | st.lists(inner, max_size=2),
)


@given(st.dictionaries(st.text(max_size=2), json, max_size=3), st.dictionaries(st.text(max_size=2), json, max_size=3))
def test_a_merge_patch_makes_the_one_out_of_the_other(before: Document, after: Document) -> None:
    def merged(there: Any, change: Any) -> Any:
        if not isinstance(change, dict):
            return change
        there = dict(there) if isinstance(there, dict) else {}
        for name, value in change.items():
            if value is None:
                there.pop(name, None)
            else:
                there[name] = merged(there.get(name), value)
        return there

    assert merged(before, merge_patch(before, after)) == after


def test_nothing_but_waiting_is_no_plan(kube: Kube, record: Listing) -> None:
    (pod,) = [key for key in kube.objects if key.resource == "pods"]
    del kube.objects[pod]
    now = listing(kube)
    found = differences(record, now)
    assert found
    assert plan(found, record, now, Mood()) == []
