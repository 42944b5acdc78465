"""Looks at a cluster after a test has failed: API, machines and logs, side by side, within a few seconds.

What could not be had is part of what is found; nothing here raises for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_kind import labels
from pytest_kind.api.apis import Apis
from pytest_kind.api.http import ApiError
from pytest_kind.diagnose import nodes, pods
from pytest_kind.diagnose.scene import Document, LogOf, MachineSeen, Scene
from pytest_kind.errors import KindError
from pytest_kind.waiting import Deadline

if TYPE_CHECKING:
    from pytest_kind.api.http import Api
    from pytest_kind.api.kubeconfig import Credentials
    from pytest_kind.provision.provider import Provider

T = TypeVar("T")
# Secrets are not among them.
LISTS = {
    "namespaces": "/api/v1/namespaces",
    "events": "/api/v1/events",
    "pods": "/api/v1/pods",
    "nodes": "/api/v1/nodes",
    "services": "/api/v1/services",
    "persistentvolumeclaims": "/api/v1/persistentvolumeclaims",
    "resourcequotas": "/api/v1/resourcequotas",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "validatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}
_LOOK = resources.files("pytest_kind").joinpath("diagnose", "node", "look")
_LOG_LINES, _LOG_BYTES, _LOGS = 20, 1 << 14, 24
_CONSOLE_LINES = 20
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A machine of the cluster and where it is."""

    name: str
    role: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be looked at.

    Attributes:
        elapsed: seconds since the test's setup began.
        error: the test's exception.
        names: texts that are namespaces of the test's own, if they are namespaces.
        mark: the label by which namespaces of tests are told.
        test: its value in those of this test.
        scratch: a private folder.
        connect: one more connection to the engine; each machine has its own.
        seconds: how long all of it may take.
    """

    cluster: str
    elapsed: float
    error: str
    names: frozenset[str]
    mark: str
    test: str
    places: Sequence[Place]
    credentials: Credentials
    scratch: Path
    connect: Callable[[], Provider]
    seconds: float


def collect(asked: Asked) -> Scene:
    """What can be had within the time."""
    looking = _Looking(asked, Deadline(asked.seconds), time.monotonic())
    apis = Apis(asked.credentials, asked.scratch, asked.seconds)
    pool = ThreadPoolExecutor(min(_AT_ONCE, max(1, len(asked.places))), thread_name_prefix="pytest-kind-look")
    try:
        machines = {place.name: pool.submit(_machine, asked, place) for place in asked.places}
        lists = {plural: apis.begin(_items, path) for plural, path in LISTS.items()}
        objects = looking.lists(lists)
        logs = looking.logs(apis, objects)
        return looking.scene(objects, logs, looking.had(machines))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        apis.close(wait=False)


@dataclass(slots=True)
class _Looking:
    """One look, under way."""

    asked: Asked
    deadline: Deadline
    start: float
    answered: bool = True
    missing: list[str] = field(default_factory=list)

    def had(self, futures: Mapping[str, Future[T]]) -> dict[str, T]:
        """What is there in time; what is not is said."""
        wait(futures.values(), timeout=self.deadline.left)
        found: dict[str, T] = {}
        for what, future in futures.items():
            if not future.done():
                self.missing.append(f"{what}: no answer within {self.deadline.seconds:.0f} s")
            elif (error := future.exception()) is None:
                found[what] = future.result()
            elif isinstance(error, KindError):
                self.missing.append(f"{what}: {str(error).strip().splitlines()[0]}")
            else:
                raise error
        return found

    def lists(self, futures: Mapping[str, Future[list[Document]]]) -> dict[str, list[Document]]:
        found = self.had(futures)
        if not found:
            errors = [future.exception() for future in futures.values() if future.done()]
            self.answered = any(isinstance(error, ApiError) and error.status for error in errors)
            why = next((str(error) for error in errors if error is not None), self.missing[0])
            self.missing = [f"objects: the API does not answer: {why}"]
        return found

    def logs(self, apis: Apis, objects: Mapping[str, Sequence[Document]]) -> list[LogOf]:
        """The last lines of the containers of pods in trouble."""
        own, others = self._namespaces(objects)
        began = datetime.now(UTC) - timedelta(seconds=self.asked.elapsed)
        there = Scene(cluster="", began=began, now=began, own=own, objects={"pods": _outside("pods", objects, others)})
        wanted = [log for pod in pods.in_trouble(there) for one in pod.containers for log in _logs_of(pod, one)][:_LOGS]
        names = (f"log of {one.namespace}/{one.pod}, container {one.container}{' before' if one.previous else ''}" for one in wanted)
        return list(self.had({name: apis.begin(_log, one) for name, one in zip(names, wanted, strict=True)}).values())

    def _namespaces(self, objects: Mapping[str, Sequence[Document]]) -> tuple[tuple[str, ...], set[str]]:
        """The test's own namespaces, and those of other tests."""
        marked = {one["metadata"]["name"]: (one["metadata"].get("labels") or {}).get(self.asked.mark) for one in objects.get("namespaces", ())}
        by_label = {name for name, test in marked.items() if test is not None and test == self.asked.test}
        # Where one is known by its name, others of that label are those of the test's earlier turns.
        own = tuple(name for name in marked if name in self.asked.names or (name in by_label and not by_label & self.asked.names))
        return own, {name for name, test in marked.items() if test is not None and name not in own}

    def scene(self, objects: Mapping[str, Sequence[Document]], logs: Sequence[LogOf], machines: Mapping[str, _Machine]) -> Scene:
        own, others = self._namespaces(objects)
        began = self._began(machines.values())
        seen = [
            machines[place.name].seen if place.name in machines else MachineSeen(name=place.name, role=place.role, state=nodes.UNKNOWN)
            for place in self.asked.places
        ]
        uids = frozenset(pod["metadata"].get("uid", "") for pod in objects.get("pods", ()) if pod["metadata"].get("namespace") in own)
        seen = [
            replace(
                one,
                kernel=nodes.of_pods(one.kernel, uids),
                journal=tuple(line for line in one.journal if not any(name in line.text for name in others)),
                audit=tuple(line for line in one.audit if not any(f'"namespace":"{name}"' in line for name in others)),
            )
            for one in seen
        ]
        narrowed = {plural: _outside(plural, objects, others) for plural in objects}
        return Scene(
            cluster=self.asked.cluster,
            began=began,
            now=began + timedelta(seconds=self.asked.elapsed),
            error=self.asked.error,
            own=own,
            objects=narrowed,
            logs=tuple(logs),
            machines=tuple(seen),
            foreign=len(objects.get("events", ())) - len(narrowed.get("events", ())),
            answered=self.answered,
            missing=tuple(self.missing),
        )

    def _began(self, machines: Iterable[_Machine]) -> datetime:
        """When the test began, by the clock of the cluster: the engine's machine may have another than this one."""
        clock = next((one for one in machines if one.clock is not None), None)
        if clock is None or clock.clock is None:
            return datetime.now(UTC) - timedelta(seconds=self.asked.elapsed + time.monotonic() - self.start)
        return clock.clock - timedelta(seconds=self.asked.elapsed + clock.at - self.start)


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine, its clock, and when that was read by our own."""

    seen: MachineSeen
    clock: datetime | None = None
    at: float = 0.0


def _machine(asked: Asked, place: Place) -> _Machine:
    provider = asked.connect()
    try:
        there = provider.container(place.container)
        seen = MachineSeen(name=place.name, role=place.role, state=nodes.GONE if there is None else there.state)
        if there is None:
            return _Machine(seen)
        if not there.running:
            return _Machine(replace(seen, console=provider.logs(place.container, _CONSOLE_LINES)))
        if place.role == labels.ROLE_LOAD_BALANCER:
            return _Machine(seen)  # it has no systemd
        argv = ["bash", "-c", _LOOK.read_text(encoding="utf-8").rstrip(), "look", str(int(asked.elapsed) + 2), place.container]
        result = provider.exec(place.container, argv, seconds=asked.seconds)
        at = time.monotonic()
        clock, journal, kernel, facts = nodes.parse(result.stdout)
        if clock is None:
            raise KindError(f"its journal is not to be had: {result.output.strip()[-200:] or f'exit code {result.code}'}")
        audit = tuple(facts.pop(nodes.AUDIT, "").splitlines())
        return _Machine(replace(seen, journal=journal, kernel=kernel, audit=audit, facts=facts), clock, at)
    finally:
        provider.close()


def _items(api: Api, path: str) -> list[Document]:
    return list(api.get(path).get("items") or ())


def _log(api: Api, wanted: LogOf) -> LogOf:
    query = f"container={wanted.container}&tailLines={_LOG_LINES}&limitBytes={_LOG_BYTES}{'&previous=true' if wanted.previous else ''}"
    return replace(wanted, text=api.text(f"/api/v1/namespaces/{wanted.namespace}/pods/{wanted.pod}/log?{query}"))


def _logs_of(pod: pods.PodSeen, one: pods.ContainerSeen) -> Iterable[LogOf]:
    """Which logs of a container there are: one that never ran has none."""
    if one.before is not None:
        yield LogOf(namespace=pod.namespace, pod=pod.name, container=one.name, previous=True, text="")
    if one.running or one.ended is not None:
        yield LogOf(namespace=pod.namespace, pod=pod.name, container=one.name, previous=False, text="")


def _outside(plural: str, objects: Mapping[str, Sequence[Document]], namespaces: set[str]) -> tuple[Document, ...]:
    """The objects of a resource that are not in these namespaces, and are none of them."""
    name = "name" if plural == "namespaces" else "namespace"
    return tuple(one for one in objects.get(plural, ()) if one["metadata"].get(name) not in namespaces)
