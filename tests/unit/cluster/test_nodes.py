"""Nodes that come and go, machines that stop and start, while the cluster runs: and what is put back where that fails."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import yaml

from pytest_kind import labels
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import Node
from pytest_kind.errors import BootError, CommandError, EngineError, KindError, UsageError, WaitTimeout
from pytest_kind.handle import KindCluster
from support.api_server import ApiServer
from support.clusters import config_of
from support.credentials import admin_conf
from support.engine import FakeEngine

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
SERVICE = "/api/v1/namespaces/kube-system/services/kube-dns"
PEERS = "/kind/pytest-kind/peers"
ETCD = "kubectl --namespace kube-system exec etcd-"
JOINED = [f"mine-{name}" for name in ("control-plane", "control-plane2", "control-plane3", "control-plane4", "worker", "worker2", "worker3")]


@pytest.fixture(autouse=True)
def _node_list(engine: FakeEngine, api_server: ApiServer) -> None:
    """An API that finds every node well, and the keys of a control plane."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    items = [{"metadata": {"name": name}, "spec": {"podCIDRs": [f"10.244.{at}.0/24"]}, "status": ready} for at, name in enumerate(JOINED)]
    api_server.answer("GET", NODES, (200, {"items": items}))
    api_server.answer("GET", SERVICE, (200, {"spec": {"clusterIP": "10.96.0.10"}}))
    api_server.answer("DELETE", "*", (200, {}))
    engine.answer(["kubeadm", "token", "create"], "fedcba.0123456789abcdef\n")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("pki/ca.key"), io.BytesIO())
    engine.offer("/etc/kubernetes/pki", stream.getvalue())


@pytest.fixture
def make(maker: Maker) -> Iterator[Callable[..., KindCluster]]:
    made: list[KindCluster] = []

    def cluster(control_planes: int, workers: int, **more: Any) -> KindCluster:
        made.append(maker.make(replace(Request(config=config_of(control_planes, workers), name="mine"), **more)))
        return made[-1]

    yield cluster
    for one in made:
        one.delete()


@pytest.fixture
def cluster(make: Callable[..., KindCluster]) -> KindCluster:
    """Two control planes, a worker, a load balancer."""
    return make(2, 1)


def names(cluster: KindCluster) -> list[str]:
    return [node.name for node in cluster.nodes]


def peers(engine: FakeEngine, name: str) -> list[str]:
    return [line.split()[0] for line in engine.files(name)[PEERS][0].decode().splitlines()]


def servers(engine: FakeEngine) -> list[str]:
    text = engine.files("mine-external-load-balancer")["/kind/pytest-kind/haproxy.cfg"][0].decode()
    ready = text.partition("\nbackend ready")[2].partition("\nbackend")[0]
    return [line.split()[1] for line in ready.splitlines() if line.startswith("  server ")]


def renewed(cluster: KindCluster) -> list[str]:
    """The nodes whose leases are renewed."""
    assert cluster._site.renewal is not None
    named = {one.container: one.name for one in cluster._machines}
    return sorted(named.get(container, container) for container in cluster._site.renewal._containers)


