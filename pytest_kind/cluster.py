"""The whole story of a cluster."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from pytest_kind import labels, naming
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api, ApiError
from pytest_kind.boot.actions import Action, BootContext, default_actions
from pytest_kind.boot.kubeadm import API_PORT, NodeFacts, init_documents
from pytest_kind.diagnose.evidence import node_evidence
from pytest_kind.errors import BootError, KindError, UsageError
from pytest_kind.handle import KindCluster, KindNode, remove_cluster
from pytest_kind.image import kindest, store
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.renewal import Renewal
from pytest_kind.lease.sweep import users
from pytest_kind.provision.plan import node_containers
from pytest_kind.waiting import Deadline

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.image.store import NodeImage
    from pytest_kind.lease.session import Session
    from pytest_kind.progress import Progress
    from pytest_kind.provision.provider import Container, EngineInfo, Provider

# The same on every node's first control plane, whatever address the engine gives (boot/node/prepare). From the block
# that RFC 2544 sets aside for benchmarks: no network that a pod might want to reach lies there.
NODE_ADDRESS = "198.19.255.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A cluster that somebody wants.

    Attributes:
        config: what it is like.
        name: its name, or nothing for a random one (a kept one's follows from its configuration).
        image: a node image, or nothing.
        version: a Kubernetes version, or nothing for the default.
        source: where Kubernetes comes from, or nothing for its Go modules.
        keep: whether it outlives the session and may be one that an earlier session kept.
        network: the engine's network for the nodes.
        timeout: seconds for boot and readiness, image not included.
        lease: seconds that its nodes run without this process.
    """

    config: ClusterConfig
    name: str | None = None
    image: str | None = None
    version: str | None = None
    source: str | Path | None = None
    keep: bool = False
    network: str = "bridge"
    timeout: float = 120.0
    lease: int = 300


@dataclass(frozen=True, slots=True)
class _Running:
    """What a handle is made of beside what was asked for."""

    container: str
    admin: dict[str, Any]
    phases: tuple[tuple[str, float], ...]
    renewal: Renewal | None


