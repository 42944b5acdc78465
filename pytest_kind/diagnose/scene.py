"""What was found after a test failed: the model that everything else here reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Document = Mapping[str, Any]

ERROR, EVENT, STATUS, LOG, JOURNAL, CONSOLE, BOOT = "error", "event", "status", "log", "journal", "console", "boot"


@dataclass(frozen=True, slots=True)
class Said:
    r"""A piece of text, and whose it is.

    Attributes:
        by: what kind of thing says it: ``error`` (the test's own), ``event``, ``status`` (of a pod), ``log`` (of a container), ``journal``
            or ``console`` (of a machine), ``boot`` (of the machines of a cluster that did not come up).
        where: for people: ``event FailedCreate of ReplicaSet web``.
        text: without the backslashes of a quoted document, so that ``\"a\"`` reads ``"a"``.
        namespace: of what it is about; empty where it is about none.
    """

    by: str
    where: str
    text: str
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a machine's journal.

    Attributes:
        at: by the machine's clock.
        unit: who wrote it: ``kubelet``, ``kernel``.
    """

    at: datetime
    unit: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSeen:
    """A machine of the cluster.

    Attributes:
        state: of its container, in the engine's words; ``gone`` where there is none.
        journal: lines at warning or above, of the test's time.
        kernel: processes of its pods that were killed for memory, in the kernel's words.
        facts: what else it said: ``disk`` (mount points that are nearly full), ``inotify`` (its limits), ``units`` (that failed).
        console: its last lines, where it does not run.
        audit: the last lines of its API server's audit log, where it has one.
    """

    name: str
    role: str
    state: str = "running"
    journal: tuple[Line, ...] = ()
    kernel: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    console: str = ""
    audit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOf:
    """The last lines of a container.

    Attributes:
        previous: whether they are of the container before this one.
    """

    namespace: str
    pod: str
    container: str
    previous: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A cluster as it was just after a test had failed.

    Attributes:
        began: when the test's setup began, by the cluster's clock.
        now: when this was taken, by the same clock.
        error: the test's exception, and those that led to it.
        own: namespaces of the test itself.
        objects: a resource's plural -> its objects; without those in namespaces of other tests.
        boot: what the machines of a cluster that did not come up said.
        foreign: how many events were left out because they are of other tests' namespaces.
        answered: whether the API answered.
        missing: what could not be had and why, a line each.
    """

    cluster: str
    began: datetime
    now: datetime
    error: str = ""
    own: tuple[str, ...] = ()
    objects: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)
    logs: tuple[LogOf, ...] = ()
    machines: tuple[MachineSeen, ...] = ()
    boot: str = ""
    foreign: int = 0
    answered: bool = True
    missing: tuple[str, ...] = ()

    def of(self, plural: str) -> tuple[Document, ...]:
        """The objects of a resource, those of the test's own namespaces first."""
        return tuple(sorted(self.objects.get(plural, ()), key=lambda one: one["metadata"].get("namespace", "") not in self.own))

    def age(self, at: datetime) -> str:
        """How long ago, for people."""
        return span((self.now - at).total_seconds())

    def said(self, *by: str) -> Iterator[Said]:
        """Every piece of text of these kinds; of all where none is named."""
        for one in self._said():
            if not by or one.by in by:
                yield Said(one.by, one.where, one.text.replace('\\"', '"').replace("\\'", "'"), one.namespace)

    def _said(self) -> Iterator[Said]:
        yield Said(ERROR, "the test's error", self.error)
        yield Said(BOOT, f"machines of {self.cluster}", self.boot)
        for event in self.of("events"):
            about = event.get("involvedObject") or {}
            where = f"event {event.get('reason', '')} of {about.get('kind', '')} {about.get('name', '')}"
            yield Said(EVENT, where, event.get("message") or "", about.get("namespace") or event["metadata"].get("namespace", ""))
        for pod in self.of("pods"):
            name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace", "")
            for text in _messages(pod.get("status") or {}):
                yield Said(STATUS, f"status of Pod {name}", text, namespace)
        for log in self.logs:
            yield Said(LOG, f"log of Pod {log.pod}, container {log.container}", log.text, log.namespace)
        for machine in self.machines:
            for line in machine.journal:
                yield Said(JOURNAL, f"{line.unit} on {machine.name}", line.text)
            yield Said(CONSOLE, f"console of {machine.name}", machine.console)
            for what, text in machine.facts.items():
                yield Said(JOURNAL, f"{what} on {machine.name}", text)


def _messages(status: Any) -> Iterator[str]:  # noqa: ANN401 - whatever an object has
    """Every message of a status, however deep."""
    if isinstance(status, Mapping):
        for name, value in status.items():
            if name == "message" and isinstance(value, str):
                yield value
            else:
                yield from _messages(value)
    elif isinstance(status, list | tuple):
        for one in status:
            yield from _messages(one)


def moment(text: object) -> datetime | None:
    """A time as the API writes it; nothing where there is none."""
    if not isinstance(text, str) or not text:
        return None
    return datetime.fromisoformat(text)


def event_time(event: Document) -> datetime:
    """When an event was seen last."""
    times = [
        moment((event.get("series") or {}).get("lastObservedTime")),
        moment(event.get("lastTimestamp")),
        moment(event.get("eventTime")),
        moment(event.get("firstTimestamp")),
        moment(event["metadata"].get("creationTimestamp")),
    ]
    return next((one for one in times if one is not None), datetime.fromtimestamp(0, UTC))


def within(events: Iterable[Document], began: datetime) -> list[Document]:
    """The events of a time, in their order. Their clock may have whole seconds: those of the first one count."""
    first = began.replace(microsecond=0)
    return sorted((one for one in events if event_time(one) >= first), key=event_time)


def span(seconds: float) -> str:
    """A length of time, for people."""
    if seconds < 120:  # noqa: PLR2004 - two minutes are told in seconds
        return f"{max(0.0, seconds):.1f} s"
    return str(timedelta(seconds=round(seconds)))
