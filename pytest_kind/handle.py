"""The handle that tests hold."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind import labels
from pytest_kind.api import kubeconfig
from pytest_kind.boot.context import BootMachine, side_by_side
from pytest_kind.image.archive import texts_archive
from pytest_kind.node import KindNode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.client import ApiClient

    from pytest_kind.answering import Answering
    from pytest_kind.config.types import ClusterConfig, Node
    from pytest_kind.frozen import Freezing
    from pytest_kind.lease.renewal import Renewal
    from pytest_kind.progress import Progress
    from pytest_kind.provision.plan import Plan
    from pytest_kind.provision.provider import Provider


def remove_cluster(provider: Provider, name: str, session: str | None = None) -> None:
    """Removes all of a cluster of ours.

    Args:
        session: only what this session made.
    """
    marks: dict[str, str | None] = {labels.CLUSTER: name, labels.SESSION: session}
    side_by_side(provider.remove, [container.id for container in provider.containers(marks)])
    for volume in provider.volumes(marks):
        provider.remove_volume(volume.name)


@dataclass(slots=True, kw_only=True)
class Site:
    """Where a cluster is, for whoever changes it.

    Attributes:
        provider: the engine.
        plan: what its containers have in common.
        image: the id of the first node's image.
        folder: private, the cluster's own; gone with the session.
        progress: who is told.
        renewal: of the machines' leases; none for a kept cluster.
        freezing: whoever reads the machines' files for copies, as long as that lasts.
        answering: whoever awaits DNS' first answer, likewise.
        shared: whether other processes' tests use the cluster at the same time (xdist's workers).
        faults: those that are not undone yet.
        unwell: what is to be waited for when the last of them is.
    """

    provider: Provider
    plan: Plan
    image: str
    folder: Path
    progress: Progress
    renewal: Renewal | None = None
    freezing: Freezing | None = None
    answering: Answering | None = None
    shared: bool = False
    faults: list[str] = field(default_factory=list)
    unwell: dict[str, Callable[[], None]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class KindCluster:
    """A running cluster.

    Attributes:
        name: of the cluster; its context is ``kind-<name>``.
        kubeconfig_path: a private file (mode 0600) for tools that want one; gone with the session.
        config: what it was asked to be.
        kept: whether it outlives the session.
        phases: how long each phase of the boot took, in seconds.
        image_digest: of its node image.
        begins: when each phase began, by ``time.monotonic()``; nothing where the cluster was there.
    """

    name: str
    kubeconfig_path: Path
    config: ClusterConfig
    kept: bool
    phases: tuple[tuple[str, float], ...]
    image_digest: str
    _machines: tuple[BootMachine, ...]
    _site: Site
    _admin: dict[str, Any]
    begins: tuple[float, ...] = ()
    _client: ApiClient | None = None
    _deleted: bool = False

    def __repr__(self) -> str:
        return f"<KindCluster {self.name!r}, {len(self.nodes)} node{'s' if len(self.nodes) > 1 else ''}>"

    @property
    def nodes(self) -> tuple[KindNode, ...]:
        """Its nodes, the first control plane first; a load balancer is none."""
        return tuple(
            KindNode(one.name, one.machine.place.role, one.container, self._site.provider, self)
            for one in self._machines
            if one.machine.node is not None
        )

    @property
    def client(self) -> ApiClient:
        """A client of the ``kubernetes`` package for this cluster, for ``CoreV1Api(kind_cluster.client)`` and its like."""
        if self._client is None:
            from pytest_kind.api.client import make_client  # noqa: PLC0415 - half a second, only for those who want it

            self._client = make_client(kubeconfig.credentials(self._admin), self._site.folder)
        return self._client

    def kubectl(self, *argv: str, input: str | None = None, timeout: float = 300.0) -> str:  # noqa: A002 - subprocess' word
        """Runs the own kubectl of a control plane that runs, as administrator, and returns its standard output.

        Args:
            input: what it reads as standard input (``-f -``).
            timeout: seconds.

        Raises:
            CommandError: it ended with something else than 0.
        """
        node = self._control_plane()
        if input is None:
            return node.exec("kubectl", *argv, timeout=timeout)
        # In a file: an argument has a limit of 128 KiB, and is seen by everybody who lists processes.
        place = f"kind/input-{secrets.token_hex(8)}"
        with texts_archive({place: (input.encode(), 0o600)}) as archive:
            self._site.provider.put(node.container, "/", archive)
        return node.exec("sh", "-c", 'exec <"$1"; rm "$1"; shift; exec kubectl "$@"', "kubectl", f"/{place}", *argv, timeout=timeout)

    def _control_plane(self) -> KindNode:
        """The first control plane that runs; where none does, the first, whose error is to be seen."""
        running = {one.id for one in self._site.provider.containers({labels.CLUSTER: self.name}) if one.running}
        control_planes = [node for node in self.nodes if node.role == labels.ROLE_CONTROL_PLANE]
        return next((node for node in control_planes if node.container in running), control_planes[0])

    def load_image(self, *references: str) -> None:
        """Puts images of the engine into every node.

        Raises:
            UnknownImage: the engine has no such image.
            ImageError: a node did not take them.
        """
        from pytest_kind.toolbox.images import load_image  # noqa: PLC0415 - the toolbox is above this module

        load_image(self._site.provider, self.nodes, references)

    def load_archive(self, path: str | Path) -> tuple[str, ...]:
        """Puts the images of an archive (``docker save``'s, OCI's) into every node, and returns their full references.

        Raises:
            ImageError: it cannot be used; a node did not take it.
        """
        from pytest_kind.toolbox.images import load_archive  # noqa: PLC0415 - as above

        return load_archive(self._site.provider, self.nodes, Path(path))

    def build_image(self, context: str | Path, dockerfile: str | None = None, args: Mapping[str, str] | None = None, tag: str | None = None) -> str:
        """Builds a folder with the engine's builder, unless it has the image already, and puts it into every node.

        Args:
            context: the folder.
            dockerfile: its path below the folder; ``Dockerfile`` by default.
            args: for its ``ARG`` lines.
            tag: the image's name; by default one of our own, which ends with the digest of the content.

        Returns:
            The reference for a pod's ``image:``, with ``imagePullPolicy: IfNotPresent``.

        Raises:
            UsageError: there is no such folder or Dockerfile.
            ImageError: the build failed, or a node did not take the image.
        """
        from pytest_kind.toolbox.images import build_image  # noqa: PLC0415 - as above

        reference = build_image(self._site.provider, Path(context), dockerfile=dockerfile, args=args, tag=tag)
        self.load_image(reference)
        return reference

    def add_node(self, node: Node | str = "worker", *, timeout: float = 120.0) -> KindNode:
        """Adds a node while the cluster runs.

        Args:
            node: its role (``worker``, ``control-plane``), or a :class:`~pytest_kind.config.types.Node` that says more.
            timeout: seconds until it is Ready and DNS answers on it.

        Raises:
            UsageError: a control plane, where the cluster was made with one and so without a load balancer.
            BootError: it did not join in time; nothing of it is left.
        """
        from pytest_kind import nodes  # noqa: PLC0415 - it changes this object, so it is above this module
        from pytest_kind.config.types import Node as NodeConfig  # noqa: PLC0415

        wanted = NodeConfig(role=node) if isinstance(node, str) else node  # type: ignore[arg-type]
        name = nodes.add_node(self, wanted, timeout).name
        return next(one for one in self.nodes if one.name == name)

    def remove_node(self, name: str, *, timeout: float = 60.0) -> None:
        """Takes a node out of the cluster, whether it runs or is dead, and removes it. What ran on it is not moved first.

        Raises:
            UsageError: there is no node of that name, or it is the last control plane.
        """
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.remove_node(self, name, timeout)

    def stop(self) -> None:
        """Stops every machine, as a shutdown does. What is in the cluster stays; :meth:`start` brings it back."""
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.stop(self)

    def start(self, *, timeout: float = 120.0) -> None:
        """Starts what is stopped, and waits for the API, every node and DNS.

        The API may be published at another port afterwards: :attr:`client` and :attr:`kubeconfig_path` follow, the clients of
        users and service accounts, and port-forwards; copies of them do not. (A kept cluster's port is its own.)

        Raises:
            WaitTimeout: with what was last seen.
        """
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.start(self, timeout)

    def pause(self) -> None:
        """Freezes every process of every machine; leases stand still with them."""
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.pause(self)

    def unpause(self, *, timeout: float = 120.0) -> None:
        """Lets everything go on, and waits for the API, every node and DNS.

        Raises:
            WaitTimeout: with what was last seen.
        """
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.unpause(self, timeout)

    def wait_until_well(self, *, timeout: float = 120.0) -> None:
        """Waits for the API, for a sign of life of every node that is younger than this call, and for DNS: after a fault.

        Raises:
            WaitTimeout: with what was last seen.
        """
        from pytest_kind import nodes  # noqa: PLC0415

        nodes.wait_until_well(self, timeout)

    def wait_for_dns(self) -> None:
        """Waits for the first answer of DNS, which a cluster may be handed over without: pods get their networks when it is there.

        Raises:
            BootError: it did not come in time; with the nodes' journals.
        """
        if self._site.answering is not None:
            self._site.answering.wait()

    def reached_by(self, admin: dict[str, Any]) -> None:
        """From now on this is how the API is reached."""
        self._admin = admin
        kubeconfig.write_private(self.kubeconfig_path, yaml.safe_dump(admin, sort_keys=False))
        if self._client is not None:
            self._client.configuration.host = kubeconfig.credentials(admin).server

    def delete(self) -> None:
        """Removes the cluster, kept or not. Does nothing the second time.

        Raises:
            BootError: its DNS had never answered.
        """
        answering, self._site.answering = self._site.answering, None
        if answering is not None:
            answering.forget()
        self.release()
        if not self._deleted:
            remove_cluster(self._site.provider, self.name)
            self._deleted = True
        if answering is not None:
            answering.ended()

    @property
    def deleted(self) -> bool:
        """Whether :meth:`delete` has removed it."""
        return self._deleted

    @property
    def lease_failure(self) -> str | None:
        """Why the last renewal of its nodes' lease failed; nothing when it did not."""
        return self._site.renewal.last_failure if self._site.renewal is not None else None

    def release(self) -> None:
        """Lets go of the cluster without removing it: the client is closed, the lease runs from here.

        Raises:
            BootError: its DNS never answered.
        """
        if self._site.renewal is not None:
            self._site.renewal.stop()
            self._site.renewal = None
        if self._site.freezing is not None:
            self._site.freezing.wait()
            self._site.freezing = None
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None
        if self._site.answering is not None:
            answering, self._site.answering = self._site.answering, None
            answering.wait()
