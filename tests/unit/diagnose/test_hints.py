"""Hints: each signature of the table, from what a real cluster said."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.diagnose.hints import RULES, hints, table
from pytest_kind.diagnose.scene import LogOf, MachineSeen, Scene
from pytest_kind.diagnose.sections import sections, with_causes
from support.scenes import FOLDER, event, pod, recorded, scene

DOCS = Path(__file__).parents[3] / "docs" / "forensics.md"


# Recorded on a real cluster -> the rule, the beginning of the cause, and what the remedy has.
RECORDED = {
    "bad_image": ("an image cannot be had", "image registry.invalid/nobody/nothing:1 cannot be had", "kind_cluster.load_image"),
    "crash_loop": ("a container ends again and again, or with an error", "container web of ", "last lines"),
    "failing_probe": ("a probe fails", "the readiness probe of ", "startupProbe"),
    "no_schedulable_node": ("no node takes a pod", "no node takes pod ", "nodeSelector"),
    "quota": ("a quota is exceeded", "ResourceQuota tight is exceeded: pods=1 was asked for", "raise the ResourceQuota"),
    "webhook_refusing": ("a webhook refuses", "webhook strict.example.com refuses: no colour is given", "the webhook's own"),
    "webhook_without_a_server": ("a webhook cannot be reached", "webhook strict.example.com cannot be reached", "no pod that listens"),
    "dns_broken": ("cluster DNS does not answer", "cluster DNS does not answer: no CoreDNS pod is ready", "kube-dns"),
    "out_of_memory": ("a container was killed for memory", "container web of ", "limits.memory"),
    "disk_full": ("a file system is full", "no space is left on a file system: log of Pod web", "sizeLimit"),
    "wrong_rights": ("rights are missing", "system:serviceaccount:", 'resources: ["secrets"], verbs: ["list"]'),
    "claim_without_class": ("no node takes a pod", "no node takes pod ", "claim"),
    "no_config": ("a ConfigMap or Secret is missing", "a pod waits for configmap settings", "optional: true"),
}


def test_a_registry_without_a_name_is_the_images_hint_alone() -> None:
    bad = recorded("bad_image")
    (event,) = [one["message"] for one in bad.of("events") if "no such host" in one.get("message", "")]
    assert [one.rule for one in hints(replace(bad, error=f"WaitTimeout: not within 9 s\n  {event}"))] == ["an image cannot be had"]
    other = replace(bad, error=f"{event}\nlookup web.other on 10.96.0.10:53: no such host")
    assert {one.rule for one in hints(other)} == {"an image cannot be had", "a name is not known to DNS"}


def test_every_recorded_scene_is_tested() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_the_first_hint_of_a_recorded_scene_names_the_cause(name: str) -> None:
    first = hints(recorded(name))[0]
    expected, cause, remedy = RECORDED[name]
    assert (first.rule, first.cause[: len(cause)]) == (expected, cause)
    assert remedy in first.remedy
    assert len(first.seen) > 20


def test_causes_in_recorded_scenes_tell_more() -> None:
    assert "exit code 3: the program's own" in hints(recorded("crash_loop"))[0].cause
    assert hints(recorded("crash_loop"))[0].seen.endswith("the port is not set")
    assert "its limit is 16Mi" in hints(recorded("out_of_memory"))[0].cause
    assert any(hint.cause.endswith("there is no StorageClass quick") for hint in hints(recorded("claim_without_class")))


FORBIDDEN = 'pods "web" is forbidden: '
SAID: list[tuple[str, str, str, str]] = [
    # rule, who says it, the words, the cause
    ("inotify is exhausted", "journal", "Failed to allocate directory watch: Too many open files", "the machine's inotify instances"),
    ("inotify is exhausted", "log", "failed to create fsnotify watcher: too many open files", "the machine's inotify instances"),
    ("inotify is exhausted", "boot", "kubelet: inotify_add_watch /sys/fs/cgroup/cpu: no space left on device", "the machine's inotify"),
    (
        "cgroups do not fit",
        "boot",
        'run.go:72] "command failed" err="failed to validate kubelet configuration: kubelet is configured to not run on a host using cgroup v1"',
        "kubelet or runtime cannot use",
    ),
    (
        "cgroups do not fit",
        "journal",
        "failed to start container manager: failed to initialize top level QOS containers: cgroup x",
        "kubelet or runtime",
    ),
    ("swap is on", "boot", 'err="failed to run Kubelet: running with swap on is not supported, please disable swap"', "the kubelet does not start"),
    (
        "the kernel lacks something",
        "boot",
        "modprobe: FATAL: Module ip_vs not found in directory /lib/modules/6.12",
        "the kernel of the engine's machine has no ip_vs",
    ),
    (
        "the kernel lacks something",
        "log",
        "iptables v1.8.11: can't initialize iptables table `nat': Table does not exist",
        "the kernel of the engine's machine has no nat",
    ),
    ("etcd is slow or full", "error", "etcdserver: request timed out", "etcd does not keep up: request timed out"),
    ("etcd is slow or full", "boot", "etcdserver: mvcc: database space exceeded", "etcd does not keep up: database space exceeded"),
    (
        "clocks differ, or a certificate is over",
        "error",
        "x509: certificate has expired or is not yet valid: current time 2026 is after 2025",
        "a certificate is not valid",
    ),
    (
        "an image of the control plane is not there",
        "boot",
        'E1 log.go:32] "PullImage failed" err="failed to pull and unpack image \\"etcd:9\\": not found"',
        "image etcd:9 cannot",
    ),
    (
        "a machine ran out of memory while it booted",
        "boot",
        "kube-apiserver.service: Main process exited, code=killed, status=9/KILL",
        "a process of the cluster",
    ),
    (
        "a program refuses an argument or a configuration",
        "boot",
        'err="unknown flag: --nonsense"',
        'a program of the control plane or the kubelet does not start: unknown flag: --nonsense"',
    ),
    ("a unit of a node failed", "boot", "kubelet.service loaded failed failed kubelet: The Kubernetes Node Agent", "unit kubelet.service failed"),
    (
        "a webhook cannot be reached",
        "event",
        'failed calling webhook "a.b": failed to call webhook: Post "https://w.mine.svc:443/": x509: certificate signed by unknown authority',
        "webhook a.b cannot",
    ),
    ("a webhook refuses", "error", 'admission webhook "a.b" denied the request: no', "webhook a.b refuses: no"),
    ("an admission policy refuses", "error", "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too many", "policy p refuses: too many"),
    (
        "a quota is exceeded",
        "event",
        f"{FORBIDDEN}exceeded quota: q, requested: limits.cpu=1,pods=1, used: limits.cpu=0,pods=1, limited: limits.cpu=1,pods=1",
        "ResourceQuota q is exceeded",
    ),
    (
        "a quota wants requests or limits to be said",
        "event",
        f"{FORBIDDEN}failed quota: q: must specify limits.cpu for: main",
        "ResourceQuota q wants each pod to say limits.cpu",
    ),
    (
        "a LimitRange refuses",
        "error",
        f"{FORBIDDEN}maximum cpu usage per Container is 100m, but limit is 200m",
        "a LimitRange refuses: maximum cpu usage per Container is 100m, but limit is 200m",
    ),
    (
        "pod security refuses",
        "event",
        f'{FORBIDDEN}violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "main" must set it)',
        "the namespace's pod security level restricted refuses the pod: allowPrivilegeEscalation",
    ),
    (
        "rights are missing",
        "log",
        'widgets.example.com is forbidden: User "u" cannot watch resource "widgets" in API group "example.com" at the cluster scope',
        "u may not watch widgets.example.com in the whole cluster",
    ),
    (
        "rights that one has not cannot be given",
        "error",
        'user "u" (groups=["g"]) is attempting to grant RBAC permissions not currently held:',
        "u would give rights that it has not",
    ),
    ("who asks is not known", "error", "ApiError: 401 Unauthorized (GET /api/v1/pods)", "the API does not know who asks"),
    ("who asks is not known", "error", "ApiException: (401)\nReason: Unauthorized\nUnauthorized", "the API does not know who asks"),
    ("a kind is not there", "error", 'no matches for kind "Widget" in version "example.com/v1"', "the API serves no Widget example.com/v1"),
    (
        "a namespace is going",
        "error",
        "unable to create new content in namespace mine because it is being terminated",
        "namespace mine is being deleted",
    ),
    ("a ConfigMap or Secret is missing", "event", 'MountVolume.SetUp failed for volume "v" : secret "tls" not found', "a pod waits for secret tls"),
    ("a ConfigMap or Secret is missing", "event", "couldn't find key a in ConfigMap mine/b", "a pod waits for ConfigMap mine/b a"),
    ("a file system is full", "journal", "write /var/lib/x: no space left on device", "no space is left on a file system"),
    ("an image is of another platform", "log", "exec /web: exec format error", "a program is of another architecture"),
    ("a port is taken", "log", "listen tcp 0.0.0.0:80: bind: address already in use", "a port is taken: log of Pod web, container main 0.0.0.0:80"),
    (
        "a client without a cluster",
        "error",
        "HTTPConnectionPool(host='localhost', port=80): Max retries exceeded",
        "a client was made without a configuration",
    ),
    ("a name is not known to DNS", "error", "lookup web.other on 10.96.0.10:53: no such host", "web.other is not known to DNS"),
    ("a name is not known to DNS", "log", "curl: (6) Could not resolve host: web", "web is not known to DNS"),
]


def saying(by: str, words: str) -> Scene:
    """A scene in which somebody says this."""
    match by:
        case "error" | "boot":
            return scene(**{by: words})
        case "event":
            return scene(objects={"events": (event("Failed", words),)})
        case "log":
            return scene(logs=(LogOf(namespace="mine", pod="web", container="main", previous=False, text=f"before\n{words}\nafter"),))
    return scene(machines=(MachineSeen(name="c-control-plane", role="control-plane", facts={"units": words}),))


@pytest.mark.parametrize(("name", "by", "words", "cause"), SAID)
def test_words_that_somebody_says(name: str, by: str, words: str, cause: str) -> None:
    first = hints(saying(by, words))[0]
    assert first.rule == name
    assert first.cause.startswith(cause)
    assert first.seen.partition(": ")[2]


def test_a_disk_that_is_full_is_the_cause_of_all_that_says_so() -> None:
    said = scene(machines=(machine(facts={"disk": "/var has 0 MB left"}),), error="mkdir /a: no space left on device", answered=False)
    assert [one.rule for one in hints(said)] == ["a machine's disk is full", "the API is gone"]


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return pod(phase="Pending", state={"waiting": {"reason": reason, "message": message}}, **more)


def ended(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return pod(phase="Failed", state={"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-11-28T16:00:05Z", **more}})


def node(kind: str, status: str) -> dict[str, Any]:
    return {"metadata": {"name": "c-control-plane"}, "status": {"conditions": [{"type": kind, "status": status, "reason": "R", "message": "why"}]}}


def unscheduled(words: str) -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}]
    return pod(phase="Pending", status={"conditions": conditions, "containerStatuses": []})


def machine(**fields: Any) -> MachineSeen:
    return MachineSeen(name="c-control-plane", role="control-plane", **fields)


def claim(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "data", "namespace": "mine"}, "spec": spec, "status": {"phase": "Pending"}}


def about_claim(words: str) -> dict[str, Any]:
    return event("ProvisioningFailed", words, kind="PersistentVolumeClaim", name="data")


SERVICE = {"metadata": {"name": "web", "namespace": "mine"}, "spec": {"selector": {"app": "web"}}}
ON_NODE = {"metadata": {"name": "c-control-plane"}, "status": {"images": [{"names": ["docker.io/library/web:1"]}]}}
EVICTED = {"reason": "Evicted", "message": "Usage of EmptyDir volume a exceeds the limit 1Mi", "containerStatuses": []}
# rule, the scene, the cause, what the remedy has
STATES: list[tuple[str, Scene, str, str]] = [
    (
        "a machine of the cluster does not run",
        scene(machines=(machine(state="exited", console="bye\n"),)),
        "machine c-control-plane (control-plane) does not run",
        "start()",
    ),
    (
        "a machine's disk is full",
        scene(
            machines=(machine(facts={"disk": "/ has 3 MB left\n/var has 3 MB left", "units": "mkdir /a: no space left on device"}),), answered=False
        ),
        "the disk of c-control-plane is full",
        "docker system df",
    ),
    (
        "the API is gone",
        scene(answered=False, missing=("objects: the API does not answer: refused",)),
        "the API server of cluster c does not answer (c-control-plane is running)",
        "etcd",
    ),
    ("a node is not ready", scene(objects={"nodes": (node("Ready", "Unknown"),)}), "node c-control-plane is not ready", "kubelet"),
    (
        "a node is short of disk, memory or process ids",
        scene(objects={"nodes": (node("DiskPressure", "True"),)}),
        "node c-control-plane is short of disk",
        "docker system df",
    ),
    (
        "the kernel killed a process for memory",
        scene(machines=(machine(kernel=("oom-kill:constraint=CONSTRAINT_MEMCG,task=java,pid=1",)),)),
        "the kernel killed java",
        "limit",
    ),
    ("an image cannot be had", scene(objects={"pods": (waiting("ErrImageNeverPull"),)}), "image web:1 cannot be had", "imagePullPolicy is Never"),
    ("an image cannot be had", scene(objects={"pods": (waiting("InvalidImageName"),)}), "image web:1 cannot be had", "small letters"),
    ("an image cannot be had", scene(objects={"pods": (waiting("ErrImagePull", "no"),), "nodes": (ON_NODE,)}), "image web:1 cannot be had", "Always"),
    (
        "an image cannot be had",
        scene(
            objects={
                "pods": (waiting("ImagePullBackOff", "Back-off"),),
                "events": (event("Failed", 'Failed to pull image "web:1": 429 toomanyrequests'),),
            }
        ),
        "image web:1 cannot be had",
        "registry",
    ),
    (
        "a container was killed for memory",
        scene(objects={"pods": (ended(137, "OOMKilled"),)}),
        "container main of mine/web was killed for memory: it has no limit of its own",
        "memory",
    ),
    ("a pod was evicted", scene(objects={"pods": (pod(phase="Failed", status=EVICTED),)}), "pod mine/web was evicted", "sizeLimit"),
    (
        "no node takes a pod",
        scene(objects={"pods": (unscheduled("0/1 nodes are available: 1 Insufficient cpu."),)}),
        "no node takes pod mine/web: no node has so much cpu left",
        "requests",
    ),
    (
        "no node takes a pod",
        scene(objects={"pods": (unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}."),)}),
        "no node takes pod mine/web: a taint that it does not tolerate {a: b}",
        "toleration",
    ),
    (
        "no node takes a pod",
        scene(objects={"pods": (unscheduled("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."),)}),
        "no node takes pod mine/web: its hostPort is taken",
        "hostPort",
    ),
    (
        "a container cannot be started",
        scene(objects={"pods": (waiting("RunContainerError", 'exec: "web": executable file not found in $PATH'),)}),
        "container main of mine/web cannot be started",
        "command",
    ),
    (
        "a container cannot be started",
        scene(objects={"pods": (ended(128, "StartError", message="no such file"),)}),
        "container main of mine/web cannot be started",
        "command",
    ),
    (
        "a probe fails",
        scene(objects={"pods": (pod(),), "events": (event("Unhealthy", "Liveness probe failed: 500"),)}),
        "the liveness probe of mine/web fails, so it is restarted",
        "path",
    ),
    (
        "a container ends again and again, or with an error",
        scene(objects={"pods": (ended(139),)}),
        "container main of mine/web ends with exit code 139: SIGSEGV",
        "last lines",
    ),
    (
        "a volume or the network of a pod is not there",
        scene(objects={"pods": (waiting("ContainerCreating"),), "events": (event("FailedMount", "no such hostPath"),)}),
        "pod mine/web waits for a volume",
        "names",
    ),
    (
        "a volume or the network of a pod is not there",
        scene(objects={"pods": (waiting("ContainerCreating"),), "events": (event("FailedCreatePodSandBox", "cni"),)}),
        "pod mine/web has no sandbox",
        "runtime",
    ),
    ("a claim has no volume", scene(objects={"persistentvolumeclaims": (claim(),)}), "claim mine/data has no volume: it names no class", "standard"),
    (
        "a claim has no volume",
        scene(
            objects={
                "persistentvolumeclaims": (claim(storageClassName="standard"),),
                "events": (about_claim("waiting for first consumer to be created before binding"),),
            }
        ),
        "claim mine/data has no volume: its class waits",
        "create a pod",
    ),
    (
        "a claim has no volume",
        scene(
            objects={
                "persistentvolumeclaims": (claim(storageClassName="s", accessModes=["ReadWriteMany"]),),
                "events": (about_claim("NodePath only supports ReadWriteOnce"),),
            }
        ),
        "claim mine/data has no volume: its class gives no ReadWriteMany",
        "shared",
    ),
    (
        "a Service has no endpoint",
        scene(error="Connection refused", objects={"services": (SERVICE,), "pods": ()}),
        "Service mine/web has no endpoint: no pod has the labels",
        "selector",
    ),
    (
        "a Service has no endpoint",
        scene(error="Connection refused", objects={"services": (SERVICE,), "pods": (pod(),)}),
        "Service mine/web has no endpoint: of its pods (1) none is ready",
        "wait until",
    ),
]


@pytest.mark.parametrize(("name", "one", "cause", "remedy"), STATES)
def test_states_that_are_wrong(name: str, one: Scene, cause: str, remedy: str) -> None:
    found = [hint for hint in hints(one) if hint.rule == name]
    assert [hint.cause[: len(cause)] for hint in found] == [cause]
    assert remedy in found[0].remedy


@pytest.mark.parametrize(
    ("conditions", "broken"),
    [
        ({"ready": True, "serving": True, "terminating": False}, False),
        ({}, False),
        # DNS publishes pods that are not ready, too: each is called so, and one that starts is no sign of anything.
        ({"ready": True, "serving": False, "terminating": False}, False),
        ({"ready": True, "serving": True, "terminating": True}, True),
        ({"ready": False}, True),
    ],
)
def test_an_endpoint_that_is_not_ready_or_goes_is_none(conditions: dict[str, bool], broken: bool) -> None:
    seen = recorded("dns_broken")
    piece = {**seen.of("endpointslices")[0], "endpoints": [{"addresses": ["10.244.0.3"], "conditions": conditions}]}
    seen = replace(seen, objects={**seen.objects, "endpointslices": (piece,)})
    assert any("no CoreDNS pod" in one.cause for one in hints(seen)) == broken


@pytest.mark.parametrize(("namespace", "at", "told"), [("mine", -60, True), ("kube-system", -60, False), ("kube-system", 1, True)])
def test_what_was_elsewhere_before_the_test_is_no_cause(namespace: str, at: int, told: bool) -> None:
    one = scene()
    said = event("Unhealthy", "Readiness probe failed: 500", namespace=namespace, lastTimestamp=(one.began + timedelta(seconds=at)).isoformat())
    assert bool(hints(replace(one, objects={"pods": (pod(namespace=namespace),), "events": (said,)}))) == told


def test_an_end_of_which_the_kubelet_knows_nothing_is_no_cause() -> None:
    lost = {"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137, "message": "The container could not be located"}}
    assert hints(scene(objects={"pods": (pod("dns", "kube-system", lastState=lost, restartCount=1),)})) == []


def test_every_rule_is_tested() -> None:
    tested = {name for name, *_ in SAID} | {name for name, *_ in STATES} | {name for name, *_ in RECORDED.values()}
    assert [one.name for one in RULES if one.name not in tested] == []


def test_the_table_of_the_docs_is_the_codes() -> None:
    assert table() in DOCS.read_text(encoding="utf-8")


def test_a_test_that_fails_by_itself_gets_no_hint() -> None:
    assert hints(scene(error="AssertionError: assert 1 == 2", objects={"pods": (pod(ready=True),)})) == []


def test_what_is_the_tests_own_comes_before_what_is_elsewhere() -> None:
    other = pod("other", "kube-system", phase="Failed", state={"terminated": {"exitCode": 1, "reason": "OOMKilled"}})
    found = hints(scene(objects={"pods": (other, waiting("ErrImagePull", "no"))}))
    assert [hint.rule for hint in found] == ["an image cannot be had", "a container was killed for memory"]


def test_a_cause_that_many_tell_of_is_told_once() -> None:
    words = f"{FORBIDDEN}exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    events = tuple(event("FailedCreate", words, kind="ReplicaSet", second=second) for second in range(1, 9))
    assert len(hints(scene(error=words, objects={"events": events}))) == 1


def test_the_evidence_of_a_boot_begins_with_its_cause() -> None:
    evidence = "--- n: journal\nkubelet: too many open files\ntoken: abcdefghijk1"
    assert with_causes("c", "not within 1 s", evidence).splitlines()[:3] == [
        "--- probably",
        "1. the machine's inotify instances or watches are used up, or a process may open no more files",
        "   seen: machines of c: kubelet: too many open files",
    ]
    assert with_causes("c", "not within 1 s", "--- n: nothing") == "--- n: nothing"


@pytest.mark.parametrize("name", RECORDED)
def test_documents_that_lack_anything_break_nothing(name: str) -> None:
    # What an older or a newer API leaves out is not known: every field but a name may be missing.
    chance = random.Random(name)  # noqa: S311 - the same in every run

    def thinned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: thinned(one) for key, one in value.items() if key in {"metadata", "name", "type", "status"} or chance.random() > 0.2}
        return [thinned(one) for one in value] if isinstance(value, list) else value

    whole = recorded(name)
    for _ in range(30):
        objects = {plural: tuple(thinned(copy.deepcopy(one)) for one in several) for plural, several in whole.objects.items()}
        thin = Scene(cluster="c", began=whole.began, now=whole.now, own=whole.own, objects=objects, error=whole.error, logs=whole.logs)
        assert sections(thin, 60)[0].name == "why"
