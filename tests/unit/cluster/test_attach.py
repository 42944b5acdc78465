"""Handles on clusters that are there already: ours, kind's, running or not."""

from __future__ import annotations

import io
import tarfile

import pytest
import yaml

from pytest_kind import labels
from pytest_kind.attach import attach, kubeconfig_of, machines, server
from pytest_kind.errors import KindError, UsageError
from pytest_kind.lease.session import Session
from pytest_kind.provision.provider import ContainerSpec
from support.credentials import admin_conf
from support.engine import FakeEngine


@pytest.fixture(autouse=True)
def _files(engine: FakeEngine) -> None:
    text, packed = admin_conf().encode(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("admin.conf")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    engine.offer("/etc/kubernetes/admin.conf", packed.getvalue())
    engine.publish("127.0.0.1", 6000)


def add(engine: FakeEngine, name: str, role: str, state: str = "running", **marks: str) -> str:
    return engine.add_container(f"c-{name}", {labels.CLUSTER: "c", labels.ROLE: role, **marks}, state)


def test_a_cluster_of_kinds(engine: FakeEngine, session: Session) -> None:
    add(engine, "control-plane", "control-plane")
    cluster = attach(engine, "c", session.folder)
    assert (cluster.name, cluster.kept, cluster.image_digest) == ("c", False, "")
    assert [(one.name, one.role) for one in cluster.nodes] == [("c-control-plane", "control-plane")]
    document = yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8"))
    assert (document["current-context"], document["clusters"][0]["cluster"]["server"]) == ("kind-c", "https://127.0.0.1:6000")
    assert cluster.kubeconfig_path.parent == session.folder / "c"  # which says that the cluster is in use


def test_nodes_are_in_order_and_a_load_balancer_is_none(engine: FakeEngine, session: Session) -> None:
    add(engine, "worker10", "worker")
    add(engine, "worker2", "worker")
    add(engine, "control-plane2", "control-plane")
    add(engine, "external-load-balancer", "external-load-balancer")
    add(engine, "worker", "worker")
    add(engine, "control-plane", "control-plane")
    names = ["c-control-plane", "c-control-plane2", "c-worker", "c-worker2", "c-worker10"]
    cluster = attach(engine, "c", session.folder)
    assert [one.name for one in cluster.nodes] == names
    assert [one.role for one in cluster.config.nodes] == ["control-plane"] * 2 + ["worker"] * 3
    assert {one.name for one in machines(engine, "c")} == {*names, "c-external-load-balancer"}
    assert engine.made("published_port") == ["c-external-load-balancer 6443"]


def test_the_kubeconfig_is_of_a_control_plane_that_runs(engine: FakeEngine, session: Session) -> None:
    add(engine, "control-plane", "control-plane", "exited")
    add(engine, "control-plane2", "control-plane")
    attach(engine, "c", session.folder)
    assert engine.made("get") == ["c-control-plane2 /etc/kubernetes/admin.conf"]


def test_one_that_is_stopped_has_the_address_inside(engine: FakeEngine, session: Session) -> None:
    add(engine, "control-plane", "control-plane", "exited", **session.labels(keep=True), **{labels.IMAGE_DIGEST: "d"})
    assert server(engine, "c") is None
    cluster = attach(engine, "c", session.folder)
    assert (cluster.kept, cluster.image_digest) == (True, "d")
    assert "server: https://inside:6443" in cluster.kubeconfig_path.read_text(encoding="utf-8")


@pytest.mark.parametrize("state", ["running", "paused"])
def test_where_the_api_is(engine: FakeEngine, state: str) -> None:
    add(engine, "control-plane", "control-plane", state)
    assert server(engine, "c") == "https://127.0.0.1:6000"


def test_on_a_network_of_ones_own_the_name_is_the_address(engine: FakeEngine) -> None:
    marks = {labels.CLUSTER: "c", labels.ROLE: "control-plane"}
    engine.start(engine.create(ContainerSpec(name="c-control-plane", image="i", labels=marks, network="mine")))
    cluster = kubeconfig_of(engine, "c", internal=True)["clusters"][0]["cluster"]
    assert cluster["server"] == "https://c-control-plane:6443"
    assert "tls-server-name" not in cluster


def test_no_such_cluster(engine: FakeEngine, session: Session) -> None:
    with pytest.raises(UsageError, match="there is no cluster 'c'; there is none at all"):
        attach(engine, "c", session.folder)


def test_no_control_plane(engine: FakeEngine, session: Session) -> None:
    add(engine, "worker", "worker")
    with pytest.raises(KindError, match="cluster 'c' has no control plane"):
        attach(engine, "c", session.folder)


def test_one_that_never_booted(engine: FakeEngine, session: Session) -> None:
    add(engine, "control-plane", "control-plane")
    engine.offer("/etc/kubernetes/admin.conf", b"")
    with pytest.raises(KindError, match="node c-control-plane of cluster 'c' has no kubeconfig that can be read"):
        attach(engine, "c", session.folder)
