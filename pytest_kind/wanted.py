"""The cluster that somebody wants, and what can be said of it before it is made."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_kind import labels, naming
from pytest_kind.errors import UsageError
from pytest_kind.image import store

if TYPE_CHECKING:
    from pytest_kind.boot.kubeadm import ClusterFacts
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.image.store import NodeImage
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.provision.provider import EngineInfo


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
        cold: whether it is made from the ground: neither a copy of a frozen one, nor frozen.
        static_pods: whether its control plane runs as static pods, where it could run as units of its node.
        warm: how many such clusters are to be left for the next run.
        upstream: whether upstream specs run on it, some of which look for those pods: a new one has them then.
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
    cold: bool = False
    static_pods: bool = False
    upstream: bool = False
    warm: int = 0


@dataclass(frozen=True, slots=True)
class Images:
    """The node images of a request: a node's own, or the request's."""

    of: dict[str | None, NodeImage]
    first: NodeImage

    @property
    def digest(self) -> str:
        """The first's; of several, one over all."""
        others = sorted({image.digest for image in self.of.values()} - {self.first.digest})
        return hashlib.sha256(" ".join([self.first.digest, *others]).encode()).hexdigest()[:16] if others else self.first.digest


def resolve_images(workshop: Workshop, request: Request) -> Images:
    """The node images of a request, made where there are none.

    Raises:
        UnknownImage: one is neither there nor to be had.
        ImageError: one is no node image, or building it failed.
    """
    first = next(node for node in request.config.nodes if node.role == labels.ROLE_CONTROL_PLANE)
    found = {
        own: store.resolve(
            workshop, reference=own or request.image, kubernetes=None if own else request.version, source=None if own else request.source
        )
        for own in dict.fromkeys([first.image, *(node.image for node in request.config.nodes)])
    }
    return Images(found, found[first.image])


def refuse_unreachable(config: ClusterConfig, engine: EngineInfo) -> None:
    """Raises UsageError for an API on the loopback of another machine."""
    address = config.networking.api_server_address
    if not engine.local and ipaddress.ip_address(address).is_loopback:
        raise UsageError(
            f"the engine at {engine.address} is on another machine, and {address} there cannot be reached from here: "
            "set networking.apiServerAddress (--kind-config) to an address of that machine"
        )


def refuse_long_names(name: str, facts: ClusterFacts) -> None:
    """Raises UsageError for a machine whose name is no host name."""
    longest = max((machine.place.name for machine in facts.machines), key=len)
    if len(longest) > naming.MAX_HOST_NAME:
        raise UsageError(
            f"--kind-name: {name!r} makes a machine {longest!r} of {len(longest)} characters, at most {naming.MAX_HOST_NAME} are accepted: "
            f"choose a name of {len(name) - len(longest) + naming.MAX_HOST_NAME} or less"
        )


def api_names(config: ClusterConfig, engine: EngineInfo) -> list[str]:
    """What the API server is called from here, for its certificate."""
    host = None if engine.local else urlsplit(engine.address).hostname
    return [config.networking.api_server_address, *([host] if host else [])]


def kept_digest(request: Request, images: Images) -> str:
    """What a kept cluster must equal to be used again."""
    return hashlib.sha256(f"{request.config.digest} {images.digest} {request.network} {request.static_pods}".encode()).hexdigest()[:16]


def spare_digest(request: Request, images: Images) -> str:
    """What a cluster must equal that was made for whoever comes next."""
    form = f"{kept_digest(request, images)} {request.static_pods or request.upstream}"
    manifests = (hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in request.config.manifests)
    return hashlib.sha256(" ".join([form, *manifests]).encode()).hexdigest()[:16]


def unlike(marks: Any, request: Request, images: Images) -> str | None:  # noqa: ANN401 - labels
    """Why a cluster with these labels is not the one that is asked for, if so."""
    if marks.get(labels.IMAGE_DIGEST) != images.digest:
        return f"it was made from another node image ({marks.get(labels.IMAGE_DIGEST)}, wanted {images.digest})"
    if marks.get(labels.CONFIG_DIGEST) != kept_digest(request, images):
        return "it was made with another configuration"
    return None
