"""Parts of the control plane as units and as static pods, down and back; and DNS."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from pytest_kind import nodes
from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.peer import KindCluster
from pytest_kind.toolbox.faults import components
from support.engine import FakeEngine

if TYPE_CHECKING:
    from .conftest import MakeCluster, Waits

SCHEDULER = "kube-scheduler"


def done(engine: FakeEngine, name: str, word: str) -> list[str]:
    """What was taken down, put up, restarted or killed on a machine."""
    return [line.rpartition(f" {word} ")[2] for line in engine.execs(name) if f" {word} " in line and line.startswith("sh -c")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the end of containers looks once."""
    monkeypatch.setattr(components, "_END_SECONDS", 0)


def test_a_part_is_taken_down_on_every_control_plane_that_runs(make: MakeCluster, engine: FakeEngine, waits: Waits) -> None:
    cluster = make(3, 1)
    engine.stop(cluster.nodes[2].container, 0)
    with cluster.component_down(SCHEDULER):
        for name in ("c-control-plane", "c-control-plane2"):
            assert done(engine, name, "down") == [SCHEDULER]
            assert done(engine, name, "up") == []
        assert done(engine, "c-control-plane3", "down") == done(engine, "c-worker", "down") == []
    for name in ("c-control-plane", "c-control-plane2"):
        assert done(engine, name, "up") == [SCHEDULER]
        assert engine.execs(name)[-1] == f"sh -c {components._HEALTH[SCHEDULER]}"
    assert waits.seconds == []


def test_on_one_control_plane_alone(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    with cluster.api_server_down(node=cluster.nodes[1]):
        assert done(engine, "c-control-plane2", "down") == ["kube-apiserver"]
    assert done(engine, "c-control-plane", "down") == []


@pytest.mark.parametrize(("component", "all_of_it"), [("etcd", 1), ("kube-apiserver", 1), ("kube-controller-manager", 0)])
def test_after_what_all_hangs_on_the_whole_cluster_must_get_well(cluster: KindCluster, waits: Waits, component: str, all_of_it: int) -> None:
    with cluster.component_down(component, timeout=9):
        pass
    assert waits.seconds == [9] * all_of_it


def test_not_waiting(cluster: KindCluster, engine: FakeEngine, waits: Waits) -> None:
    with cluster.api_server_down(wait=False):
        pass
    assert done(engine, "c-control-plane", "up") == ["kube-apiserver"]
    assert engine.execs("c-control-plane")[-1].endswith(" up kube-apiserver")
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("component", "node", "message"),
    [
        (
            "coredns",
            None,
            (
                "component_down('coredns'): 'coredns' is not accepted; accepted are etcd, kube-apiserver, kube-controller-manager, "
                "kube-scheduler; dns_down() takes CoreDNS away"
            ),
        ),
        ("etcd", "c-worker", "component_down('etcd'): node c-worker is no control plane"),
        ("etcd", "x", "component_down('etcd'): 'x' is no machine of cluster c; its machines are c-control-plane, c-worker, c-worker2"),
    ],
)
def test_what_is_not_accepted(cluster: KindCluster, engine: FakeEngine, component: str, node: str | None, message: str) -> None:
    before = engine.execs("c-control-plane")
    with pytest.raises(UsageError) as caught, cluster.component_down(component, node=node):
        pytest.fail("the block must not run")
    assert str(caught.value) == message
    assert engine.execs("c-control-plane") == before


def test_no_control_plane_that_runs(cluster: KindCluster) -> None:
    cluster.nodes[0].kill()
    with pytest.raises(UsageError, match=r"^component_down\('etcd'\): no control plane of cluster c runs$"), cluster.component_down("etcd"):
        pytest.fail("the block must not run")


def test_containers_of_a_static_pod_are_killed_until_there_are_none(cluster: KindCluster, engine: FakeEngine) -> None:
    kill = ["sh", "-c", components._KILL, "kill"]
    engine.answer([*kill, SCHEDULER], ".", on="c-control-plane")
    engine.answer([*kill, SCHEDULER], "0123456789abcdef .", on="c-control-plane", times=2)
    engine.answer([*kill, SCHEDULER], "", on="c-control-plane", times=1)  # lost on its way
    with cluster.component_down(SCHEDULER):
        assert len(done(engine, "c-control-plane", "kill")) == 4


def test_one_that_does_not_end_is_taken_back(cluster: KindCluster, engine: FakeEngine, quick: None) -> None:
    engine.answer(["sh", "-c", components._KILL], "0123456789abcdef .")
    with (
        pytest.raises(KindError, match=r"^kube-scheduler is gone from c-control-plane: .*last seen: container 0123456789ab was there$"),
        cluster.component_down(SCHEDULER),
    ):
        pytest.fail("the block must not run")
    assert done(engine, "c-control-plane", "up") == [SCHEDULER]


