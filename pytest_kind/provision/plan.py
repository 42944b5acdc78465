"""From a configuration to the containers of its nodes: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_kind import labels, naming
from pytest_kind.provision.provider import Bind, ContainerSpec, EngineInfo, Port

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

API_PORT = 6443
_PROPAGATION = {"None": "rprivate", "HostToContainer": "rslave", "Bidirectional": "rshared"}


def node_containers(
    config: ClusterConfig, engine: EngineInfo, *, cluster: str, image: str, network: str, marks: Mapping[str, str]
) -> list[ContainerSpec]:
    """One planned container for each node.

    The run flags are kind's (its ``pkg/cluster/internal/providers/docker/provision.go``): a node is privileged, has a
    volume at /var (overlay on overlay does not work for containerd's own layers) and tmpfs where systemd wants it. A kept
    one restarts once, so that it comes back with its engine and does not loop when it is broken.

    Args:
        image: the node image's id.
        marks: labels beside the two of kind's.
    """
    planned = []
    counts: dict[str, int] = {}
    networking = config.networking
    for node in config.nodes:
        index = counts.setdefault(node.role, 0)
        counts[node.role] += 1
        ports = [
            Port(container=one.container_port, host=one.host_port, address=one.listen_address, protocol=one.protocol.lower())
            for one in node.extra_port_mappings
        ]
        if node.role == labels.ROLE_CONTROL_PLANE:
            ports.append(Port(container=API_PORT, host=networking.api_server_port, address=networking.api_server_address))
        planned.append(
            ContainerSpec(
                name=naming.node_name(cluster, node.role, index),
                image=image,
                labels={**marks, labels.CLUSTER: cluster, labels.ROLE: node.role, labels.KIND: "node"},
                environment={
                    **({"KUBECONFIG": "/etc/kubernetes/admin.conf"} if node.role == labels.ROLE_CONTROL_PLANE else {}),
                    # Read by the entrypoint, as kind's; set and empty: no search domains.
                    **({} if networking.dns_search is None else {"KIND_DNS_SEARCH": " ".join(networking.dns_search)}),
                },
                ports=ports,
                binds=[
                    *([Bind(source="/lib/modules", target="/lib/modules", read_only=True)] if engine.kernel_modules else []),
                    *(
                        Bind(source=one.host_path, target=one.container_path, read_only=one.read_only, propagation=_PROPAGATION[one.propagation])
                        for one in node.extra_mounts
                    ),
                ],
                tmpfs={"/tmp": "", "/run": ""},  # noqa: S108 - the node's
                volume="/var",
                network=network,
                # With a lease it must stay off when it ran out; it ends with its session anyway.
                restart_once=labels.is_kept(marks),
            )
        )
    return planned
