"""The facts that checks judge. What could not be seen is None, and judged by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_kind.config.types import ClusterConfig
from pytest_kind.provision.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is going to be made.

    Attributes:
        config: of the clusters.
        name: of the cluster, if it is known.
        network: of the engine.
        clusters: how many of them beside each other.
        clusters_from: what says so, for messages.
        image: a node image that was asked for.
    """

    config: ClusterConfig = field(default_factory=ClusterConfig)
    name: str | None = None
    network: str = "bridge"
    clusters: int = 1
    clusters_from: str = ""
    image: str | None = None

    @property
    def nodes(self) -> int:
        """Of all of them."""
        return self.clusters * len(self.config.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """Why no engine answers.

    Attributes:
        address: where it was looked for.
        origin: what named that address: ``DOCKER_HOST``, a context, or nothing.
        state: what is there: ``missing``, ``forbidden``, ``refused``, ``unknown-host``, ``silent``, ``tls``, ``unusable``.
        said: the words of the error.
    """

    address: str
    origin: str
    state: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The cache folder.

    Attributes:
        path: of it.
        problem: why nothing can be written there, if so.
        filesystem: the kind of it: ``ext4``, ``nfs4``.
        noexec: whether programs that lie there cannot run.
        free: bytes.
        stale: locks that nobody holds and folders of dead sessions.
        newest: the time of the newest file of this package and of the cache, in seconds since the epoch.
    """

    path: Path
    problem: str | None = None
    filesystem: str = ""
    noexec: bool = False
    free: int | None = None
    stale: tuple[str, ...] = ()
    newest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This process' machine.

    Attributes:
        now: its clock, in seconds since the epoch.
        root: whether this process is root.
        environ: the variables that matter: of proxies and of docker.
        kernel: the release of its kernel.
        container: whether this process is in a container.
        context: the context of docker that is chosen, and what chose it; nothing: the default one.
        contexts: those that are there.
        client_problem: why docker's configuration or a proxy cannot be used, if so.
        tools: programs that a build of a node image needs -> where they are; None: nowhere.
        subnets: of the networks that it is on itself.
        listening: the ports of its own that are taken, as (protocol, address, port) -> the error.
        dead_proxies: proxies on loopback that nodes could not reach where they would look for them: address -> why.
    """

    now: float
    root: bool
    environ: Mapping[str, str]
    kernel: str
    container: bool = False
    context: str | None = None
    context_origin: str = ""
    contexts: tuple[str, ...] = ()
    client_problem: str | None = None
    tools: Mapping[str, str | None] = field(default_factory=dict)
    subnets: tuple[str, ...] = ()
    listening: Mapping[tuple[str, str, int], str] = field(default_factory=dict)
    dead_proxies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A network that the engine's machine reaches through a device."""

    network: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The engine's machine, as its kernel describes it.

    Attributes:
        inotify_instances, inotify_watches: the limits of a user.
        open_files: how many files a process of a container may have open.
        processes: how many there may be (``kernel.pid_max``).
        memory_free: bytes that programs can have.
        disk_free: bytes, where the engine's data lies.
        inodes_free: there; None also where a file system has no bound.
        routes: to networks, other than default ones and the engine's own.
        features: of the kernel: name -> whether it is there.
        systemd: its version in the node image.
        capabilities: the bounding set of the engine, as a mask.
        refused: why a privileged container does not start, if so.
    """

    inotify_instances: int | None = None
    inotify_watches: int | None = None
    open_files: int | None = None
    processes: int | None = None
    memory_free: int | None = None
    disk_free: int | None = None
    inodes_free: int | None = None
    routes: tuple[Route, ...] = ()
    features: Mapping[str, bool] = field(default_factory=dict)
    systemd: int | None = None
    capabilities: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the engine has.

    Attributes:
        nodes: machines of clusters that run, ours and others': cluster -> how many.
        foreign: clusters that another tool made.
        names: names of clusters and of containers -> whose they are: ``kept``, ``a run's``, ``not ours``.
        leftovers: what dead sessions left, as the sweep names it.
        unused: images of ours that nothing needs: name -> id.
        image: whether the node image that is wanted is there; None: nobody knows which that is.
        image_name: its name.
    """

    nodes: Mapping[str, int] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    image: bool | None = None
    image_name: str = ""

    @property
    def running(self) -> int:
        """How many machines run."""
        return sum(self.nodes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything.

    Attributes:
        engine: None: none answers, and ``unreachable`` says why.
        unseen: what could not be looked at, and why: a line each.
    """

    wanted: Wanted
    here: Here
    cache: Cache
    engine: Survey | None = None
    unreachable: Unreachable | None = None
    machine: Machine = field(default_factory=Machine)
    holdings: Holdings = field(default_factory=Holdings)
    unseen: tuple[str, ...] = ()


def shares_network(engine: Survey, here: Here) -> bool:
    """Whether this process is in the network of the engine's machine, as far as can be told: it sees the engine's bridge as its own.

    Engines that forward loopback into a virtual machine or another network namespace do not show their bridge, and are no case of it.
    """
    hidden = engine.rootless or "Desktop" in engine.system or engine.kernel != here.kernel
    subnets = engine.networks["bridge"].subnets if "bridge" in engine.networks else ()
    return hidden or not subnets or bool({*subnets} & {*here.subnets})
