"""Pods in words: what keeps one from being ready. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
_DEFAULT = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a pod, or with one of its containers.

    Attributes:
        told: in words.
        container: whose log may tell more; none where there is no log.
        previous: whether it is the log of the one before.
    """

    told: str
    container: str = ""
    previous: bool = False


def is_ready(pod: Document) -> bool:
    """Whether it is ready, or is done and was well."""
    status = pod.get("status") or {}
    return status.get("phase") == "Succeeded" or _condition(pod, "Ready").get("status") == "True"


def is_going(pod: Document) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def default_container(pod: Document) -> str:
    """The one that is meant where none is named: kubectl's rule (its ``pkg/cmd/util/podcmd``)."""
    named = (pod["metadata"].get("annotations") or {}).get(_DEFAULT)
    return str(named if named in containers(pod) else pod["spec"]["containers"][0]["name"])


def containers(pod: Document) -> list[str]:
    """All of them, in the order in which they begin."""
    spec = pod["spec"]
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [one["name"] for kind in kinds for one in spec.get(kind) or ()]


def troubles(pod: Document) -> list[Trouble]:
    """Why a pod is not ready; never nothing."""
    status = pod.get("status") or {}
    if is_going(pod):
        return [Trouble("is being deleted")]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return [Trouble(f"is not scheduled: {scheduled.get('message') or scheduled.get('reason')}")]
    found = list(_containers(pod))
    if status.get("reason") or status.get("message"):  # evicted, refused by the kubelet
        found.insert(0, Trouble(f"{status.get('phase')}: {status.get('reason', '')} {status.get('message', '')}".strip()))
    gates = [one for one in status.get("conditions") or () if one.get("status") == "False" and one.get("type") not in _USUAL]
    found += [Trouble(f"condition {one['type']}: {one.get('message') or one.get('reason') or 'False'}") for one in gates]
    return found or [Trouble(f"is {status.get('phase', 'not known yet')}")]


_USUAL = {"Ready", "ContainersReady", "Initialized", "PodScheduled", "PodReadyToStartContainers", "PodResizePending", "PodResizeInProgress"}


def _containers(pod: Document) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(kind) or ():
            finished = (one.get("state") or {}).get("terminated")
            if one.get("ready") or (finished and finished.get("exitCode") == 0 and kind == "initContainerStatuses"):
                continue
            yield _container(one, kind == "initContainerStatuses")


def _container(one: Document, is_init: bool) -> Trouble:
    name, state, restarts = one["name"], one.get("state") or {}, one.get("restartCount", 0)
    who = f"{'init ' if is_init else ''}container {name}"
    if "waiting" in state:
        waiting = state["waiting"]
        said = ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
        before = (one.get("lastState") or {}).get("terminated")
        if before:
            return Trouble(f"{who}: {said}; it ended with {_end(before)}, and was started {restarts + 1} times", name, previous=True)
        return Trouble(f"{who}: waits{': ' + said if said else ''} (image {one.get('image')})")
    if "terminated" in state:
        return Trouble(f"{who}: ended with {_end(state['terminated'])}", name)
    if "running" in state:
        again = f", started {restarts + 1} times" if restarts else ""
        return Trouble(f"{who}: runs{again}, and is not {'done' if is_init else 'ready'}", name)
    return Trouble(f"{who}: is not there yet")


def _end(terminated: Document) -> str:
    words = ": ".join(filter(None, (terminated.get("reason"), terminated.get("message"))))
    return f"{terminated.get('exitCode')}{f' ({words})' if words else ''}"


def _condition(pod: Document, name: str) -> Document:
    return next((one for one in (pod.get("status") or {}).get("conditions") or () if one.get("type") == name), {})
