"""Pods: told by their statuses and events."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_kind.diagnose.hints.rule import Finding, Rule, tell
from pytest_kind.diagnose.pods import NO_IMAGE, ContainerSeen, Ended, PodSeen, in_trouble, meaning
from pytest_kind.diagnose.scene import Document, Scene, within

_NO_START = {"RunContainerError", "CreateContainerError", "StartError", "ContainerCannotRun", "PreCreateHookError"}
_PARTS = (
    (
        r"Insufficient (?P<what>[\w/-]+(?:\.[\w/-]+)*)",
        "no node has so much {what} left",
        "ask for less (resources.requests), or give the cluster another node",
    ),
    (
        r"(?:had )?untolerated taint\(?s?\)?:? ?(?P<what>\{[^}]*\})?",
        "a taint that it does not tolerate {what}",
        "a toleration, or a worker node without that taint",
    ),
    (
        r"didn't match Pod's node (?:affinity/selector|affinity|selector)",
        "no node has the labels that it wants",
        "label a node (labels in the configuration), or change nodeSelector and affinity",
    ),
    (r"didn't match pod (?:anti-)?affinity rules", "its affinity to other pods", "more nodes, or preferred instead of required affinity"),
    (r"didn't satisfy existing pods anti-affinity rules", "the affinity of pods that are there", "more nodes"),
    (r"didn't have free ports", "its hostPort is taken on every node", "another hostPort, or a Service instead"),
    (r"unbound immediate PersistentVolumeClaims", "its claim has no volume", "see the claim below: its class, its access mode"),
    (r'persistentvolumeclaim "(?P<what>[^"]+)" not found', "there is no claim {what}", "create the PersistentVolumeClaim in the pod's namespace"),
    (r"didn't match pod topology spread constraints", "its spread over nodes or zones", "more nodes, or whenUnsatisfiable: ScheduleAnyway"),
    (r"node\(s\) were unschedulable", "nodes are cordoned", "kubectl uncordon NODE"),
    (r"volume node affinity conflict", "its volume is on another node", "a volume of class `shared`, or the node that has the volume"),
)


def _all(scene: Scene) -> Iterator[tuple[PodSeen, ContainerSeen]]:
    for pod in in_trouble(scene):
        for one in pod.containers:
            yield pod, one


def _name(pod: PodSeen) -> str:
    return f"{pod.namespace}/{pod.name}"


def _events(scene: Scene, pod: PodSeen, *reasons: str) -> Iterator[Document]:
    """The newest first. Of pods elsewhere those of the test's time: earlier ones, such as a copy's of its frozen cluster, are no news."""
    there = scene.of("events") if pod.namespace in scene.own else within(scene.of("events"), scene.began)
    for event in reversed(there):
        about = event.get("involvedObject") or {}
        if event.get("reason") in reasons and (about.get("namespace"), about.get("name")) == (pod.namespace, pod.name):
            yield event


def _images(scene: Scene) -> Iterator[Finding]:
    for pod, one in _all(scene):
        if one.waiting is None or one.waiting[0] not in NO_IMAGE:
            continue
        reason, message = one.waiting
        if reason == "ImagePullBackOff":  # which says that it waits; why is in an event
            pulls = (event["message"] for event in _events(scene, pod, "Failed") if "pull" in event.get("message", ""))
            message = next((words for words in pulls if one.image in words), message)
        where = f"Pod {_name(pod)}, container {one.name}: {reason}"
        yield Finding(f"image {one.image} cannot be had", tell(where, message), _how_to_have(scene, pod, one, reason), pod.namespace)


def _how_to_have(scene: Scene, pod: PodSeen, one: ContainerSeen, reason: str) -> str:
    names = {
        name
        for node in scene.of("nodes")
        if node["metadata"]["name"] == pod.node
        for image in (node.get("status") or {}).get("images") or ()
        for name in image.get("names") or ()
    }
    if reason == "InvalidImageName":
        return "the name is none: REGISTRY/NAME:TAG, in small letters"
    if reason == "ErrImageNeverPull":
        return "imagePullPolicy is Never and the node has no such image: kind_cluster.load_image(…), or kind_image for one that is built"
    if names & {one.image, f"docker.io/{one.image}", f"docker.io/library/{one.image}"}:
        return "the node has it, but imagePullPolicy Always (the default of :latest and of no tag) asks a registry: IfNotPresent, or a tag"
    policy = " and imagePullPolicy: IfNotPresent" if one.policy == "Always" else ""
    here = f"an image of this machine: kind_cluster.load_image({one.image!r}){policy}; one that is built: kind_image"
    return f"{here}; else see its name, and whether the registry is reached and lets everybody in"


def _memory(scene: Scene) -> Iterator[Finding]:
    for pod, one in _all(scene):
        ended = _ended(one)
        if ended is not None and ended.reason == "OOMKilled":
            limit = f"its limit is {one.memory}" if one.memory else "it has no limit of its own: the node's or the pod's was reached"
            yield Finding(
                f"container {one.name} of {_name(pod)} was killed for memory: {limit}",
                tell(f"Pod {_name(pod)}, container {one.name}", str(ended)),
                namespace=pod.namespace,
            )


def _starts(scene: Scene) -> Iterator[Finding]:
    for pod, one in _all(scene):
        ended = _ended(one)
        reason, message = one.waiting or ("", "")
        if ended is not None and ended.reason in _NO_START:
            reason, message = ended.reason, ended.message
        if reason in _NO_START:
            yield Finding(
                f"container {one.name} of {_name(pod)} cannot be started",
                tell(f"Pod {_name(pod)}, container {one.name}: {reason}", message),
                namespace=pod.namespace,
            )


def _probes(scene: Scene) -> Iterator[Finding]:
    for pod in in_trouble(scene):
        for event in _events(scene, pod, "Unhealthy", "ProbeError"):
            message = event.get("message", "")
            kind = re.match(r"(Readiness|Liveness|Startup) probe", message)
            effect = {"Readiness": "it gets no traffic", "Liveness": "it is restarted", "Startup": "it is restarted"}.get(kind[1] if kind else "", "")
            yield Finding(
                f"the {kind[1].lower() if kind else ''} probe of {_name(pod)} fails, so {effect}",
                tell(f"event {event.get('reason')} of Pod {pod.name}", message),
                namespace=pod.namespace,
            )


def _crashes(scene: Scene) -> Iterator[Finding]:
    for pod, one in _all(scene):
        ended = _ended(one)
        if ended is None or ended.reason in {"OOMKilled", *_NO_START} or (one.init and ended.code == 0):
            continue
        again = f" again and again ({one.restarts} restarts)" if one.restarts > 1 else ""
        last = _last_line(scene, pod, one) or ended.message
        cause = f"container {one.name} of {_name(pod)} ends{again} with exit code {ended.code}: {meaning(ended.code)}"
        yield Finding(cause, tell(f"its last line of log, {_name(pod)}", last or "(it wrote nothing)"), namespace=pod.namespace)


def _ended(one: ContainerSeen) -> Ended | None:
    return one.ended or one.before


def _last_line(scene: Scene, pod: PodSeen, one: ContainerSeen) -> str:
    logs = [log for log in scene.logs if (log.namespace, log.pod, log.container) == (pod.namespace, pod.name, one.name) and log.text.strip()]
    ended = next((log for log in logs if log.previous == (one.ended is None)), logs[0] if logs else None)
    return ended.text.strip().splitlines()[-1] if ended is not None else ""


def _unscheduled(scene: Scene) -> Iterator[Finding]:
    for pod in in_trouble(scene):
        if pod.unscheduled:
            parts = [(match, words, remedy) for pattern, words, remedy in _PARTS if (match := re.search(pattern, pod.unscheduled))]
            why = ", ".join(" ".join(words.format(what=match.groupdict().get("what") or "").split()) for match, words, _ in parts)
            remedy = "; ".join(dict.fromkeys(remedy for _, _, remedy in parts))
            yield Finding(
                f"no node takes pod {_name(pod)}{': ' + why if why else ''}",
                tell(f"the scheduler on Pod {_name(pod)}", pod.unscheduled),
                remedy,
                pod.namespace,
            )


def _evicted(scene: Scene) -> Iterator[Finding]:
    for pod in in_trouble(scene):
        words = pod.message if pod.reason == "Evicted" else next((event.get("message", "") for event in _events(scene, pod, "Evicted")), "")
        if words:
            remedy = "a larger sizeLimit or limit of ephemeral-storage, or write less" if re.search("limit|EmptyDir|ephemeral", words) else ""
            yield Finding(f"pod {_name(pod)} was evicted", tell(f"the kubelet on Pod {_name(pod)}", words), remedy, pod.namespace)


def _mounts(scene: Scene) -> Iterator[Finding]:
    for pod in in_trouble(scene):
        for event in _events(scene, pod, "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"):
            what = "has no sandbox (network, runtime)" if event["reason"] == "FailedCreatePodSandBox" else "waits for a volume"
            yield Finding(
                f"pod {_name(pod)} {what}", tell(f"event {event['reason']} of Pod {pod.name}", event.get("message", "")), namespace=pod.namespace
            )


RULES = (
    Rule(
        name="an image cannot be had",
        sign="ErrImagePull, ImagePullBackOff, ErrImageNeverPull, InvalidImageName; the registry's answer",
        remedy="kind_cluster.load_image(…) for an image of this machine; its name; the registry (docs/networking.md)",
        find=_images,
    ),
    Rule(
        name="a container was killed for memory",
        sign="OOMKilled",
        remedy="a higher resources.limits.memory, or a program that takes less",
        find=_memory,
    ),
    Rule(
        name="a pod was evicted",
        sign="Evicted: emptyDir's sizeLimit, ephemeral-storage, a node under pressure",
        remedy="room on the node: see its conditions",
        find=_evicted,
    ),
    Rule(
        name="no node takes a pod",
        sign="condition PodScheduled is False; the scheduler's words: resources, taints, affinity, ports, claims",
        remedy="kubectl describe node",
        find=_unscheduled,
    ),
    Rule(
        name="a container cannot be started",
        sign="RunContainerError, CreateContainerError, StartError: `executable file not found`, `permission denied`",
        remedy="command and args are programs of the image, with their path; see securityContext and volumes",
        find=_starts,
    ),
    Rule(
        name="a probe fails",
        sign="event Unhealthy: readiness, liveness or startup probe, with its answer",
        remedy="path, port and scheme are the container's; a startupProbe or a longer initialDelaySeconds for what starts slowly",
        find=_probes,
    ),
    Rule(
        name="a container ends again and again, or with an error",
        sign="CrashLoopBackOff, Error; exit code and last line of log",
        remedy="its last lines are below; what should run on needs a process that does not end",
        find=_crashes,
    ),
    Rule(
        name="a volume or the network of a pod is not there",
        sign="events FailedMount, FailedAttachVolume, FailedCreatePodSandBox",
        remedy="what the event names: a ConfigMap, a claim, a hostPath; the runtime's lines below",
        find=_mounts,
    ),
)
