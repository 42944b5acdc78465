"""Clusters that are there already: ours, kind's, running or not."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import asdict

import pytest
import yaml

from pytest_kind import labels
from pytest_kind.attach import attach, kubeconfig_of, machines, server
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import KindError, UsageError
from pytest_kind.lease.session import Session
from pytest_kind.progress import Progress
from pytest_kind.provision.places import LOAD_BALANCER, Place
from pytest_kind.provision.plan import place_labels
from pytest_kind.provision.provider import ContainerSpec
from support.credentials import admin_conf
from support.engine import FakeEngine

CONFIG = ClusterConfig(
    nodes=(Node(), Node(role="worker", labels={"a": "b"})),
    networking=Networking(ip_family="dual", dns_search=()),
    kubeadm_config_patches=("kind: ClusterConfiguration",),
)


def offer(engine: FakeEngine, path: str, text: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(path.rpartition("/")[2])
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    engine.offer(path, packed.getvalue())


@pytest.fixture(autouse=True)
def _files(engine: FakeEngine) -> None:
    offer(engine, "/etc/kubernetes/admin.conf", admin_conf())
    offer(engine, "/kind/pytest-kind/cluster.json", json.dumps(asdict(CONFIG)))
    engine.publish("127.0.0.1", 6000)


def add(engine: FakeEngine, name: str, role: str, state: str = "running") -> None:
    engine.add_container(f"c-{name}", {labels.CLUSTER: "c", labels.ROLE: role}, state)


def add_ours(engine: FakeEngine, session: Session, name: str, number: int, state: str = "running", role: str = "control-plane") -> None:
    place = Place(name=f"c-{name}", role=role, number=number, link="00000000")
    marks = {**session.labels(keep=True), **place_labels(place), labels.CLUSTER: "c", labels.ROLE: role, labels.IMAGE_DIGEST: "d"}
    environment = {"HTTP_PROXY": "http://proxy", "no_proxy": "x", "KUBECONFIG": "y"}
    made = engine.create(ContainerSpec(name=place.name, image="sha256:node", labels=marks, environment=environment, network="mine"))
    if state != "created":
        engine.start(made)
    if state == "exited":
        engine.stop(made, 1)


class TestHandle:
    def test_it_is_as_the_maker_left_it(self, engine: FakeEngine, session: Session) -> None:
        add_ours(engine, session, "worker", 2, role="worker")
        add_ours(engine, session, "control-plane", 1)
        engine.add_volume("c-shared", {labels.CLUSTER: "c"})
        cluster = attach(engine, "c", session.folder, Progress())
        assert (cluster.name, cluster.kept, cluster.image_digest, cluster.config) == ("c", True, "d", CONFIG)
        assert [(one.name, one.role) for one in cluster.nodes] == [("c-control-plane", "control-plane"), ("c-worker", "worker")]
        document = yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8"))
        assert (document["current-context"], document["clusters"][0]["cluster"]["server"]) == ("kind-c", "https://127.0.0.1:6000")
        assert cluster.kubeconfig_path.parent == session.folder / "c"  # which says that the cluster is in use

    def test_a_node_that_joins_gets_what_the_others_have(self, engine: FakeEngine, session: Session) -> None:
        add_ours(engine, session, "control-plane", 1)
        site = attach(engine, "c", session.folder, Progress())._site
        assert site.image == "sha256:node"
        assert (site.plan.network, site.plan.environment) == ("mine", {"HTTP_PROXY": "http://proxy", "no_proxy": "x"})
        assert (site.plan.config, site.plan.shared) == (CONFIG, False)
        assert labels.is_kept(site.plan.marks)
        assert not labels.OF_PLACES & site.plan.marks.keys()

    def test_the_kubeconfig_is_of_a_control_plane_that_runs(self, engine: FakeEngine, session: Session) -> None:
        add_ours(engine, session, "control-plane", 1, "exited")
        add_ours(engine, session, "control-plane2", 2)
        add_ours(engine, session, "external-load-balancer", LOAD_BALANCER, role="external-load-balancer")
        cluster = attach(engine, "c", session.folder, Progress())
        assert engine.made("get")[0] == "c-control-plane2 /etc/kubernetes/admin.conf"
        assert engine.made("published_port") == ["c-external-load-balancer 6443"]
        assert len(cluster.nodes) == 2

    def test_one_that_is_stopped_has_the_address_inside(self, engine: FakeEngine, session: Session) -> None:
        add_ours(engine, session, "control-plane", 1, "exited")
        assert server(engine, "c") is None
        cluster = attach(engine, "c", session.folder, Progress())
        assert "server: https://inside:6443" in cluster.kubeconfig_path.read_text(encoding="utf-8")

    def test_one_of_kinds_is_not_ours(self, engine: FakeEngine, session: Session) -> None:
        add(engine, "control-plane", "control-plane")
        with pytest.raises(UsageError, match="cluster 'c' is not ours"):
            attach(engine, "c", session.folder, Progress())

    def test_no_such_cluster(self, engine: FakeEngine, session: Session) -> None:
        with pytest.raises(UsageError, match="there is no cluster 'c'; there is none at all"):
            attach(engine, "c", session.folder, Progress())

    @pytest.mark.parametrize("text", ["{", '{"nodes": 3}', '{"unknown": 1}'])
    def test_one_that_another_version_made(self, engine: FakeEngine, session: Session, text: str) -> None:
        add_ours(engine, session, "control-plane", 1)
        offer(engine, "/kind/pytest-kind/cluster.json", text)
        with pytest.raises(KindError, match="cluster 'c' was made by another version of this package: its configuration cannot be read: "):
            attach(engine, "c", session.folder, Progress())


def test_machines_are_in_order(engine: FakeEngine) -> None:
    add(engine, "worker10", "worker")
    add(engine, "worker2", "worker")
    add(engine, "control-plane2", "control-plane")
    add(engine, "external-load-balancer", "external-load-balancer")
    add(engine, "control-plane", "control-plane")
    found = [one.name for one in machines(engine, "c")]
    assert found == ["c-control-plane", "c-control-plane2", "c-external-load-balancer", "c-worker2", "c-worker10"]


@pytest.mark.parametrize("state", ["running", "paused"])
def test_where_the_api_is(engine: FakeEngine, state: str) -> None:
    add(engine, "control-plane", "control-plane", state)
    assert server(engine, "c") == "https://127.0.0.1:6000"


class TestKubeconfig:
    def test_of_a_cluster_of_kinds(self, engine: FakeEngine) -> None:
        add(engine, "control-plane", "control-plane")
        document = kubeconfig_of(engine, "c")
        assert (document["current-context"], document["clusters"][0]["cluster"]["server"]) == ("kind-c", "https://127.0.0.1:6000")

    def test_on_a_network_of_ones_own_the_name_is_the_address(self, engine: FakeEngine, session: Session) -> None:
        add_ours(engine, session, "control-plane", 1)
        cluster = kubeconfig_of(engine, "c", internal=True)["clusters"][0]["cluster"]
        assert cluster["server"] == "https://c-control-plane:6443"
        assert "tls-server-name" not in cluster

    def test_without_a_control_plane(self, engine: FakeEngine) -> None:
        add(engine, "worker", "worker")
        with pytest.raises(KindError, match="cluster 'c' has no control plane"):
            kubeconfig_of(engine, "c")

    def test_of_one_that_never_booted(self, engine: FakeEngine) -> None:
        add(engine, "control-plane", "control-plane")
        engine.offer("/etc/kubernetes/admin.conf", b"")
        with pytest.raises(KindError, match="node c-control-plane of cluster 'c' has no kubeconfig that can be read"):
            kubeconfig_of(engine, "c")
