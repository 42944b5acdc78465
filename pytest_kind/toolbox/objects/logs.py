"""``logs``: what containers wrote, as text, or line by line while they go on."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.resources import Document
from pytest_kind.api.stream import Late, Lines
from pytest_kind.errors import KindError, UsageError, WaitTimeout
from pytest_kind.toolbox.objects import members, moments, pods
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.target import Wanted
from pytest_kind.waiting import Deadline, NotYet, wait_for

Since = float | dt.datetime | str | None
_ALL = "*"
_NOT_YET = (
    (204, "No Content"),  # it has no node yet (k8s.io/kubernetes/pkg/registry/core/pod, LogLocation)
    (400, "waiting to start"),  # PodInitializing, ContainerCreating
    (400, "is not available"),  # the kubelet has no status of it yet
    (404, "could not find the requested resource"),  # it has not heard of the pod yet; of one that is not there says the API: "not found"
)
_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Log:
    """A container's log.

    Attributes:
        prefix: of each line, where there are several.
        since: lines from before are left out: the API counts whole seconds.
    """

    prefix: str
    path: str
    since: dt.datetime | None

    def line(self, line: str) -> str | None:
        """A line as it is shown; nothing where it is too old."""
        if self.since is not None:
            stamp, _, rest = line.partition(" ")
            with contextlib.suppress(ValueError):  # a line of the kubelet's own
                if dt.datetime.fromisoformat(stamp) < self.since:
                    return None
                line = rest
        return f"{self.prefix}{line}"


def plan(connection: Connection, wanted: Wanted, container: str | None, since: Since, options: dict[str, str]) -> list[Log]:
    """The logs that are meant, of every pod in turn.

    Args:
        options: of the API: ``tailLines``, ``previous``, ``follow``.

    Raises:
        UsageError: a ``since`` or a container that is none.
        KindError: there is no pod.
    """
    moment = _moment(since)
    there = members.of(connection, wanted)
    if not there:
        raise KindError(f"logs: {wanted} has no pods")
    chosen = [(pod, name) for pod in there for name in (pods.containers(pod) if container == _ALL else [members.container(pod, container, "logs")])]
    alone = len(there) == 1 and there[0]["metadata"]["name"] == wanted.name and container != _ALL
    stamp = {"timestamps": "true", "sinceTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ")} if moment is not None else {}
    return [Log("" if alone else _prefix(pod, name), _path(pod, {"container": name, **stamp, **options}), moment) for pod, name in chosen]


def text(api: Api, logs: list[Log]) -> str:
    """All of it.

    Raises:
        ApiError: the one log that is meant cannot be had; of several a line says so.
    """
    lines: list[str] = []
    for log in logs:
        try:
            found = api.text(log.path)
        except ApiError as error:
            if len(logs) == 1:
                raise
            lines.append(f"{log.prefix}(no log: {error})\n")
            continue
        lines += [shown for line in _lines(found) if (shown := log.line(line)) is not None]
    return "".join(lines)


class LogLines:
    """Lines as they come, for a ``with`` block and a loop in it.

    It ends when all containers have ended, and with its block.

    Raises:
        WaitTimeout: the time is over; the message has the last line.
        ApiError: a log cannot be had any more.
    """

    def __init__(self, connection: Connection, what: str, logs: list[Log], seconds: float) -> None:
        self._what, self._deadline, self._last = what, Deadline(seconds), "no line"
        self._queue: queue.SimpleQueue[str | KindError | None] = queue.SimpleQueue()
        self._closed, self._lock, self._open = threading.Event(), threading.Lock(), list[Lines]()
        self._left = len(logs)
        self._threads = [threading.Thread(target=self._read, args=(connection.api, log), name="pytest-kind-logs", daemon=True) for log in logs]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self._left and not self._closed.is_set():
            try:
                found = self._queue.get(timeout=max(self._deadline.left, 0.001))
            except queue.Empty:
                self.close()
                raise WaitTimeout(f"the next line of {self._what}", self._deadline.seconds, self._last) from None
            if isinstance(found, KindError):
                self.close()
                raise found
            if found is not None:
                self._last = found
                return found
            self._left -= 1
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Ends it. Does nothing the second time."""
        with self._lock:
            self._closed.set()
            for lines in self._open:
                lines.cut()
        for thread in self._threads:
            thread.join()

    def _read(self, api: Api, log: Log) -> None:
        def probe() -> bool | NotYet:
            try:
                return self._follow(api, log)
            except ApiError as error:
                if not any(error.status == status and words in str(error) for status, words in _NOT_YET):
                    raise
                return NotYet(str(error))

        try:
            wait_for(self._what, probe, self._deadline, every=_EVERY)
            self._queue.put(None)
        except Late:
            pass  # whoever reads has the same deadline
        except KindError as error:
            self._queue.put(error)

    def _follow(self, api: Api, log: Log) -> bool:
        with self._lock:
            if self._closed.is_set():
                return True
        with Lines(api.server, log.path, api.context, self._deadline) as lines:
            with self._lock:
                self._open.append(lines)
                if self._closed.is_set():
                    return True
            for line in lines:
                shown = log.line(line)
                if shown is not None:
                    self._queue.put(shown)
            with self._lock:
                self._open.remove(lines)
        return True


def _lines(text: str) -> list[str]:
    """With their ends; of all characters that end lines for Python the one that does for containers."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + [part for part in parts[-1:] if part]


def _prefix(pod: Document, container: str) -> str:
    return f"[{pod['metadata']['name']}/{container}] "


def _path(pod: Document, query: dict[str, str]) -> str:
    meta = pod["metadata"]
    words = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log?{words}"


def _moment(since: Since) -> dt.datetime | None:
    if since is None:
        return None
    if isinstance(since, dt.datetime):
        return since.astimezone(dt.UTC)
    if since == "test":
        began = moments.began()
        if began is None:
            raise UsageError("logs: since='test': no test runs")
        return began
    if isinstance(since, int | float) and not isinstance(since, bool):
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=since)
    raise UsageError(f"logs: since={since!r} is not accepted; accepted are 'test', a number of seconds, a datetime")
