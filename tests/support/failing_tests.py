"""Tests that fail, each for a reason that its cluster knows: copied into a project of their own by ``tests/real/test_forensics.py``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client import AppsV1Api, CoreV1Api

from pytest_kind import KindCluster
from pytest_kind.waiting import Deadline, NotYet, wait_for

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
Pod = dict[str, Any]
Run = Callable[..., Callable[[], Pod]]


def apply(cluster: KindCluster, namespace: str, *documents: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))


def named(version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}


@pytest.fixture
def run(kind_cluster: KindCluster, kind_namespace: str) -> Run:
    """Creates a pod of one container; what it returns says what has become of it."""

    def start(name: str, *command: str, pod: dict[str, Any] | None = None, **container: Any) -> Callable[[], Pod]:
        one = {"name": name, "image": BUSYBOX, **({"command": ["sh", "-c", *command]} if command else {}), **container}
        spec = {"containers": [one], "terminationGracePeriodSeconds": 0, **(pod or {})}
        apply(kind_cluster, kind_namespace, {**named("v1", "Pod", name, spec=spec), "metadata": {"name": name, "labels": {"app": name}}})

        def status() -> Pod:
            api = CoreV1Api(kind_cluster.client)
            return dict(api.api_client.sanitize_for_serialization(api.read_namespaced_pod(name, kind_namespace))["status"])

        return status

    return start


def until(status: Callable[[], Pod], what: str) -> None:
    """Waits until a pod's status has this word somewhere."""

    def probe() -> bool | NotYet:
        found = json.dumps(status())
        return what in found or NotYet(found)

    wait_for(what, probe, Deadline(60), every=0.1)


def until_event(cluster: KindCluster, namespace: str, what: str) -> None:
    """Waits until an event of the namespace has this word in it."""

    def probe() -> bool | NotYet:
        found = [event.message or "" for event in CoreV1Api(cluster.client).list_namespaced_event(namespace).items]
        return any(what in one for one in found) or NotYet(str(found))

    wait_for(f"an event with {what}", probe, Deadline(60), every=0.1)


def is_up(status: Callable[[], Pod]) -> bool:
    return status()["phase"] == "Running" and all(one["ready"] for one in status().get("containerStatuses", ()))


def test_bad_image(run: Run) -> None:
    web = run("web", image="localhost:1/nobody/nothing:1")
    until(web, "ErrImagePull")
    assert is_up(web)


def test_crash_loop(run: Run) -> None:
    # Not ready in the moment in which it runs once more, either.
    web = run("web", "echo the port is not set >&2; exit 3", readinessProbe={"exec": {"command": ["true"]}, "initialDelaySeconds": 60})
    until(web, "CrashLoopBackOff")
    assert is_up(web)


