"""Follows a cluster while tests run: its events, and its pods' phases. Each is one list and one watch, in a thread that waits for the API.

A cluster is stopped, paused and broken by tests, so an API that does not answer is no problem: it is asked again, and the time
without an answer is kept.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.api import kubeconfig
from pytest_kind.api.changes import Watch
from pytest_kind.api.http import Api, ApiError, Document
from pytest_kind.errors import KindError
from pytest_kind.html_report.events import event_of
from pytest_kind.html_report.series import PodCounts

if TYPE_CHECKING:
    from pytest_kind.html_report.model import Event

EVENTS, PODS = "/api/v1/events", "/api/v1/pods"
_AGAIN_SECONDS = 1.0
_GONE = 410
_END_SECONDS = 2.0
_MOST_EVENTS = 50_000  # of a cluster; the earliest go
_UNREADABLE = (KindError, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError, OSError)


class Follower:
    """One collection of one cluster.

    Attributes:
        problem: why it could not be had at all; nothing once it could.
        silent: the times in which the API did not answer after it had.
    """

    path = ""

    def __init__(self, cluster: str, kubeconfig_path: Path) -> None:
        self.cluster = cluster
        self.problem: str | None = None
        self.silent: list[tuple[float, float]] = []
        self._kubeconfig = kubeconfig_path
        self._ended = threading.Event()
        self._watch: Watch | None = None
        self._listed = False
        self._quiet_since: float | None = None
        self._thread = threading.Thread(target=self._follow, name=f"pytest-kind-{type(self).__name__}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends. A thread that connects at that moment goes by itself, within seconds."""
        self._ended.set()
        if self._watch is not None:
            self._watch.close()
        self._thread.join(_END_SECONDS)
        self._answers()

    def greet(self, api: Api) -> None:
        """What is asked beside, before the list."""

    def all_are(self, documents: list[Document], at: float) -> None:
        """These objects are there, and no others."""
        raise NotImplementedError

    def one_is(self, change: str, document: Document, at: float) -> None:
        """One was ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        raise NotImplementedError

    def _follow(self) -> None:
        while True:  # once at least, however soon the cluster ends
            try:
                self._once()
            except _UNREADABLE as error:
                self._failed(error)
            if self._ended.wait(_AGAIN_SECONDS):
                return

    def _failed(self, error: Exception) -> None:
        if not self._listed:
            self.problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        elif isinstance(error, ApiError) and error.status == _GONE:
            return  # it answers: that the watch's version is too old
        elif self._quiet_since is None and not self._ended.is_set():
            self._quiet_since = time.time()

    def _once(self) -> None:
        # Read anew each time: a cluster that was stopped may have another port when it is back.
        credentials = kubeconfig.credentials(yaml.safe_load(self._kubeconfig.read_text(encoding="utf-8")))
        with tempfile.TemporaryDirectory() as scratch:
            api = Api(credentials, Path(scratch))
            self._watch = Watch(credentials, Path(scratch))
        try:
            self.greet(api)
            found = api.get(self.path)
            self.all_are(found.get("items") or [], time.time())
            version = found["metadata"]["resourceVersion"]
        finally:
            api.close()
        self._listed, self.problem = True, None
        self._answers()
        if self._ended.is_set():  # since then: nobody would end the watch
            return
        with contextlib.closing(self._watch.changes(self.path, version)) as changes:
            for change, document in changes:
                if change != "BOOKMARK":
                    self.one_is(change, document, time.time())

    def _answers(self) -> None:
        if self._quiet_since is not None:
            self.silent.append((self._quiet_since, time.time()))
            self._quiet_since = None


class Events(Follower):
    """The events of a cluster.

    Attributes:
        count: how many there were.
        kubernetes: the version that the API server says.
    """

    path = EVENTS

    def __init__(self, cluster: str, kubeconfig_path: Path) -> None:
        super().__init__(cluster, kubeconfig_path)
        self._seen: set[tuple[Any, Any]] = set()
        self._known: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self.count = 0
        self.kubernetes = ""

    @property
    def known(self) -> list[Event]:
        """The latest of them."""
        return list(self._known)

    def greet(self, api: Api) -> None:
        if not self.kubernetes:
            self.kubernetes = str(api.get("/version")["gitVersion"])

    def all_are(self, documents: list[Document], at: float) -> None:
        del at  # they were there before
        for one in documents:
            self._have(one, None)

    def one_is(self, change: str, document: Document, at: float) -> None:
        if change != "DELETED":  # after an hour, or with its namespace
            self._have(document, at)

    def _have(self, document: Document, at: float | None) -> None:
        meta = document["metadata"]
        key = (meta.get("uid"), meta.get("resourceVersion"))
        if key in self._seen:  # listed again
            return
        if len(self._seen) > 2 * _MOST_EVENTS:
            self._seen.clear()
        self._seen.add(key)
        self.count += 1
        self._known.append(event_of(self.cluster, document, at))


class Pods(Follower):
    """The phases of a cluster's pods."""

    path = PODS

    def __init__(self, cluster: str, kubeconfig_path: Path) -> None:
        super().__init__(cluster, kubeconfig_path)
        self.counts = PodCounts()

    def all_are(self, documents: list[Document], at: float) -> None:
        self.counts.all_are({one["metadata"]["uid"]: _phase(one) for one in documents}, at)

    def one_is(self, change: str, document: Document, at: float) -> None:
        self.counts.one_is(document["metadata"]["uid"], None if change == "DELETED" else _phase(document), at)


def _phase(pod: Document) -> str:
    return str((pod.get("status") or {}).get("phase") or "Unknown")
