"""From a configuration to the containers of its machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_kind import labels
from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PortMapping
from pytest_kind.provision.places import machines
from pytest_kind.provision.plan import Plan, container
from pytest_kind.provision.provider import Bind, ContainerSpec, Port
from support.clusters import LINK, config_of
from support.engine import FakeEngine

MARKS = {labels.SESSION: "1", labels.KEEP: "false"}
PLACE = {"io.pytest-kind.number": "1", "io.pytest-kind.link": LINK, "io.pytest-kind.family": "ipv4"}


@pytest.fixture
def plan(engine: FakeEngine) -> Plan:
    return Plan(
        config=ClusterConfig(),
        engine=engine.info(),
        cluster="c",
        network="bridge",
        marks=MARKS,
        api_port=0,
        environment={},
        shared=False,
    )


def specs(plan: Plan, config: ClusterConfig) -> list[ContainerSpec]:
    """Those of all machines; the last one publishes the API."""
    planned = machines(config, "c", LINK)
    return [container(replace(plan, config=config), one, image="sha256:node", publish=one is planned[-1]) for one in planned]


def test_one_control_plane_node_and_nothing_else(plan: Plan) -> None:
    assert specs(plan, ClusterConfig()) == [
        ContainerSpec(
            name="c-control-plane",
            image="sha256:node",
            labels={
                **MARKS,
                **PLACE,
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
            mac="02:0a:0b:0c:0d:01",
            restart_once=False,
        )
    ]


def test_a_load_balancer_is_small_and_carries_the_api(plan: Plan) -> None:
    assert specs(replace(plan, api_port=6444), config_of(2))[-1] == ContainerSpec(
        name="c-external-load-balancer",
        image="sha256:node",
        labels={
            **MARKS,
            **PLACE,
            "io.pytest-kind.number": "254",
            "io.x-k8s.kind.cluster": "c",
            "io.x-k8s.kind.role": "external-load-balancer",
            "io.pytest-kind.kind": "load-balancer",
        },
        entrypoint=["/kind/pytest-kind/load-balancer"],
        ports=[Port(container=6443, host=6444, address="127.0.0.1", protocol="tcp")],
        tmpfs={"/run": ""},
        network="bridge",
        mac="02:0a:0b:0c:0d:fe",
        stop_signal="SIGKILL",
    )


def test_only_one_machine_publishes_the_api(plan: Plan) -> None:
    assert [(one.name, len(one.ports)) for one in specs(plan, config_of(2, 1))] == [
        ("c-control-plane", 0),
        ("c-control-plane2", 0),
        ("c-worker", 0),
        ("c-external-load-balancer", 1),
    ]


def test_ports_of_the_configuration_come_before_the_apis(plan: Plan) -> None:
    config = ClusterConfig(
        nodes=(Node(extra_port_mappings=(PortMapping(container_port=30053, host_port=53, listen_address="::1", protocol="UDP"),)),),
        networking=Networking(api_server_address="127.0.0.2"),
    )
    assert specs(replace(plan, api_port=6444), config)[0].ports == [
        Port(container=30053, host=53, address="::1", protocol="udp"),
        Port(container=6443, host=6444, address="127.0.0.2", protocol="tcp"),
    ]


@pytest.mark.parametrize(("asked", "host"), [(0, 0), (-1, 0), (8080, 8080)])
def test_kinds_words_for_a_port_that_the_engine_chooses(plan: Plan, asked: int, host: int) -> None:
    config = ClusterConfig(nodes=(Node(extra_port_mappings=(PortMapping(container_port=80, host_port=asked),)),))
    assert specs(plan, config)[0].ports[0].host == host


@pytest.mark.parametrize(("word", "engines"), [("None", "rprivate"), ("HostToContainer", "rslave"), ("Bidirectional", "rshared")])
def test_a_mounts_propagation_in_the_engines_words(plan: Plan, word: str, engines: str) -> None:
    mount = Mount(host_path="/data", container_path="/mnt", read_only=True, propagation=word)  # type: ignore[arg-type]
    assert specs(plan, ClusterConfig(nodes=(Node(extra_mounts=(mount,)),)))[0].binds == [
        Bind(source="/data", target="/mnt", read_only=True, propagation=engines)
    ]


def test_kernel_modules_are_mounted_where_the_engine_has_them(plan: Plan) -> None:
    found = specs(replace(plan, engine=replace(plan.engine, kernel_modules=True)), config_of(2))
    modules = [Bind(source="/lib/modules", target="/lib/modules", read_only=True, propagation="rprivate")]
    assert [list(one.binds) for one in found] == [modules, modules, []]


def test_link_addresses_follow_from_numbers(plan: Plan) -> None:
    assert [one.mac for one in specs(plan, config_of(1, 1))] == ["02:0a:0b:0c:0d:01", "02:0a:0b:0c:0d:02"]


def test_limits_of_a_node(plan: Plan) -> None:
    found = specs(plan, ClusterConfig(nodes=(Node(cpus=1.5, memory="2Gi"), Node(role="worker"))))
    assert [(one.cpus, one.memory) for one in found] == [(1.5, 2 << 30), (None, None)]


class TestEnvironment:
    def test_is_every_nodes_and_not_the_load_balancers(self, plan: Plan) -> None:
        found = specs(replace(plan, environment={"HTTP_PROXY": "proxy:3128"}), config_of(2, 1))
        assert [dict(one.environment) for one in found] == [
            {"HTTP_PROXY": "proxy:3128", "KUBECONFIG": "/etc/kubernetes/admin.conf"},
            {"HTTP_PROXY": "proxy:3128", "KUBECONFIG": "/etc/kubernetes/admin.conf"},
            {"HTTP_PROXY": "proxy:3128"},
            {},
        ]

    @pytest.mark.parametrize(("search", "found"), [(None, None), ((), ""), (("a.example", "b.example"), "a.example b.example")])
    def test_search_domains(self, plan: Plan, search: tuple[str, ...] | None, found: str | None) -> None:
        config = config_of(1, 1, Networking(dns_search=search))
        assert [one.environment.get("KIND_DNS_SEARCH") for one in specs(plan, config)] == [found, found]


class TestSharedVolume:
    def test_is_every_nodes_and_not_the_load_balancers(self, plan: Plan) -> None:
        found = specs(replace(plan, shared=True), config_of(2, 1))
        assert [dict(one.named_volumes) for one in found] == [*[{"c-shared": "/kind/shared"}] * 3, {}]

    def test_says_whose_it_is(self, plan: Plan) -> None:
        assert plan.shared_volume == "c-shared"
        assert plan.volume_labels == {**MARKS, "io.x-k8s.kind.cluster": "c", "io.pytest-kind.kind": "volume"}


def test_a_kept_cluster_comes_back_with_its_engine(plan: Plan) -> None:
    kept = specs(replace(plan, marks={labels.KEEP: "true"}), config_of(2, 1))
    assert [one.restart_once for one in kept] == [True] * 4
    assert not any(one.restart_once for one in specs(plan, config_of(2, 1)))


def test_a_mount_is_relabelled_where_it_says_so(plan: Plan) -> None:
    mount = Mount(host_path="/data", container_path="/mnt", selinux_relabel=True)
    assert specs(plan, ClusterConfig(nodes=(Node(extra_mounts=(mount,)),)))[0].binds == [Bind(source="/data", target="/mnt", relabel=True)]