def test_failing_probe(run: Run, kind_cluster: KindCluster, kind_namespace: str) -> None:
    web = run("web", "exec sleep 1000", readinessProbe={"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1})
    until_event(kind_cluster, kind_namespace, "Readiness probe failed")
    assert is_up(web)


def test_no_schedulable_node(run: Run) -> None:
    web = run("web", "exec sleep 1000", pod={"nodeSelector": {"disk": "fast"}})
    until(web, "Unschedulable")
    assert is_up(web)


def test_quota(run: Run, kind_cluster: KindCluster, kind_namespace: str) -> None:
    apply(kind_cluster, kind_namespace, named("v1", "ResourceQuota", "tight", spec={"hard": {"pods": "1"}}))
    wait_for("the quota's first count", lambda: bool(quota(kind_cluster, kind_namespace)) or NotYet("it has none"), Deadline(30))
    run("one", "exec sleep 1000")
    run("two", "exec sleep 1000")


def quota(cluster: KindCluster, namespace: str) -> dict[str, str]:
    """What is counted so far: nothing at first, and nothing is refused then."""
    return CoreV1Api(cluster.client).read_namespaced_resource_quota("tight", namespace).status.used or {}  # type: ignore[union-attr]


def hook(name: str, namespace: str, port: int, authority: str = "") -> dict[str, Any]:
    """A webhook on the API server's own machine, asked for the ConfigMaps of a namespace."""
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    config = {"url": f"https://127.0.0.1:{port}/", **({"caBundle": authority} if authority else {})}
    one: dict[str, Any] = {"name": "strict.example.com", "clientConfig": config, "rules": [rule], "namespaceSelector": chosen}
    one |= {"sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 5}
    return named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name, webhooks=[one])


# A server with TLS, of what a node has: it says no, and which request it says it to.
REFUSES = r"""
cd "$2"
if [ "$1" = make ]; then
  mkfifo in
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=a -addext subjectAltName=IP:127.0.0.1 -keyout key -out crt 2>/dev/null
  base64 -w0 crt >ca
  exit
fi
exec 3<>in
openssl s_server -quiet -accept 127.0.0.1:9443 -cert crt -key key <&3 | while read -r -d '}' part; do
  uid=$(sed -n 's/.*"uid":"\([0-9a-f-]\{36\}\)","kind".*/\1/p' <<<"$part")
  [ -n "$uid" ] || continue
  status='{"message":"no colour is given"}'
  body="{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":\"$uid\",\"allowed\":false,\"status\":$status}}"
  printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body" >&3
done
"""


def test_webhook_refusing(kind_cluster: KindCluster, kind_namespace: str) -> None:
    node, place = kind_cluster.nodes[0], f"/run/{kind_namespace}"
    node.exec("sh", "-c", 'mkdir "$1"; printf %s "$2" >"$1/serve"', "sh", place, REFUSES)
    node.exec("bash", f"{place}/serve", "make", place)
    node.exec("systemd-run", "--quiet", "bash", f"{place}/serve", "serve", place)
    apply(kind_cluster, kind_namespace, hook("strict", kind_namespace, 9443, node.exec("cat", f"{place}/ca")))
    asking(kind_cluster, kind_namespace)


def test_webhook_without_a_server(kind_cluster: KindCluster, kind_namespace: str) -> None:
    apply(kind_cluster, kind_namespace, hook("lost", kind_namespace, 1))
    asking(kind_cluster, kind_namespace)


def asking(cluster: KindCluster, namespace: str) -> None:
    """Creates ConfigMaps until one is refused: a webhook is asked a moment after it is there."""

    def probe() -> NotYet:
        CoreV1Api(cluster.client).create_namespaced_config_map(namespace, {"metadata": {"generateName": "a-"}})  # type: ignore[arg-type]
        return NotYet("it was taken")

    wait_for("the webhook to be asked", probe, Deadline(30), every=0.2)


def test_out_of_memory(run: Run) -> None:
    web = run("web", "exec tail /dev/zero", pod={"restartPolicy": "Never"}, resources={"limits": {"memory": "16Mi"}})
    until(web, "OOMKilled")
    assert is_up(web)


def test_disk_full(run: Run) -> None:
    volume = {"name": "small", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    mount = {"name": "small", "mountPath": "/data"}
    web = run("web", "dd if=/dev/zero of=/data/file bs=64k count=100", pod={"volumes": [volume], "restartPolicy": "Never"}, volumeMounts=[mount])
    until(web, "terminated")
    assert is_up(web)


def test_wrong_rights(kind_cluster: KindCluster, kind_namespace: str) -> None:
    kind_cluster.kubectl("get", "secrets", "-n", kind_namespace, f"--as=system:serviceaccount:{kind_namespace}:default")


def test_claim_without_class(run: Run, kind_cluster: KindCluster, kind_namespace: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "quick", "resources": {"requests": {"storage": "1Mi"}}}
    apply(kind_cluster, kind_namespace, named("v1", "PersistentVolumeClaim", "data", spec=spec))
    web = run("web", "exec sleep 1000", pod={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]})
    until_event(kind_cluster, kind_namespace, "quick")
    assert is_up(web)


def test_no_config(run: Run) -> None:
    web = run("web", "exec sleep 1000", envFrom=[{"configMapRef": {"name": "settings"}}])
    until(web, "CreateContainerConfigError")
    assert is_up(web)


def test_dns_broken(run: Run, kind_cluster: KindCluster) -> None:
    # Late: the tests before need what it takes away.
    AppsV1Api(kind_cluster.client).patch_namespaced_deployment_scale("coredns", "kube-system", {"spec": {"replicas": 0}})
    ask = "while nslookup kubernetes.default.svc.cluster.local; do sleep 0.2; done; exit 1"
    web = run("web", ask, pod={"restartPolicy": "Never"})
    until(web, "terminated")
    assert is_up(web)


def test_machine_gone(kind_cluster: KindCluster) -> None:
    # After this one there is nothing any more.
    kind_cluster.nodes[0].kill()
    kind_cluster.kubectl("get", "nodes")
