"""Asks the engine every two seconds what each node uses: one thread and one connection for all clusters of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError
from pytest_kind.html_report.model import Node, Use
from pytest_kind.html_report.series import Uses

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster
    from pytest_kind.node import KindNode
    from pytest_kind.provision.provider import Provider

_EVERY_SECONDS = 2.0
_END_SECONDS = 5.0


class Sampler:
    """What the nodes of some clusters use.

    Attributes:
        engine: what it says that it is, once it was asked.
        problem: why it did not say the rest the last time; nothing when it did.
    """

    def __init__(self, connect: Callable[[], Provider], every: float = _EVERY_SECONDS) -> None:
        self.engine = ""
        self.problem: str | None = None
        self._connect, self._every = connect, every
        self._lock = threading.Lock()
        self._clusters: list[tuple[KindCluster, dict[str, tuple[KindNode, Uses]]]] = []  # with their nodes, by the ids of their containers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="pytest-kind-sampler", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def add(self, cluster: KindCluster) -> None:
        """From now on its nodes are asked about, those that it gets later too."""
        with self._lock:
            self._clusters.append((cluster, {}))

    def remove(self, cluster: KindCluster) -> tuple[Node, ...]:
        """No more.

        Returns:
            The nodes that it had, those that were taken out of it too, and what they used.
        """
        with self._lock:
            asked = next((nodes for one, nodes in self._clusters if one is cluster), {})
            self._clusters = [(one, nodes) for one, nodes in self._clusters if one is not cluster]
        found = [Node(name=node.name, role=node.role, uses=uses.known) for node, uses in asked.values()]
        return (*found, *(Node(name=one.name, role=one.role) for one in cluster.nodes if one.container not in asked))

    def stop(self) -> None:
        """Ends, if it has begun."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(_END_SECONDS)

    def _sample(self) -> None:
        provider: Provider | None = None
        try:
            while True:
                try:
                    provider = provider or self._connect()
                    self._round(provider)
                    self.problem = None
                except KindError as error:
                    self.problem = str(error).splitlines()[0]
                if self._ended.wait(self._every):
                    return
        finally:
            if provider is not None:
                provider.close()

    def _round(self, provider: Provider) -> None:
        if not self.engine:
            info = provider.info()
            self.engine = f"{info.name}, {info.cpus} processors, {info.memory / (1 << 30):.1f} GiB, cgroup v{info.cgroup_version}"
        with self._lock:
            clusters = list(self._clusters)
        for cluster, known in clusters:
            for node in cluster.nodes:
                if self._ended.is_set():
                    return
                usage = provider.usage(node.container)
                if usage is not None:
                    with self._lock:
                        known.setdefault(node.container, (node, Uses()))[1].add(Use(time.time(), usage.cpu, usage.memory))
