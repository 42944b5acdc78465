"""A cluster that a test has turned upside down, brought back: every object, and what runs and lies on its node."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_kind import KindCluster
from pytest_kind.pristine.difference import differences
from pytest_kind.pristine.restore import Pristine, Sight
from pytest_kind.waiting import Deadline, NotYet, wait_for

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
# Does not hear SIGTERM, and has half a minute to do so.
POD = {
    "terminationGracePeriodSeconds": 30,
    "containers": [{"name": "c", "image": BUSYBOX, "command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]}],
}
VOLUMES = "/var/local-path-provisioner"
pytestmark = pytest.mark.kind({"name": "pristine"})  # none that other tests have changed


def apply(cluster: KindCluster, *documents: dict[str, Any]) -> None:
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))


def named(version: str, kind: str, name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **more}


def workload(kind: str, name: str, namespace: str, **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": POD}
    return named("apps/v1", kind, name, namespace, spec={"selector": {"matchLabels": {"app": name}}, "template": template, **more})


def fill(cluster: KindCluster) -> int:
    """Fifty objects and ten pods, in a namespace and beside it. How many were applied."""
    documents = [
        named("v1", "Namespace", "mess"),
        *(named("v1", "Pod", f"pod-{number}", "mess", spec=POD) for number in range(10)),
        *(named("v1", "Secret", f"mess-{number}", "mess", stringData={"a": "b"}) for number in range(13)),
        *(named("v1", "ConfigMap", f"mess-{number}", "default", data={"a": "b"}) for number in range(13)),
        *(named("rbac.authorization.k8s.io/v1", "ClusterRole", f"mess-{number}", rules=[]) for number in range(13)),
    ]
    apply(cluster, *documents)
    cluster.kubectl("wait", "-n", "mess", "pod", "--all", "--for=condition=Ready", "--timeout=120s")
    return len(documents)


def upset(cluster: KindCluster) -> None:
    """Everything that stands in the way of everything else."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    writer: dict[str, Any] = json.loads(json.dumps(POD))
    writer["containers"][0] |= {
        "command": ["sh", "-c", "echo data >/data/file; trap '' TERM; while :; do sleep 1; done"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    writer["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    apply(
        cluster,
        workload("Deployment", "web", "default", replicas=2),
        workload("DaemonSet", "each", "kube-system"),
        named("v1", "Service", "web", "default", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
        named("v1", "PersistentVolumeClaim", "data", "default", spec=claim),
        named("v1", "Pod", "writer", "default", spec=writer),
        named("v1", "ResourceQuota", "tight", "default", spec={"hard": {"configmaps": "1"}}),
        named(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "widgets.example.com",
            spec={"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
        ),
        named("apiregistration.k8s.io/v1", "APIService", "v1.nobody.example.com", spec={
            "group": "nobody.example.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1, "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": "default"},
        }),
    )  # fmt: skip
    cluster.kubectl("wait", "crd/widgets.example.com", "--for=condition=Established", "--timeout=60s")
    for number in range(3):
        widget = named("example.com/v1", "Widget", f"widget-{number}", "default")
        widget["metadata"]["finalizers"] = ["example.com/nobody"]
        apply(cluster, widget)
    cluster.kubectl("wait", "-n", "default", "pod", "--all", "--for=condition=Ready", "--timeout=120s")
    # A namespace that hangs, and a pod that nobody stops: its container goes on.
    cluster.kubectl("delete", "namespace", "mess", "--wait=false")
    cluster.kubectl("delete", "pod", "-n", "default", "-l", "app=web", "--grace-period=0", "--force")
    node = cluster.nodes[0].name
    cluster.kubectl("label", "node", node, "mess=yes")
    cluster.kubectl("taint", "node", node, "mess=yes:PreferNoSchedule")
    cluster.kubectl("patch", "configmap", "-n", "kube-system", "coredns", "--type=merge", "-p", '{"data": {"mess": "yes"}}')
    cluster.kubectl("scale", "deployment", "-n", "kube-system", "coredns", "--replicas=2")
    cluster.kubectl("delete", "storageclass", "standard")
    cluster.kubectl("delete", "serviceaccount", "-n", "local-path-storage", "local-path-provisioner-service-account")
    rules = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*"}]
    hook = {"name": "no.example.com", "clientConfig": {"service": {"name": "nobody", "namespace": "default"}}, "rules": rules}
    more = {"failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    apply(cluster, named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "no", webhooks=[{**hook, **more}]))


def running(cluster: KindCluster) -> int:
    """How many containers run on the node; one that has ended is listed until the kubelet has seen it."""
    tasks = cluster.nodes[0].exec("ctr", "--namespace", "k8s.io", "tasks", "list").splitlines()[1:]
    return sum(task.split()[2] == "RUNNING" for task in tasks)


def said(what: str, seconds: float, restored: Any) -> None:
    sys.stdout.write(
        f"{what}: {seconds:.2f} s, {restored.requests} requests, listed {restored.looks} times, "
        f"{len(restored.found)} differences, load {os.getloadavg()[0]:.1f}\n"
    )


@pytest.fixture(scope="module")
def pristine(kind_cluster: KindCluster) -> Iterator[Pristine]:
    # What comes with the cluster comes before it is taken down how much runs.
    for namespace in ("kube-system", "local-path-storage"):
        kind_cluster.kubectl("rollout", "status", "deployment", "-n", namespace, "--timeout=120s")
    made = Pristine(kind_cluster)
    made.take(120)
    yield made
    made.close()


@pytest.fixture(scope="module")
def at_first(pristine: Pristine, kind_cluster: KindCluster) -> tuple[Sight, int]:
    return pristine.record, running(kind_cluster)


def is_as_it_was(pristine: Pristine, at_first: tuple[Sight, int], cluster: KindCluster) -> None:
    record, containers = at_first
    now = pristine.look()
    assert differences(pristine.record.listing, now.listing) == []
    # The same by name as in the very beginning, but for pods, which may be others.
    moving = {"pods", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "replicasets.apps", "controllerrevisions.apps"}
    assert {key for key in now.listing.objects if key.resource not in moving} == {key for key in record.listing.objects if key.resource not in moving}
    assert running(cluster) == containers
    assert now.nodes[cluster.nodes[0].name].volumes == record.nodes[cluster.nodes[0].name].volumes
    assert "pvc-" not in cluster.nodes[0].exec("sh", "-c", f"ls {VOLUMES} 2>/dev/null || true")


def test_fifty_objects_and_ten_pods(pristine: Pristine, at_first: tuple[Sight, int], kind_cluster: KindCluster) -> None:
    assert fill(kind_cluster) == 50
    assert running(kind_cluster) >= at_first[1] + 20
    done = pristine.restore(120)
    said("50 objects, 10 of them pods", done.seconds, done)
    is_as_it_was(pristine, at_first, kind_cluster)
    again = pristine.restore(120)
    said("nothing to do", again.seconds, again)
    assert again.found == ()


def test_what_stands_in_the_way_of_everything_else(pristine: Pristine, at_first: tuple[Sight, int], kind_cluster: KindCluster) -> None:
    fill(kind_cluster)
    upset(kind_cluster)
    done = pristine.restore(120)
    said("webhook, hanging namespace, finalizers, volume, changes to kube-system", done.seconds, done)
    is_as_it_was(pristine, at_first, kind_cluster)
    # It works, and not by what it says of itself alone.
    namespace = named("v1", "Namespace", "works")
    apply(kind_cluster, namespace)

    def account() -> bool | NotYet:
        return bool(kind_cluster.kubectl("get", "serviceaccounts", "-n", "works", "-o", "name")) or NotYet("no ServiceAccount")

    wait_for("the namespace's account", account, Deadline(30))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    script = "nslookup kubernetes.default.svc.cluster.local && echo data >/data/file"
    mounts = [{"name": "data", "mountPath": "/data"}]
    container = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", script], "volumeMounts": mounts}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    apply(
        kind_cluster,
        named("v1", "PersistentVolumeClaim", "data", "works", spec=claim),
        named("v1", "Pod", "asks", "works", spec={"restartPolicy": "Never", "containers": [container], "volumes": [volume]}),
    )
    kind_cluster.kubectl("wait", "-n", "works", "pod/asks", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s")
    pristine.restore(120)
    is_as_it_was(pristine, at_first, kind_cluster)


@pytest.mark.kind({"name": "pristine"}, fresh=True)
@pytest.mark.parametrize("times", range(2))
def test_a_marked_test_finds_nothing_of_the_one_before(kind_cluster: KindCluster, kind_namespace: str, times: int) -> None:
    assert "mess" not in kind_cluster.kubectl("get", "configmaps", "-n", "default")
    assert kind_cluster.kubectl("get", "namespaces", "-o", "name").count("\n") == 6
    start = time.monotonic()
    fill(kind_cluster)
    sys.stdout.write(f"filled in {time.monotonic() - start:.1f} s\n")
