"""The table of what counts: each line of it, by an object that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_kind.pristine.kinds import TABLE, Rule, content, is_looked_at, verdict
from pytest_kind.pristine.model import Document, Resource


def one(name: str = "a", namespace: str = "default", **more: Any) -> Document:
    meta = {"name": name, "namespace": namespace, **more.pop("meta", {})}
    return {"metadata": meta, **more}


def counts(rule: Rule) -> str:
    """What of it counts, in the words of the documentation."""
    if not rule.looked_at:
        return "not looked at"
    left_out = [words for words, does in (("compared", rule.compared), ("put back", rule.put_back), ("taken away", rule.taken_away)) if not does]
    if left_out:
        return f"not {', '.join(left_out)}"
    return "counts but for some fields" if rule.scrub else "counts"


def test_the_documentation_has_each_line() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "pristine.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `")] == [f"| `{rule.resource}` | {counts(rule)} | {rule.why} |" for rule in TABLE]


@pytest.mark.parametrize("name", ["events", "events.events.k8s.io", "componentstatuses", "ipaddresses.networking.k8s.io"])
def test_what_is_not_looked_at(name: str) -> None:
    plural, _, group = name.partition(".")
    assert not is_looked_at(Resource(group, "v1", plural, "Any", namespaced=True))
    assert is_looked_at(Resource("example.com", "v1", "events", "Any", namespaced=True))


EVERYTHING, NOTHING = (True, True, True), (False, False, False)


@pytest.mark.parametrize(
    ("resource", "document", "counts"),
    [
        ("configmaps", one(), EVERYTHING),
        ("configmaps", one("kube-root-ca.crt"), (True, True, False)),
        ("configmaps", one("local-registry-hosting", "kube-public"), NOTHING),
        ("serviceaccounts", one("default"), (True, True, False)),
        ("serviceaccounts", one("mine"), EVERYTHING),
        ("leases.coordination.k8s.io", one(), (False, False, True)),
        ("leases.coordination.k8s.io", one(namespace="kube-node-lease"), NOTHING),
        ("leasecandidates.coordination.k8s.io", one(namespace="kube-system"), NOTHING),
        ("secrets", one(type="bootstrap.kubernetes.io/token"), NOTHING),
        ("secrets", one(type="Opaque"), EVERYTHING),
        ("pods", one(meta={"annotations": {"kubernetes.io/config.mirror": "1"}}), NOTHING),
        ("pods", one(), EVERYTHING),
        ("jobs.batch", one(status={"conditions": [{"type": "Complete", "status": "True"}]}), (False, False, True)),
        ("jobs.batch", one(status={"conditions": [{"type": "Complete", "status": "False"}]}), EVERYTHING),
        ("persistentvolumes", one(meta={"annotations": {"pv.kubernetes.io/provisioned-by": "x"}}), (False, False, True)),
        ("persistentvolumes", one(), EVERYTHING),
        ("certificatesigningrequests.certificates.k8s.io", one(), (False, False, True)),
        ("certificatesigningrequests.certificates.k8s.io", one(spec={"signerName": "kubernetes.io/kube-apiserver-client-kubelet"}), NOTHING),
        ("podcertificaterequests.certificates.k8s.io", one(), NOTHING),
        ("clustertrustbundles.certificates.k8s.io", one(spec={"signerName": "kubernetes.io/kube-apiserver-serving"}), NOTHING),
        ("clustertrustbundles.certificates.k8s.io", one(spec={"trustBundle": "a"}), EVERYTHING),
        ("apiservices.apiregistration.k8s.io", one(meta={"labels": {"kube-aggregator.kubernetes.io/automanaged": "true"}}), NOTHING),
        ("apiservices.apiregistration.k8s.io", one(), EVERYTHING),
        ("widgets.example.com", one("default", "kube-system"), EVERYTHING),
    ],
)
def test_what_counts(resource: str, document: Document, counts: tuple[bool, bool, bool]) -> None:
    found = verdict(resource, document)
    assert (found.compared, found.put_back, found.taken_away) == counts


def test_what_the_api_server_writes_is_no_content() -> None:
    written = {"uid": "u", "resourceVersion": "1", "generation": 2, "creationTimestamp": "t", "managedFields": [{}], "deletionTimestamp": "t"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n"}
    document = one(
        meta={**written, "labels": {"a": "b"}, "annotations": {}, "ownerReferences": [{**owner, "uid": "u"}]}, data={"a": "b"}, status={"a": 1}
    )
    assert content("configmaps", document) == {
        "metadata": {"name": "a", "namespace": "default", "labels": {"a": "b"}, "ownerReferences": [owner]},
        "data": {"a": "b"},
    }


MOUNTS = [{"name": "kube-api-access-abc"}, {"name": "data"}]
OWN = {"taints": [{"key": "node.kubernetes.io/unreachable"}]}
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - a type


@pytest.mark.parametrize(
    ("resource", "before", "after"),
    [
        (
            "configmaps",
            one("cluster-info", "kube-public", data={"kubeconfig": "a"}),
            one("cluster-info", "kube-public", data={"kubeconfig": "a", "jws-kubeconfig-abc": "b"}),
        ),
        ("deployments.apps", one(), one(meta={"annotations": {"deployment.kubernetes.io/revision": "2"}})),
        ("daemonsets.apps", one(), one(meta={"annotations": {"deprecated.daemonset.template.generation": "2"}})),
        ("namespaces", one(), one(spec={"finalizers": ["kubernetes"]})),
        ("nodes", one(spec={}), one(spec=OWN, meta={"annotations": {"node.alpha.kubernetes.io/ttl": "0"}})),
        ("secrets", one(type=TOKEN, data={"token": "a"}), one(type=TOKEN, data={"token": "b"})),
        ("persistentvolumeclaims", one(spec={}), one(spec={"volumeName": "v"}, meta={"annotations": {"volume.kubernetes.io/selected-node": "n"}})),
        ("persistentvolumes", one(spec={}), one(spec={"claimRef": {"uid": "u"}})),
        ("clusterroles.rbac.authorization.k8s.io", one(aggregationRule={"a": 1}), one(aggregationRule={"a": 1}, rules=[{}])),
        (
            "pods",
            one(spec={"containers": [{"volumeMounts": MOUNTS[1:]}], "volumes": MOUNTS[1:]}),
            one(spec={"nodeName": "n", "containers": [{"volumeMounts": MOUNTS}], "volumes": MOUNTS}),
        ),
    ],
)
def test_what_does_not_count_within(resource: str, before: Document, after: Document) -> None:
    assert content(resource, before) == content(resource, after)


def test_a_job_is_made_anew_without_what_names_its_uid() -> None:
    labels = {"batch.kubernetes.io/controller-uid": "u", "job-name": "a", "mine": "b"}
    job = one(meta={"labels": labels}, spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}})
    found = content("jobs.batch", job)
    assert found["metadata"]["labels"] == found["spec"]["template"]["metadata"]["labels"] == {"mine": "b"}
    assert "selector" not in found["spec"]


@pytest.mark.parametrize("key", ["mess", "node.kubernetes.io/out-of-service"])
def test_a_users_own_annotation_and_taint_count(key: str) -> None:
    node = one(spec={"taints": [{"key": key}, *OWN["taints"]]}, meta={"annotations": {"mine": "a"}})
    assert content("nodes", node) == {
        "metadata": {"name": "a", "namespace": "default", "annotations": {"mine": "a"}},
        "spec": {"taints": [{"key": key}]},
    }