def test_a_node_that_has_no_such_part_says_so(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c", components._DOWN], "cat: /etc/kubernetes/manifests/etcd.yaml: No such file", code=1)
    with pytest.raises(CommandError, match="No such file"), cluster.component_down("etcd"):
        pytest.fail("the block must not run")


def test_a_static_pods_manifest_is_put_on_a_node_that_was_stopped_meanwhile(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    other = cluster.nodes[1]
    engine.answer(["sh", "-c", components._DOWN], "kind: Pod\n")
    with cluster.component_down(SCHEDULER, node=other):
        other.kill()
    (_, archive) = engine.puts(other.container)[-1]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (entry,) = (one for one in tar.getmembers() if one.isfile())
        content = tar.extractfile(entry)
        assert content is not None
        assert (entry.name, entry.mode, content.read()) == ("etc/kubernetes/manifests/kube-scheduler.yaml", 0o600, b"kind: Pod\n")
    assert done(engine, other.name, "up") == []


def test_a_node_that_is_gone_needs_nothing(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    with cluster.component_down(SCHEDULER, node="c-control-plane2"):
        engine.remove(cluster.nodes[1].container)


def test_one_that_does_not_answer_afterwards_says_what_it_said(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c", components._HEALTH[SCHEDULER]], "curl: (7) Failed to connect", code=7)
    message = r"^component_down\('kube-scheduler'\): is undone, but: kube-scheduler of c-control-plane answers: .* last seen: curl: \(7\) Failed"
    with pytest.raises(KindError, match=message), cluster.component_down(SCHEDULER, timeout=0):
        pass


def test_one_that_begins_anew_is_killed_and_waited_for(cluster: KindCluster, engine: FakeEngine, waits: Waits) -> None:
    with cluster.component_restarted("etcd"):
        assert done(engine, "c-control-plane", "restart") == ["etcd"]
        assert waits.seconds == []
    assert waits.seconds == [120.0]
    with cluster.api_server_restarted():
        assert done(engine, "c-control-plane", "restart") == ["etcd", "kube-apiserver"]
    assert done(engine, "c-control-plane", "up") == []


class TestDns:
    GET = ("kubectl", "get", "deployment/coredns")
    ASK = ("sh", "-c", components._ASK)

    @pytest.fixture(autouse=True)
    def _silent(self, engine: FakeEngine) -> None:
        """Nobody answers."""
        engine.answer(self.ASK, "no answer", code=1)
        engine.answer(("kubectl", "get", "service/kube-dns"), "10.96.0.10")

    def scaled(self, engine: FakeEngine) -> list[str]:
        return [line.rpartition("=")[2] for line in engine.execs("c-control-plane") if line.startswith("kubectl scale")]

    def test_its_servers_go_and_come_back_as_many(self, cluster: KindCluster, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[float] = []
        monkeypatch.setattr(nodes, "wait_for_dns", lambda _, timeout: asked.append(timeout))
        engine.answer(self.GET, "0")
        engine.answer(self.GET, "2", times=1)
        with cluster.dns_down():
            assert self.scaled(engine) == ["0"]
            for name in ("c-control-plane", "c-worker", "c-worker2"):
                assert done(engine, name, "list") == ["coredns"]
                assert done(engine, name, "ask") == ["10.96.0.10"]
            assert asked == []
        assert self.scaled(engine) == ["0", "2"]
        assert engine.execs("c-control-plane")[-1].startswith("kubectl rollout status deployment/coredns")
        assert asked == [120.0]

    def test_the_block_begins_when_no_node_has_one_and_none_is_answered(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(self.GET, "2")
        engine.answer(("sh", "-c", components._LIST), "0123456789abcdef .", on="c-worker", times=1)
        engine.answer(self.ASK, on="c-worker", times=1)
        with cluster.dns_down(wait=False):
            assert len(done(engine, "c-worker", "list")) == 3
            assert len(done(engine, "c-worker", "ask")) == 2

    @pytest.mark.parametrize(
        ("command", "said", "seen"),
        [(("sh", "-c", components._LIST), "0123456789abcdef .", "container 0123456789ab runs"), (ASK, "", "10.96.0.10 answers")],
    )
    def test_servers_that_do_not_go_come_back(
        self, cluster: KindCluster, engine: FakeEngine, quick: None, command: tuple[str, ...], said: str, seen: str
    ) -> None:
        engine.answer(self.GET, "0")
        engine.answer(self.GET, "2", times=1)
        engine.answer(command, said)
        with pytest.raises(KindError, match=rf"^DNS is gone from c-.*: not within 0.0 s; last seen: {seen}$"), cluster.dns_down():
            pytest.fail("the block must not run")
        assert self.scaled(engine) == ["0", "2"]

    def test_who_scaled_them_meanwhile_is_left_alone(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(self.GET, "2")
        with cluster.dns_down(wait=False):
            pass
        assert self.scaled(engine) == ["0"]

    def test_a_cluster_that_has_none_is_refused(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(self.GET, "0")
        with (
            pytest.raises(UsageError, match=r"^dns_down\(\): deployment coredns of cluster c has no replicas already$"),
            cluster.dns_down(),
        ):
            pytest.fail("the block must not run")
        assert self.scaled(engine) == []

    def test_an_api_that_refuses_to_give_them_back_is_said(self, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.answer(self.GET, "2", times=1)
        with pytest.raises(KindError, match=r"(?s)^dns_down\(\): could not be undone: .*etcd is away$"), cluster.dns_down():
            engine.answer(self.GET, "etcd is away", code=1)
