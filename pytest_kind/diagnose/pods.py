"""What a pod's document says of what is wrong with it. Pure."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pytest_kind.diagnose.scene import Document, Scene, moment, span

NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable"}
"""Why a container waits whose image is not there, in the kubelet's words."""
_SIGNALS = 128
# What a code means beside the signals: of shells, runtimes and the field.
_CODES = {
    0: "it ended without an error, though it should not end",
    1: "an error of the program",
    2: "wrong use of a shell or program",
    125: "the runtime could not start it",
    126: "the file cannot be executed",
    127: "there is no such program",
    128: "the runtime could not start it",
}
# The kubelet's word after its machine's end, with an exit code that nothing ended with.
_UNKNOWN = "ContainerStatusUnknown"
_REMARKS = {
    "SIGKILL": "out of memory, or it did not end within its grace period",
    "SIGSEGV": "it read or wrote memory that is not its own",
    "SIGILL": "an instruction that this processor has not",
    "SIGABRT": "it broke off by itself",
    "SIGTERM": "it was asked to end",
}


def meaning(code: int) -> str:
    """What an exit code means."""
    if code in _CODES:
        return _CODES[code]
    try:
        name = signal.Signals(code - _SIGNALS).name
    except ValueError:
        return "the program's own"
    remark = _REMARKS.get(name)
    return f"{name}: {remark}" if remark else name


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended."""

    reason: str
    code: int
    message: str
    at: datetime | None

    def __str__(self) -> str:
        return f"{self.reason or 'ended'}, exit code {self.code} ({meaning(self.code)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSeen:
    """A container of a pod.

    Attributes:
        waiting: why it does not run, in the kubelet's word and its message.
        ended: how this one ended.
        before: how the one before ended.
        memory: its limit, as the pod has it.
        policy: when its image is pulled.
    """

    name: str
    image: str
    init: bool
    ready: bool
    running: bool
    restarts: int
    waiting: tuple[str, str] | None
    ended: Ended | None
    before: Ended | None
    memory: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod.

    Attributes:
        reason, message: of its phase: ``Evicted``.
        unready: why it is not ready, in the condition's words.
        unscheduled: the scheduler's words.
        leaves: whether it is being deleted.
    """

    namespace: str
    name: str
    node: str
    phase: str
    reason: str
    message: str
    created: datetime | None
    ready: bool
    unready: str
    unscheduled: str
    leaves: bool
    containers: tuple[ContainerSeen, ...]

    def in_trouble(self, began: datetime) -> bool:
        """Whether it is not as it should be, or was not at some time since then."""
        if self.phase == "Succeeded":
            return False
        fresh = (one.before for one in self.containers)
        restarted = any(one is not None and one.at is not None and one.at >= began.replace(microsecond=0) for one in fresh)
        return not self.ready or restarted


def seen(pod: Document) -> PodSeen:
    """What counts of a pod's document."""
    meta, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    scheduled, ready = conditions.get("PodScheduled", {}), conditions.get("Ready", {})
    return PodSeen(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        node=spec.get("nodeName", ""),
        phase=status.get("phase", "Unknown"),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        created=moment(meta.get("creationTimestamp")),
        ready=ready.get("status") == "True",
        unready=_words(ready),
        unscheduled=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        leaves="deletionTimestamp" in meta,
        containers=tuple(_containers(spec, status)),
    )


def in_trouble(scene: Scene) -> list[PodSeen]:
    """The pods of a scene that are not as they should be, the test's own first. Those that are being deleted count as the test's alone."""
    found = [one for one in map(seen, scene.of("pods")) if one.in_trouble(scene.began)]
    return [one for one in found if not one.leaves or one.namespace in scene.own]


def _containers(spec: Document, status: Document) -> Iterator[ContainerSeen]:
    for kind, init in (("initContainers", True), ("containers", False)):
        states = {one["name"]: one for one in status.get(f"{kind[:-1]}Statuses") or ()}
        for one in spec.get(kind) or ():
            yield _container(one, states.get(one["name"], {}), init=init)


def _container(spec: Document, status: Document, *, init: bool) -> ContainerSeen:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    waiting = state.get("waiting")
    return ContainerSeen(
        name=spec["name"],
        image=spec.get("image", ""),
        init=init,
        ready=bool(status.get("ready")),
        running="running" in state,
        restarts=status.get("restartCount", 0),
        waiting=None if waiting is None else (waiting.get("reason", ""), waiting.get("message", "")),
        ended=_ended(state.get("terminated")),
        before=_ended(last.get("terminated")),
        memory=((spec.get("resources") or {}).get("limits") or {}).get("memory", ""),
        policy=spec.get("imagePullPolicy", ""),
    )


def _ended(state: Mapping[str, Any] | None) -> Ended | None:
    if not state or state.get("reason") == _UNKNOWN:
        return None
    return Ended(state.get("reason", ""), state.get("exitCode", 0), (state.get("message") or "").strip(), moment(state.get("finishedAt")))


def _words(condition: Document) -> str:
    return ": ".join(filter(None, (condition.get("reason", ""), condition.get("message", ""))))


def lines_of(scene: Scene, *, log_lines: int) -> list[str]:
    """The pods in trouble, for people.

    Args:
        log_lines: of each log, the last ones.
    """
    lines: list[str] = []
    for pod in in_trouble(scene):
        since = f", {scene.age(pod.created)} old" if pod.created else ""
        on = f" on {pod.node}" if pod.node else ""
        state = "being deleted" if pod.leaves else ": ".join(filter(None, (pod.phase, pod.reason, pod.message)))
        lines.append(f"{pod.namespace}/{pod.name}{on}{since}: {state}{', ready' if pod.ready else ''}")
        lines += [f"  {text}" for text in filter(None, (pod.unscheduled, "" if pod.ready or pod.unscheduled else pod.unready))]
        for one in pod.containers:
            lines += _lines_of_container(scene, pod, one, log_lines)
    return lines


def _lines_of_container(scene: Scene, pod: PodSeen, one: ContainerSeen, log_lines: int) -> Iterator[str]:
    done = one.init and one.ended is not None and one.ended.code == 0
    if done or (one.ready and one.before is None):
        return
    states = [f"waiting, {': '.join(filter(None, one.waiting))}" if one.waiting else "", f"ended, {one.ended}" if one.ended else ""]
    state = next(filter(None, states), f"runs, {'ready' if one.ready else 'not ready'}" if one.running else "not started")
    yield f"  {'init container' if one.init else 'container'} {one.name} ({one.image}): {state}"
    if one.before is not None:
        ago = f" {span((scene.now - one.before.at).total_seconds())} ago" if one.before.at else ""
        yield f"    restarted {one.restarts} times, the last one ended{ago}: {one.before}"
    for log in scene.logs:
        if (log.namespace, log.pod, log.container) == (pod.namespace, pod.name, one.name) and log.text.strip():
            yield f"    last lines{' of the one before' if log.previous else ''}:"
            yield from (f"      | {line}" for line in [line for line in log.text.splitlines() if line.strip()][-log_lines:])
