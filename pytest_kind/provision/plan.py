"""From a configuration to the containers of its machines: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.provision.provider import Bind, ContainerSpec, Port

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig, Node
    from pytest_kind.provision.places import Machine, Place
    from pytest_kind.provision.provider import EngineInfo

API_PORT = 6443
SHARED = "/kind/shared"
LOAD_BALANCER_PROGRAM = "/kind/pytest-kind/load-balancer"
_BUILDER_SECONDS = 3600  # of a kept cluster, which has no lease, they would be for ever
_PROPAGATION = {"None": "rprivate", "HostToContainer": "rslave", "Bidirectional": "rshared"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the containers of one cluster have in common.

    Attributes:
        config: the cluster.
        engine: where they will be.
        cluster: its name.
        network: the engine's network.
        marks: labels beside the two of kind's.
        api_port: of the engine's machine; 0: the engine chooses.
        environment: of nodes, such as proxies.
        shared: whether there is a volume common to all nodes.
    """

    config: ClusterConfig
    engine: EngineInfo
    cluster: str
    network: str
    marks: Mapping[str, str]
    api_port: int
    environment: Mapping[str, str]
    shared: bool

    @property
    def shared_volume(self) -> str:
        """The name of the volume that all nodes have in common."""
        return shared_volume(self.cluster)

    @property
    def volume_labels(self) -> dict[str, str]:
        """What that volume carries."""
        return {**self.marks, labels.CLUSTER: self.cluster, labels.KIND: "volume"}


def builder_marks(marks: Mapping[str, str]) -> dict[str, str]:
    """What a container carries that serves the making of a cluster: it is no machine of one, no spare's, and is never kept.

    Args:
        marks: the cluster's.
    """
    own = {key: value for key, value in marks.items() if key != labels.SPARE}
    return {**own, labels.KEEP: "false", labels.LEASE: str(_BUILDER_SECONDS), labels.KIND: "builder"}


def shared_volume(cluster: str) -> str:
    """The name of the volume that all nodes of a cluster have in common."""
    return f"{cluster}-shared"


def container(plan: Plan, machine: Machine, *, image: str, publish: bool) -> ContainerSpec:
    """The container of a machine.

    The run flags are kind's (its ``pkg/cluster/internal/providers/docker/provision.go``): a node is privileged, has a
    volume at /var (overlay on overlay does not work for containerd's own layers) and tmpfs where systemd wants it. A kept
    one restarts once, so that it comes back with its engine and does not loop when it is broken. The engine brings back what
    did not end with 0: systemd's halt ends a container with 130, what is killed with 137.

    Args:
        image: the id of a node image; for a load balancer, of any image that has HAProxy.
        publish: whether the API is reached through this one.
    """
    networking = plan.config.networking
    api = [Port(container=API_PORT, host=plan.api_port, address=networking.api_server_address)] if publish else []
    marks = {**plan.marks, **place_labels(machine.place), labels.CLUSTER: plan.cluster, labels.ROLE: machine.place.role}
    # With a lease it must stay off when it ran out; it ends with its session anyway.
    restart = labels.is_kept(plan.marks)
    if machine.node is None:
        return ContainerSpec(
            name=machine.place.name,
            image=image,
            labels={**marks, labels.KIND: "load-balancer"},
            entrypoint=[LOAD_BALANCER_PROGRAM],
            ports=api,
            tmpfs={"/run": ""},
            network=plan.network,
            mac=machine.place.mac,
            restart_once=restart,
            # It has nothing to put away. HAProxy would end a SIGTERM with 0: no failure, from which an engine brings nothing back.
            stop_signal="SIGKILL",
        )
    control_plane = {"KUBECONFIG": "/etc/kubernetes/admin.conf"} if machine.is_control_plane else {}
    # Read by the entrypoint, as kind's; set and empty: no search domains.
    search = {} if networking.dns_search is None else {"KIND_DNS_SEARCH": " ".join(networking.dns_search)}
    return ContainerSpec(
        name=machine.place.name,
        image=image,
        labels={**marks, labels.KIND: "node"},
        environment={**plan.environment, **control_plane, **search},
        ports=[*_ports(machine.node), *api],
        binds=_binds(machine.node, plan.engine),
        tmpfs={"/tmp": "", "/run": ""},  # noqa: S108 - the node's
        volume="/var",
        named_volumes={plan.shared_volume: SHARED} if plan.shared else {},
        network=plan.network,
        mac=machine.place.mac,
        cpus=machine.node.cpus,
        memory=machine.node.memory_bytes,
        restart_once=restart,
    )


def place_labels(place: Place) -> dict[str, str]:
    """What a machine's container says of its place."""
    return {labels.NUMBER: str(place.number), labels.LINK: place.link, labels.FAMILY: place.family}


def _ports(node: Node) -> list[Port]:
    return [
        Port(container=one.container_port, host=max(0, one.host_port), address=one.listen_address, protocol=one.protocol.lower())
        for one in node.extra_port_mappings
    ]


def _binds(node: Node, engine: EngineInfo) -> list[Bind]:
    mounts = [
        Bind(
            source=one.host_path,
            target=one.container_path,
            read_only=one.read_only,
            propagation=_PROPAGATION[one.propagation],
            relabel=one.selinux_relabel,
        )
        for one in node.extra_mounts
    ]
    return [*([Bind(source="/lib/modules", target="/lib/modules", read_only=True)] if engine.kernel_modules else []), *mounts]
