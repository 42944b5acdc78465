"""From a configuration to the containers of its nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_kind import labels
from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping
from pytest_kind.provision.plan import node_containers
from pytest_kind.provision.provider import Bind, ContainerSpec, EngineInfo, Port
from support.engine import FakeEngine


@pytest.fixture
def info(engine: FakeEngine) -> EngineInfo:
    return engine.info()


def plan(config: ClusterConfig, info: EngineInfo) -> list[ContainerSpec]:
    return node_containers(config, info, cluster="c", image="sha256:node", network="bridge", marks={labels.SESSION: "1"})


def test_one_control_plane_node_and_nothing_else(info: EngineInfo) -> None:
    assert plan(ClusterConfig(), info) == [
        ContainerSpec(
            name="c-control-plane",
            image="sha256:node",
            labels={
                "io.pytest-kind.session": "1",
                "io.x-k8s.kind.cluster": "c",
                "io.x-k8s.kind.role": "control-plane",
                "io.pytest-kind.kind": "node",
            },
            environment={"KUBECONFIG": "/etc/kubernetes/admin.conf"},
            ports=[Port(container=6443, host=0, address="127.0.0.1", protocol="tcp")],
            binds=[],
            tmpfs={"/tmp": "", "/run": ""},  # noqa: S108 - the node's
            volume="/var",
            network="bridge",
            restart_once=False,
        )
    ]


def test_ports_of_the_configuration_come_before_the_apis(info: EngineInfo) -> None:
    config = ClusterConfig(
        nodes=(Node(extra_port_mappings=(PortMapping(container_port=30053, host_port=53, listen_address="::1", protocol="UDP"),)),),
        networking=Networking(api_server_address="127.0.0.2", api_server_port=6444),
    )
    assert plan(config, info)[0].ports == [
        Port(container=30053, host=53, address="::1", protocol="udp"),
        Port(container=6443, host=6444, address="127.0.0.2", protocol="tcp"),
    ]


@pytest.mark.parametrize(("word", "engines"), [("None", "rprivate"), ("HostToContainer", "rslave"), ("Bidirectional", "rshared")])
def test_a_mounts_propagation_in_the_engines_words(info: EngineInfo, word: str, engines: str) -> None:
    mount = Mount(host_path="/data", container_path="/mnt", read_only=True, propagation=word)  # type: ignore[arg-type]
    assert plan(ClusterConfig(nodes=(Node(extra_mounts=(mount,)),)), info)[0].binds == [
        Bind(source="/data", target="/mnt", read_only=True, propagation=engines)
    ]


def test_kernel_modules_are_mounted_where_the_engine_has_them(info: EngineInfo) -> None:
    assert plan(ClusterConfig(), replace(info, kernel_modules=True))[0].binds == [
        Bind(source="/lib/modules", target="/lib/modules", read_only=True, propagation="rprivate")
    ]


def test_nodes_are_counted_per_role(info: EngineInfo) -> None:
    nodes = (Node(), Node(role="worker"), Node(), Node(role="worker"))
    found = plan(ClusterConfig(nodes=nodes), info)
    assert [(one.name, one.labels[labels.ROLE], len(one.ports), bool(one.environment)) for one in found] == [
        ("c-control-plane", "control-plane", 1, True),
        ("c-worker", "worker", 0, False),
        ("c-control-plane2", "control-plane", 1, True),
        ("c-worker2", "worker", 0, False),
    ]