class TestAdding:
    def test_a_worker_joins_and_everybody_learns_of_it(self, cluster: KindCluster, engine: FakeEngine) -> None:
        node = cluster.add_node()
        assert (node.name, node.role) == ("mine-worker2", "worker")
        everyone = ["mine-control-plane", "mine-control-plane2", "mine-worker", "mine-worker2", "mine-external-load-balancer"]
        assert names(cluster) == everyone[:-1]
        for name in everyone:
            assert peers(engine, name) == everyone
            assert "/kind/pytest-kind/network" in engine.execs(name)
        assert engine.execs("mine-worker2")[0].startswith("/kind/pytest-kind/join ")
        assert servers(engine) == ["mine-control-plane", "mine-control-plane2"]
        assert renewed(cluster) == sorted(everyone)

    def test_it_joins_with_a_token_of_its_own(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.add_node("worker")
        assert "kubeadm token create" in engine.execs("mine-control-plane")
        (join, *_) = yaml.safe_load_all(engine.files("mine-worker2")["/kind/kubeadm.conf"][0])
        assert join["discovery"]["tlsBootstrapToken"] == "fedcba.0123456789abcdef"

    def test_a_control_plane_is_served_by_the_load_balancer(self, cluster: KindCluster, engine: FakeEngine) -> None:
        node = cluster.add_node("control-plane")
        assert node.name == "mine-control-plane3"
        assert servers(engine) == ["mine-control-plane", "mine-control-plane2", "mine-control-plane3"]
        assert engine.made("kill") == ["mine-external-load-balancer SIGUSR2"]
        assert "/etc/kubernetes/pki/ca.key" in engine.files("mine-control-plane3")

    def test_what_the_node_is_to_be_like(self, make: Callable[..., KindCluster], engine: FakeEngine) -> None:
        node = make(1, 1).add_node(Node(role="worker", labels={"a": "b"}, cpus=0.5, memory="1Gi"))
        spec = engine.spec(node.container)
        assert (spec["cpus"], spec["memory"], spec["ports"]) == (0.5, 1 << 30, [])
        (join, *_) = yaml.safe_load_all(engine.files(node.name)["/kind/kubeadm.conf"][0])
        assert {"name": "node-labels", "value": "a=b"} in join["nodeRegistration"]["kubeletExtraArgs"]

    def test_it_is_marked_as_the_others_and_has_their_volume(self, cluster: KindCluster, engine: FakeEngine) -> None:
        node = cluster.add_node()
        by_name = {one.name: one.labels for one in engine.containers({})}
        differing = {key for key, value in by_name[node.name].items() if by_name["mine-worker"][key] != value}
        assert differing == {labels.NUMBER}
        assert engine.spec(node.container)["named_volumes"] == {"mine-shared": "/kind/shared"}

    def test_a_kept_cluster_has_no_lease_for_it_either(self, make: Callable[..., KindCluster], engine: FakeEngine) -> None:
        node = make(1, 0, keep=True).add_node()
        assert b'LEASE="0"' in engine.files(node.name)["/kind/pytest-kind/node.env"][0]

    def test_beside_a_dead_control_plane_which_knows_when_it_starts(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        _, listed = api_server.take("GET", NODES, None, None)
        dead = [{**one, "status": {}} if one["metadata"]["name"] == "mine-control-plane" else one for one in listed["items"]]
        api_server.answer("GET", NODES, (200, {"items": dead}))
        cluster.nodes[0].kill()
        cluster.add_node("control-plane")
        assert names(cluster) == ["mine-control-plane", "mine-control-plane2", "mine-worker", "mine-control-plane3"]
        assert "kubeadm token create" in engine.execs("mine-control-plane2")
        assert engine.execs("mine-control-plane") == ["fake-boot"]
        assert "mine-control-plane3" in peers(engine, "mine-control-plane")
        assert engine.made("get") == ["mine-control-plane2 /etc/kubernetes/pki"]

    def test_after_the_first_control_plane_has_gone(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.remove_node("mine-control-plane")
        cluster.add_node("worker")
        cluster.add_node("control-plane")
        assert names(cluster) == ["mine-control-plane2", "mine-worker", "mine-worker2", "mine-control-plane"]
        assert engine.made("get")[-1] == "mine-control-plane2 /etc/kubernetes/pki"
        assert b'FIRST=""' in engine.files("mine-control-plane")["/kind/pytest-kind/node.env"][0]

    @pytest.mark.parametrize(
        ("node", "message"),
        [
            (
                "control-plane",
                "add_node: cluster mine was made with one control plane and no load balancer; it can have more workers only",
            ),
            ("server", "add_node: role: 'server' is not accepted; accepted are control-plane, worker"),
            (
                Node(role="worker", image="localhost/node:1"),
                "add_node: image: 'localhost/node:1' is not accepted; a node that is added has the image of the cluster's first one",
            ),
        ],
    )
    def test_what_cannot_be_added(self, make: Callable[..., KindCluster], engine: FakeEngine, node: Node | str, message: str) -> None:
        cluster = make(1, 1)
        before = engine.calls
        with pytest.raises(UsageError) as caught:
            cluster.add_node(node)
        assert str(caught.value) == message
        assert engine.calls == before

    def test_without_a_control_plane_that_runs(self, cluster: KindCluster, engine: FakeEngine) -> None:
        for node in cluster.nodes[:2]:
            engine.stop(node.container, 0)
        with pytest.raises(KindError, match=r"^no control plane of cluster mine runs$"):
            cluster.add_node()

    def test_a_token_that_cannot_be_had(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["kubeadm", "token", "create"], "etcdserver: no leader", code=1)
        with pytest.raises(CommandError, match="etcdserver: no leader"):
            cluster.add_node()
        assert len(engine.names) == 4


class TestAddingThatFails:
    @pytest.mark.parametrize(
        ("command", "phase"),
        [
            (["/kind/pytest-kind/join"], "join of mine-worker2"),
            (["/kind/pytest-kind/pod-dns"], "DNS of mine-worker2"),
        ],
    )
    def test_it_is_as_if_the_node_had_never_been_there(
        self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer, command: list[str], phase: str
    ) -> None:
        engine.answer(command, "no", code=1, on="mine-worker2")
        engine.answer(["systemctl"], "kubelet.service failed", on="mine-worker2")
        with pytest.raises(BootError) as caught:
            cluster.add_node()
        assert (caught.value.phase, caught.value.evidence) == (phase, "--- mine-worker2: units that failed\nkubelet.service failed")
        there = ["mine-control-plane", "mine-control-plane2", "mine-worker", "mine-external-load-balancer"]
        assert (engine.names, names(cluster), renewed(cluster)) == (sorted(there), there[:3], sorted(there))
        for name in there:
            assert peers(engine, name) == there
            assert engine.execs(name)[-1] == "/kind/pytest-kind/network"
        assert ("DELETE", f"{NODES}/mine-worker2", None) in api_server.requests
        assert not [volume for volume in engine.volumes({}) if volume.name not in {one for c in engine.containers({}) for one in c.volumes}]

    def test_a_control_planes_member_leaves_etcd_while_it_still_runs(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/pod-dns"], "no", code=1, on="mine-control-plane3")
        with pytest.raises(BootError):
            cluster.add_node("control-plane")
        calls = engine.calls
        left = next(at for at, call in enumerate(calls) if 'member remove "$id"' in call and "mine-control-plane3" in call)
        assert left < calls.index("remove mine-control-plane3")
        assert servers(engine) == ["mine-control-plane", "mine-control-plane2"]

    def test_the_phase_before_the_first_step(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/network"], "no such device", code=1, on="mine-worker", times=1)
        with pytest.raises(BootError, match=r"phase 'create of mine-worker2': mine-worker: .* ended with 1:\nno such device"):
            cluster.add_node()
        assert len(engine.names) == 4

    def test_what_cannot_be_undone_is_told_and_keeps_nothing_else_from_it(
        self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer
    ) -> None:
        engine.answer(["/kind/pytest-kind/join"], "no", code=1, on="mine-control-plane3")
        engine.answer(["bash", "-c"], "etcdserver: no leader", code=1)
        api_server.answer("DELETE", f"{NODES}/mine-control-plane3", (500, {"message": "etcd is away"}))
        with pytest.raises(BootError) as caught:
            cluster.add_node("control-plane")
        assert "ended with 1:\netcdserver: no leader" in caught.value.evidence
        assert (
            f"--- mine-control-plane3: could not be undone: 500 Internal Server Error: etcd is away (DELETE {NODES}/mine-control-plane3)"
            in caught.value.evidence
        )
        assert "mine-control-plane3" not in engine.names

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
    def test_whoever_ends_it_leaves_nothing(self, cluster: KindCluster, engine: FakeEngine, error: BaseException) -> None:
        engine.fail("start", error)
        with pytest.raises(type(error)):
            cluster.add_node()
        assert len(engine.names) == 4
        assert peers(engine, "mine-worker") == ["mine-control-plane", "mine-control-plane2", "mine-worker", "mine-external-load-balancer"]

    def test_a_container_that_cannot_be_made_changes_nothing(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.fail("create", EngineError("no space"))
        with pytest.raises(EngineError, match=r"^no space$"):
            cluster.add_node()
        assert len(engine.names) == 4
        assert "mine-worker2" not in renewed(cluster)


class TestRemoving:
    def test_a_worker_goes_and_nobody_knows_it_any_more(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        cluster.remove_node("mine-worker")
        left = ["mine-control-plane", "mine-control-plane2", "mine-external-load-balancer"]
        assert (sorted(engine.names), names(cluster), renewed(cluster)) == (sorted(left), left[:2], sorted(left))
        for name in left:
            assert peers(engine, name) == left
        assert [one for one in api_server.requests if one[0] == "DELETE"] == [("DELETE", f"{NODES}/mine-worker", None)]
        assert not any(ETCD in call for call in engine.calls)

    def test_a_control_planes_member_leaves_etcd_asked_of_another(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.remove_node("mine-control-plane2")
        (asked,) = [call for call in engine.execs("mine-control-plane") if ETCD in call]
        assert f"{ETCD}mine-control-plane " in asked
        assert '$3 == "mine-control-plane2"' in asked
        assert servers(engine) == ["mine-control-plane"]
        assert engine.made("kill") == ["mine-external-load-balancer SIGUSR2"]

    def test_the_first_one_too_and_then_another_is_first(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["kubectl", "get"], "here", on="mine-control-plane2")
        cluster.remove_node("mine-control-plane")
        (asked,) = [call for call in engine.execs("mine-control-plane2") if ETCD in call]
        assert f"{ETCD}mine-control-plane2 " in asked
        assert names(cluster) == ["mine-control-plane2", "mine-worker"]
        assert cluster.kubectl("get", "nodes") == "here"

    def test_a_worker_is_never_first(self, make: Callable[..., KindCluster], engine: FakeEngine) -> None:
        cluster = make(1, 2)
        cluster._machines = (*cluster._machines[:2], *cluster._machines[2:])
        cluster.remove_node("mine-worker")
        assert names(cluster) == ["mine-control-plane", "mine-worker2"]

    def test_a_dead_control_plane(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.nodes[0].kill()
        cluster.remove_node("mine-control-plane")
        (asked,) = [call for call in engine.execs("mine-control-plane2") if ETCD in call]
        assert '$3 == "mine-control-plane"' in asked
        assert "mine-control-plane" not in engine.names

    def test_a_machine_that_is_off_knows_when_it_starts(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.stop(cluster.nodes[2].container, 0)
        cluster.remove_node("mine-control-plane2")
        assert "mine-control-plane2" not in peers(engine, "mine-worker")
        assert engine.execs("mine-worker") == []

    def test_the_last_control_plane_stays(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.remove_node("mine-control-plane")
        with pytest.raises(UsageError, match=r"^remove_node: mine-control-plane2 is the last control plane of cluster mine$"):
            cluster.remove_node("mine-control-plane2")
        assert "mine-control-plane2" in engine.names

    @pytest.mark.parametrize("name", ["nobody", "mine-external-load-balancer", "worker"])
    def test_what_is_no_node(self, cluster: KindCluster, engine: FakeEngine, name: str) -> None:
        with pytest.raises(UsageError) as caught:
            cluster.remove_node(name)
        assert str(caught.value) == (
            f"remove_node: {name!r} is no node of cluster mine; its nodes are mine-control-plane, mine-control-plane2, mine-worker"
        )
        assert len(engine.names) == 4

    def test_etcd_that_refuses_keeps_the_node(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["bash", "-c"], "etcdserver: unhealthy cluster", code=1)
        with pytest.raises(CommandError, match="etcdserver: unhealthy cluster"):
            cluster.remove_node("mine-control-plane2")
        assert "mine-control-plane2" in engine.names
        assert "mine-control-plane2" in names(cluster)

    def test_after_an_api_that_refused_it_can_be_done_again(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        api_server.answer("DELETE", f"{NODES}/mine-worker", (500, {"message": "etcd is away"}), (200, {}))
        with pytest.raises(KindError, match="etcd is away"):
            cluster.remove_node("mine-worker")
        cluster.remove_node("mine-worker")
        assert names(cluster) == ["mine-control-plane", "mine-control-plane2"]

    def test_its_pods_go_at_once(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.remove_node("mine-worker")
        assert any("delete pods" in call and "spec.nodeName=mine-worker " in call for call in engine.execs("mine-control-plane"))

    def test_a_name_that_has_become_free_is_given_again(self, cluster: KindCluster) -> None:
        cluster.remove_node("mine-worker")
        assert cluster.add_node().name == "mine-worker"


def beats(api_server: ApiServer, *rounds: dict[str, str] | int) -> None:
    """Answers with the nodes' leases; a number is a refusal."""
    answers = [
        (one, {"message": "not yet"})
        if isinstance(one, int)
        else (200, {"items": [{"metadata": {"name": f"mine-{name}"}, "spec": {"renewTime": time}} for name, time in one.items()]})
        for one in rounds
    ]
    api_server.answer("GET", LEASES, *answers)


class TestStoppingAndStarting:
    OLD: ClassVar = {"control-plane": "1", "control-plane2": "1", "worker": "1"}
    NEW: ClassVar = {"control-plane": "2", "control-plane2": "2", "worker": "2"}

    def states(self, engine: FakeEngine) -> set[str]:
        return {one.state for one in engine.containers({})}

    def test_every_machine_stops_and_nobody_renews_a_lease(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.stop()
        assert self.states(engine) == {"exited"}
        assert renewed(cluster) == []

    def test_every_machine_starts_and_is_renewed(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        beats(api_server, self.OLD, self.NEW)
        cluster.stop()
        cluster.start()
        assert self.states(engine) == {"running"}
        assert len(renewed(cluster)) == 4

    def test_pausing_and_going_on(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        beats(api_server, self.OLD, self.NEW)
        cluster.pause()
        assert (self.states(engine), renewed(cluster)) == ({"paused"}, [])
        cluster.unpause()
        assert (self.states(engine), len(renewed(cluster))) == ({"running"}, 4)

    def test_a_kept_cluster_has_nothing_to_renew(self, make: Callable[..., KindCluster], engine: FakeEngine, api_server: ApiServer) -> None:
        beats(api_server, {"control-plane": "1"}, {"control-plane": "2"})
        cluster = make(1, 0, keep=True)
        cluster.stop()
        cluster.start()
        beats(api_server, {"control-plane": "2"}, {"control-plane": "3"})
        cluster.pause()
        cluster.unpause()
        assert cluster._site.renewal is None

    def test_a_machine_that_does_not_start_is_the_engines_error(self, cluster: KindCluster, engine: FakeEngine) -> None:
        cluster.stop()
        engine.fail("start", EngineError("port is already allocated"))
        with pytest.raises(EngineError, match="port is already allocated"):
            cluster.start()

    def test_the_api_may_be_somewhere_else_afterwards(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer, maker: Maker) -> None:
        engine.publish("127.0.0.1", 9)
        cluster._admin["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
        client = cluster.client
        assert client.configuration.host == "https://127.0.0.1:9"
        engine.publish("127.0.0.1", api_server.port)
        beats(api_server, self.OLD, self.NEW)
        cluster.wait_until_well()
        assert client.configuration.host == api_server.url
        assert yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"] == api_server.url


class TestWaitingUntilWell:
    OLD, NEW = TestStoppingAndStarting.OLD, TestStoppingAndStarting.NEW

    def test_every_node_must_give_a_fresh_sign_of_life(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        beats(api_server, 500, self.OLD, 500, {**self.NEW, "worker": "1"}, self.NEW)
        cluster.wait_until_well()
        assert [path for _, path, _ in api_server.requests].count(LEASES) == 5
        for name in ("mine-control-plane", "mine-control-plane2", "mine-worker"):
            assert engine.execs(name)[-1].startswith("/kind/pytest-kind/pod-dns 10.96.0.10 ")

    @pytest.mark.parametrize(
        ("rounds", "reason"),
        [
            ([OLD], "no sign of life of mine-control-plane, mine-control-plane2, mine-worker"),
            ([OLD, {**NEW, "worker": "1"}], "no sign of life of mine-worker"),
            ([{"control-plane": "1"}, {"control-plane": "2"}], "no sign of life of mine-control-plane2, mine-worker"),
        ],
    )
    def test_who_gave_none_is_in_the_error(self, cluster: KindCluster, api_server: ApiServer, rounds: list[dict[str, str]], reason: str) -> None:
        beats(api_server, *rounds)
        with pytest.raises(WaitTimeout, match=rf"^every node's sign of life: not within .* last seen: {reason}$"):
            cluster.wait_until_well(timeout=0.5)

    def test_leases_that_cannot_be_read_are_the_reason(self, cluster: KindCluster, api_server: ApiServer) -> None:
        beats(api_server, 403)
        with pytest.raises(WaitTimeout, match=rf"^the nodes' signs of life: not within .* last seen: 403 Forbidden: not yet \(GET {LEASES}\)$"):
            cluster.wait_until_well(timeout=0)

    def test_an_api_that_does_not_answer_is_the_reason(self, cluster: KindCluster, api_server: ApiServer) -> None:
        api_server.answer("GET", "/readyz", (500, "[-]etcd failed"))
        with pytest.raises(
            WaitTimeout, match=r"^the API server's /readyz: .* last seen: 500 Internal Server Error: \[-\]etcd failed \(GET /readyz\)$"
        ):
            cluster.wait_until_well(timeout=0)

    def test_control_planes_that_are_off_are_the_reason(self, cluster: KindCluster) -> None:
        cluster.stop()
        with pytest.raises(WaitTimeout, match=r"^a control plane: .* last seen: no control plane runs$"):
            cluster.wait_until_well(timeout=0)

    def test_another_control_plane_will_do(self, cluster: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        cluster.nodes[0].kill()
        cluster.remove_node("mine-control-plane")
        beats(api_server, self.OLD, self.NEW)
        engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf(), on="mine-control-plane2")
        cluster.wait_until_well()

    def test_a_cluster_that_is_gone_is_no_longer_waited_for(self, cluster: KindCluster, engine: FakeEngine) -> None:
        for one in engine.containers({}):
            engine.remove(one.id)
        with pytest.raises(KindError, match=r"^cluster mine is gone$"):
            cluster.wait_until_well()


class TestOneNode:
    def test_stops_and_starts_alone(self, cluster: KindCluster, engine: FakeEngine) -> None:
        worker = cluster.nodes[2]
        worker.stop()
        assert engine.made("stop") == ["mine-worker"]
        worker.start()
        worker.kill()
        assert engine.made("kill") == ["mine-worker SIGKILL"]

    def test_kubectl_is_that_of_a_control_plane_that_runs(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(["kubectl"], "one", on="mine-control-plane")
        engine.answer(["kubectl"], "two", on="mine-control-plane2")
        assert cluster.kubectl("version") == "one"
        cluster.nodes[0].kill()
        assert cluster.kubectl("version") == "two"
        cluster.nodes[1].kill()
        with pytest.raises(EngineError, match="container mine-control-plane is not running"):
            cluster.kubectl("version")
