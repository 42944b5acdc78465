"""Stand-ins for the nodes of clusters: a registry that is filled once and asked before the real ones.

Nothing is tagged in the user's engine. A pull with ``imagePullPolicy: Always`` asks the registry, as any other does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_kind.boot.registries import hosts_file, hosts_path
from pytest_kind.e2e.images.names import split
from pytest_kind.e2e.images.push import push
from pytest_kind.errors import Conflict, NotFound, UsageError
from pytest_kind.image.archive import texts_archive
from pytest_kind.toolbox import registry as registries

if TYPE_CHECKING:
    from pytest_kind.cluster import KindCluster
    from pytest_kind.e2e.images.build import Built
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.node import KindNode
    from pytest_kind.provision.provider import Provider
    from pytest_kind.toolbox.registry import Registry
    from pytest_kind.wanted import Request

MARKS = "kind/stand-ins"
"""A folder of nodes: what stood in for what, for whoever finds such an image there later."""

_PORT = 5000
_ASK_SECONDS = 3


@dataclass(slots=True, kw_only=True)
class StandIns:
    """Stand-ins that nodes can pull.

    Attributes:
        images: upstream name -> what it is made of, for reports.
        digests: upstream name -> the digest of its manifest.
        attached: the clusters whose nodes do.
    """

    images: Mapping[str, str]
    digests: Mapping[str, str]
    _name: str
    _registry: Registry
    _provider: Provider
    attached: list[KindCluster] = field(default_factory=list)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The registries whose images these are, such as ``registry.k8s.io``."""
        return tuple(sorted({split(image)[0] for image in self.images}))

    @property
    def lease_failure(self) -> str | None:
        """Why the last renewal of the registry's lease failed; nothing when it did not."""
        return self._registry.lease_failure

    def attach(self, cluster: KindCluster) -> None:
        """Has every node of a cluster ask here first. For nodes that come later it is called again.

        After the stand-ins come the mirrors of the cluster's configuration, and the registry itself where nodes reach it.
        Where they don't, an image that is not here is known to be missing at once, not after the time of a name's look-up.

        Raises:
            UsageError: the cluster is on another network of the engine.
        """
        if not self._registry.reaches(cluster):
            raise UsageError(
                f"stand-ins: cluster {cluster.name} is on another network of the engine than their registry; give both the same --kind-network"
            )
        nodes = cluster.nodes
        with ThreadPoolExecutor(len(self.hosts) or 1, "pytest-kind-reach") as pool:
            reached = dict(zip(self.hosts, pool.map(lambda host: self._reached(nodes[0], host), self.hosts), strict=True))
        own = self._registry.endpoint
        files = {}
        for host in self.hosts:
            endpoints = [f"{own}/v2/{host}", *cluster.config.registry_mirrors.get(host, ())]
            files[hosts_path(host)] = (hosts_file(endpoints, None if reached[host] else own), 0o644)
        files[f"{MARKS}/{self._name}.json"] = (json.dumps(dict(self.digests)).encode(), 0o644)
        for node in nodes:
            with texts_archive(files) as archive:
                self._provider.put(node.container, "/", archive)
        if cluster not in self.attached:
            self.attached.append(cluster)

    def stop(self) -> None:
        """Removes the registry, and what kept clusters know of it. Does nothing the second time."""
        for cluster in self.attached:
            if cluster.kept:
                self._forget(cluster)
        self.attached.clear()
        self._registry.stop()

    def _forget(self, cluster: KindCluster) -> None:
        """The nodes' entries as the cluster's configuration has them. The images that were pulled stay, and so do their marks."""
        mirrors = cluster.config.registry_mirrors
        for node in cluster.nodes:
            with suppress(NotFound, Conflict):  # a node that was removed or is off: the next one who serves stand-ins has the same entries
                gone = [f"/{hosts_path(host).rpartition('/')[0]}" for host in self.hosts if host not in mirrors]
                if gone:
                    self._provider.exec(node.container, ["rm", "-rf", *gone])
                with texts_archive({hosts_path(host): (hosts_file(mirrors[host]), 0o644) for host in self.hosts if host in mirrors}) as archive:
                    self._provider.put(node.container, "/", archive)

    def _reached(self, node: KindNode, host: str) -> bool:
        """Whether a node gets any answer from a registry, by the proxy that its environment names."""
        argv = ["curl", "--silent", "--output", "/dev/null", "--max-time", str(_ASK_SECONDS), f"https://{_server(host)}/v2/"]
        return self._provider.exec(node.container, argv, seconds=_ASK_SECONDS + 2).code == 0


def serve(workshop: Workshop, request: Request, connect: Callable[[], Provider], built: Built) -> StandIns:
    """A registry with the stand-ins in it, beside the clusters; :meth:`StandIns.attach` lets their nodes ask it.

    Args:
        request: the cluster beside which it is to be: its node image, network and lease.
        connect: a connection of its own for the renewal of the registry's lease.
        built: see :func:`~pytest_kind.e2e.images.build.build`.

    Raises:
        KindError: the registry does not come up, or does not take them; nothing of it is left.
    """
    registry = registries.serve(workshop, request, connect)
    try:
        address, port = workshop.provider.published_port(registry.container, _PORT)
        with workshop.progress.step(f"filling the registry with {len(built.images)} stand-ins"):
            push(f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}", built.folder)
    except BaseException:
        registry.stop()
        raise
    return StandIns(images=built.images, digests=built.digests, _name=built.folder.name, _registry=registry, _provider=workshop.provider)


def _server(host: str) -> str:
    """Where a registry of this name is, as containerd knows it."""
    return "registry-1.docker.io" if host == "docker.io" else host