@dataclass(slots=True, kw_only=True)
class Maker:
    """Where clusters are made: an engine, a cache and a session."""

    connect: Callable[[], Provider]
    provider: Provider
    session: Session
    cache: Path
    progress: Progress
    extra_actions: Callable[[ClusterConfig], Iterable[Action]] = field(default=lambda _: ())

    def make(self, request: Request) -> KindCluster:
        """A ready cluster: the kept one that is asked for, or a new one.

        Raises:
            UsageError: a name that something else has, an image that is none.
            BootError: it did not come up in time; nothing of it is left, the evidence is in the message.
        """
        image = store.resolve(self._workshop(request), reference=request.image, kubernetes=request.version, source=request.source)
        name = request.name or request.config.name
        if request.keep:
            name = name or f"pytest-kind-{_kept_digest(request, image)[:8]}"
            with self._workshop(request).locked(f"kept-{name}", f"cluster {name}"):
                kept = self._kept(request, image, name)
                if kept is not None:
                    return kept
                self._refuse_taken(name)
                return self._new(request, image, name)
        if name is not None:
            self._refuse_taken(name)
        return self._new(request, image, name or naming.random_cluster_name())

    def _workshop(self, request: Request) -> Workshop:
        marks = self.session.labels(lease=request.lease)
        return Workshop(provider=self.provider, cache=self.cache, scratch=self.session.folder, labels=marks, progress=self.progress)

    def _new(self, request: Request, image: NodeImage, name: str) -> KindCluster:
        marks = {
            **self.session.labels(keep=request.keep, lease=request.lease),
            labels.CONFIG_DIGEST: _kept_digest(request, image),
            labels.IMAGE_DIGEST: image.digest,
        }
        engine = self.provider.info()
        _refuse_unreachable(request.config, engine)
        specs = node_containers(request.config, engine, cluster=name, image=image.id, network=request.network, marks=marks)
        actions = [*default_actions(), *self.extra_actions(request.config)]
        facts = NodeFacts(
            cluster=name,
            name=specs[0].name,
            address=NODE_ADDRESS,
            kubernetes=image.kubernetes or kindest.kubernetes_in(self._workshop(request), image.id),
            api_names=_api_names(request.config, engine),
            token=f"{secrets.token_hex(3)}.{secrets.token_hex(8)}",
            durable=request.keep,
        )
        init_documents(request.config, request.config.nodes[0], facts)  # a patch that fits nothing is refused before anything is made
        phase, container, context, renewal = "create", "", None, None
        try:
            with self.progress.step(f"creating cluster {name}"):
                container = self.provider.create(specs[0])
                # From here on: on a loaded machine a boot lasts longer than a short lease.
                renewal = None if request.keep else Renewal(self.connect, [container], request.lease)
                context = BootContext(
                    provider=self.provider,
                    container=container,
                    config=request.config,
                    facts=facts,
                    lease=0 if request.keep else request.lease,
                    scratch=self.session.folder,
                    deadline=Deadline(request.timeout),
                    progress=self.progress,
                )
                for action in actions:
                    phase = action.name
                    with context.phase(phase):
                        action(context)
        except UsageError:
            self._roll_back(name, renewal)
            raise
        except KindError as error:
            evidence = node_evidence(self.provider, container, specs[0].name) if container else ""
            self._roll_back(name, renewal)
            raise BootError(name, phase, error, evidence) from error
        except BaseException:
            self._roll_back(name, renewal)
            raise
        finally:
            if context is not None:
                context.close()
        return self._handle(request, name, image.digest, _Running(container, context.admin, tuple(context.phases), renewal))

    def _roll_back(self, name: str, renewal: Renewal | None) -> None:
        if renewal is not None:
            renewal.stop()
        remove_cluster(self.provider, name, self.session.id)

    def _kept(self, request: Request, image: NodeImage, name: str) -> KindCluster | None:
        """The kept cluster of that name, if it is the one asked for and well; else it is replaced, with a line why."""
        nodes = self._named(name)
        if not nodes:
            return None
        marks = nodes[0].labels
        if not labels.is_ours(marks) or not labels.is_kept(marks):
            raise UsageError(f"--kind-name: {name!r} is in use by {nodes[0].name}, which is no kept cluster of ours; choose another name")
        why = _unlike(marks, request, image) or self._unwell(nodes[0])
        if why is None:
            return self._attach(request, name, nodes[0], marks.get(labels.IMAGE_DIGEST, ""))
        if users(self.cache, name, self.session.id):
            raise UsageError(f"--kind-keep: cluster {name} is used by another run and is not the one asked for: {why}; choose another --kind-name")
        self.progress.note(f"kept cluster {name} is replaced: {why}")
        remove_cluster(self.provider, name)
        return None

    def _unwell(self, node: Container) -> str | None:
        if not node.running:
            return f"its node {node.name} is {node.state}"
        try:
            api = Api(kubeconfig.credentials(self._admin(node)), self.session.folder, seconds=3)
        except KindError as error:
            return str(error)
        except (yaml.YAMLError, LookupError, TypeError, ValueError, OSError) as error:
            return f"its node {node.name} has a kubeconfig that cannot be read ({type(error).__name__})"
        try:
            api.text("/readyz")
        except ApiError as error:
            return str(error)
        finally:
            api.close()
        return None

    def _admin(self, node: Container) -> dict[str, Any]:
        result = self.provider.exec(node.id, ["cat", "/etc/kubernetes/admin.conf"], seconds=5)
        if result.code:
            raise KindError(f"its node {node.name} has no kubeconfig: {result.output.strip()}")
        address, port = self.provider.published_port(node.id, API_PORT)
        return kubeconfig.outside(result.stdout, node.labels[labels.CLUSTER], kubeconfig.url(address, port))

    def _attach(self, request: Request, name: str, node: Container, image_digest: str) -> KindCluster:
        return self._handle(request, name, image_digest, _Running(node.id, self._admin(node), (("attach", 0.0),), None))

    def _handle(self, request: Request, name: str, image_digest: str, running: _Running) -> KindCluster:
        folder = self.session.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        path = kubeconfig.write_private(folder / "kubeconfig", yaml.safe_dump(running.admin, sort_keys=False))
        node = KindNode(naming.node_name(name, labels.ROLE_CONTROL_PLANE, 0), labels.ROLE_CONTROL_PLANE, running.container, self.provider)
        return KindCluster(
            name=name,
            kubeconfig_path=path,
            nodes=(node,),
            config=request.config,
            kept=request.keep,
            phases=running.phases,
            image_digest=image_digest,
            _provider=self.provider,
            _admin=running.admin,
            _folder=folder,
            _renewal=running.renewal,
        )

    def _named(self, name: str) -> list[Container]:
        return self.provider.containers({labels.CLUSTER: name})

    def _refuse_taken(self, name: str) -> None:
        nodes = self._named(name)
        if nodes and not labels.is_ours(nodes[0].labels):
            raise UsageError(f"--kind-name: {name!r} is in use by a cluster that is not ours (container {nodes[0].name}); choose another name")
        if nodes:
            kept = "a kept cluster; attach to it with --kind-keep" if labels.is_kept(nodes[0].labels) else "another run; wait for it"
            raise UsageError(f"--kind-name: {name!r} is in use by {kept}, or choose another name")
        other = self.provider.container(naming.node_name(name, labels.ROLE_CONTROL_PLANE, 0))
        if other is not None:
            raise UsageError(f"--kind-name: {name!r} would need the container name {other.name}, which something that is not ours has")


def _refuse_unreachable(config: ClusterConfig, engine: EngineInfo) -> None:
    address = config.networking.api_server_address
    if not engine.local and ipaddress.ip_address(address).is_loopback:
        raise UsageError(
            f"the engine at {engine.address} is on another machine, and {address} there cannot be reached from here: "
            "set networking.apiServerAddress (--kind-config) to an address of that machine"
        )


def _api_names(config: ClusterConfig, engine: EngineInfo) -> list[str]:
    """What the API server is called from here, for its certificate."""
    host = None if engine.local else urlsplit(engine.address).hostname
    return [config.networking.api_server_address, *([host] if host else [])]


def _kept_digest(request: Request, image: NodeImage) -> str:
    """What a kept cluster must equal to be used again."""
    return hashlib.sha256(f"{request.config.digest} {image.digest} {request.network}".encode()).hexdigest()[:16]


def _unlike(marks: Any, request: Request, image: NodeImage) -> str | None:  # noqa: ANN401 - labels
    if marks.get(labels.IMAGE_DIGEST) != image.digest:
        return f"it was made from another node image ({marks.get(labels.IMAGE_DIGEST)}, wanted {image.digest})"
    if marks.get(labels.CONFIG_DIGEST) != _kept_digest(request, image):
        return "it was made with another configuration"
    return None


__all__ = ["KindCluster", "KindNode", "Maker", "Request", "remove_cluster"]
