"""What is recorded of a run's boots, and the files that are made of it."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import KindError, UsageError, WaitTimeout
from pytest_kind.node import KindNode
from pytest_kind.provision import docker_engine
from pytest_kind.timeline import lanes, nodes
from pytest_kind.timeline.svg import page, picture
from pytest_kind.timeline.trace import trace
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster
    from pytest_kind.timeline.lanes import Reading
    from pytest_kind.timeline.model import Boot

_FORMS = (".svg", ".html")
_PROXY_SECONDS = 10.0


def check(path: Path, source: str) -> None:
    """Refuses a file that cannot be written, before anything is made that it is for.

    Raises:
        UsageError: so it is, or it is of no form that there is.
    """
    if path.suffix.lower() not in _FORMS:
        raise UsageError(f"{source}: {str(path)!r} is not accepted; accepted is a file that ends in {' or '.join(_FORMS)}")
    for one in (path, trace_of(path)):
        try:
            there = one.exists()
            one.parent.mkdir(parents=True, exist_ok=True)
            one.open("a", encoding="utf-8").close()
            if not there:
                one.unlink()
        except OSError as error:
            raise UsageError(f"{source}: {one}: it cannot be written: {error.strerror or error}") from error


def trace_of(path: Path) -> Path:
    """The trace that lies beside a picture."""
    return path.with_name(f"{path.stem}.trace.json")


def _whole(cluster: KindCluster) -> tuple[list[Reading], list[str]]:
    """What the nodes say, kube-proxy among it, which is the last to begin: in a copy its rules are there before it is, and DNS answers."""
    last: tuple[list[Reading], list[str]] = [], []

    def probe() -> NotYet | bool:
        nonlocal last
        last = nodes.readings(cluster.nodes)
        return all("kube-proxy" in one.started for one in last[0]) or NotYet("kube-proxy has not begun")

    if cluster.config.networking.kube_proxy_mode == "none":
        return nodes.readings(cluster.nodes)
    with contextlib.suppress(WaitTimeout):  # the picture is without it, then
        wait_for("kube-proxy", probe, Deadline(_PROXY_SECONDS), every=0.1)
    return last


class Record:
    """The boots of a run. Clusters may be made by several threads at once; what cannot be had is a line, and no error.

    Attributes:
        problems: a line for each thing that could not be had.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._boots: list[Boot] = []
        self._lock = threading.Lock()

    def ready(self, cluster: KindCluster) -> Boot:
        """A cluster is there: one that was made is asked. Returns what is recorded."""
        if not cluster.begins:
            return self._have(lanes.attached(cluster.name, cluster.phases, time.monotonic()), [])
        mute = []
        try:
            cluster.wait_for_dns()  # what began beside the hand-over belongs to the picture
        except KindError as error:
            mute.append(str(error).splitlines()[0])
        read, silent = _whole(cluster)
        pods, unknown = nodes.pods(cluster.kubeconfig_path)
        return self._have(lanes.booted(cluster.name, cluster.phases, cluster.begins, read, pods), [*mute, *silent, *unknown])

    def failed(self, name: str) -> Boot:
        """A cluster did not come up; its machines are there yet. Returns what is recorded."""
        try:
            provider = docker_engine.connect()
            try:
                there = [one for one in provider.containers({labels.CLUSTER: name}) if one.running]
                asked = [KindNode(one.name, one.labels.get(labels.ROLE, ""), one.id, provider) for one in there]
                read, problems = nodes.readings(one for one in asked if one.role != labels.ROLE_LOAD_BALANCER)
            finally:
                provider.close()
        except KindError as error:
            read, problems = [], [str(error).splitlines()[0]]
        return self._have(lanes.failed(name, read, time.monotonic()), problems)

    def _have(self, boot: Boot, problems: list[str]) -> Boot:
        with self._lock:
            self._boots.append(boot)
            self.problems += [f"cluster {boot.cluster}: {line}" for line in problems]
        return boot

    def write(self, path: Path) -> list[Path]:
        """Writes the picture and the trace, where there is something to show; returns what is there now."""
        boots, written = sorted(self._boots, key=lambda one: one.began), list[Path]()
        if not boots:
            return written
        texts = {path: picture(boots) if path.suffix.lower() == ".svg" else page(boots, trace_of(path).name), trace_of(path): trace(boots)}
        for file, text in texts.items():
            try:
                file.write_text(text, encoding="utf-8")
            except OSError as error:
                self.problems.append(f"{file}: {error.strerror or error}")
            else:
                written.append(file)
        return written
