"""Kept clusters: attached to where they fit and are well, replaced where not, refused where not ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootContext
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import BootError, EngineError, UsageError
from pytest_kind.handle import KindCluster
from pytest_kind.lease.session import Session
from support.api_server import ApiServer
from support.clusters import config_of
from support.credentials import admin_conf
from support.engine import FakeEngine

REQUEST = Request(config=ClusterConfig(), name="mine", keep=True)


@pytest.fixture
def kept(maker: Maker) -> KindCluster:
    """A cluster that an earlier session kept."""
    earlier = Session.open(maker.cache)
    cluster = replace(maker, session=earlier).make(REQUEST)
    cluster.release()
    earlier.close()
    return cluster


def node_of(cluster: KindCluster) -> str:
    return cluster.nodes[0].container


class TestMaking:
    def test_it_is_marked_and_has_no_lease(self, maker: Maker, engine: FakeEngine) -> None:
        seen: list[BootContext] = []

        class Sees:
            name = "sees"

            def __call__(self, context: BootContext) -> None:
                context.make_rest()
                seen.append(context)

        maker.extra_actions = lambda _: [Sees()]
        cluster = maker.make(REQUEST)
        (container,) = engine.containers({})
        assert cluster.kept
        assert (container.labels[labels.KEEP], container.labels[labels.LEASE]) == ("true", "0")
        assert (seen[0].lease, seen[0].facts.durable) == (0, True)
        assert cluster._site.renewal is None

    def test_what_tries_out_the_kernel_for_it_is_not_kept(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("remove", EngineError("cannot be removed"))
        with pytest.raises(EngineError):
            maker.make(replace(REQUEST, config=ClusterConfig(networking=Networking(ip_family="ipv6"))))
        (probe,) = engine.containers({})
        assert not labels.is_kept(probe.labels)
        assert int(probe.labels[labels.LEASE]) > 0

    def test_without_a_name_equal_wishes_get_equal_names(self, maker: Maker) -> None:
        unnamed = replace(REQUEST, name=None)
        first, second = maker.make(unnamed), maker.make(unnamed)
        assert first.name == second.name
        assert node_of(first) == node_of(second)

    @pytest.mark.parametrize(
        "other",
        [
            Request(config=ClusterConfig(networking=Networking(pod_subnet="10.1.0.0/16")), keep=True),
            Request(config=ClusterConfig(), keep=True, network="mine"),
            Request(config=ClusterConfig(), keep=True, image="localhost/node:1"),
        ],
    )
    def test_without_a_name_other_wishes_get_other_names(self, maker: Maker, engine: FakeEngine, other: Request) -> None:
        engine.add_image("localhost/node:1", {labels.FACTS: '{"kubernetes": "v1.37.1"}'})
        assert maker.make(replace(REQUEST, name=None)).name != maker.make(other).name
        assert len(engine.names) == 2

    def test_one_that_does_not_boot_leaves_nothing(self, maker: Maker, engine: FakeEngine) -> None:
        engine.answer(["fake-boot"], code=1)
        with pytest.raises(BootError):
            maker.make(REQUEST)
        assert engine.names == []


class TestAttaching:
    def test_the_one_that_is_there_is_taken(self, maker: Maker, kept: KindCluster, engine: FakeEngine, api_server: ApiServer) -> None:
        cluster = maker.make(REQUEST)
        assert node_of(cluster) == node_of(kept)
        assert [name for name, _ in cluster.phases] == ["attach"]
        assert cluster.image_digest == kept.image_digest
        assert len(engine.made("create")) == 1
        assert api_server.requests == [("GET", "/readyz", None)]

    def test_the_machine_is_looked_at_for_a_new_one_alone(self, maker: Maker, kept: KindCluster) -> None:
        asked: list[Request] = []
        watching = replace(maker, fit=asked.append)
        watching.make(REQUEST)
        assert asked == []
        other = replace(REQUEST, name="another")
        watching.make(other)
        assert asked == [other]

    def test_no_port_is_looked_for(self, maker: Maker, kept: KindCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(address: str) -> int:
            raise UsageError(f"no port of {address} can be had")

        monkeypatch.setattr("pytest_kind.cluster.free_port", refused)
        assert node_of(maker.make(REQUEST)) == node_of(kept)

    def test_its_kubeconfig_is_this_sessions_own(self, maker: Maker, kept: KindCluster) -> None:
        cluster = maker.make(REQUEST)
        assert cluster.kubeconfig_path.parent.parent == maker.session.folder
        assert cluster.kubeconfig_path.exists()
        assert not kept.kubeconfig_path.exists()

    def test_letting_go_leaves_it_running_and_deleting_does_not(self, maker: Maker, kept: KindCluster, engine: FakeEngine) -> None:
        cluster = maker.make(REQUEST)
        cluster.release()
        assert engine.names == ["mine-control-plane"]
        cluster.delete()
        assert engine.names == []


class TestAttachingToSeveral:
    SEVERAL = replace(REQUEST, config=config_of(2, 1))

    def test_all_of_its_machines_are_found(self, maker: Maker, engine: FakeEngine) -> None:
        first = maker.make(self.SEVERAL)
        first.release()
        found = maker.make(self.SEVERAL)
        assert [(one.name, one.container) for one in found._machines] == [(one.name, one.container) for one in first._machines]
        assert [one.machine.place for one in found._machines] == [one.machine.place for one in first._machines]
        assert [(node.name, node.role) for node in found.nodes] == [(node.name, node.role) for node in first.nodes]
        assert len(engine.made("create")) == 4

    def test_what_its_containers_have_in_common_is_known_for_further_ones(self, maker: Maker, engine: FakeEngine) -> None:
        maker.make(self.SEVERAL).release()
        plan = maker.make(self.SEVERAL)._site.plan
        marks = engine.containers({})[0].labels
        assert dict(plan.marks) == {key: value for key, value in marks.items() if key not in labels.OF_PLACES}
        assert (plan.cluster, plan.shared, plan.config) == ("mine", True, self.SEVERAL.config)


class TestReplacing:
    def replaced(self, maker: Maker, kept: KindCluster, engine: FakeEngine, request: Request = REQUEST) -> None:
        cluster = maker.make(request)
        assert node_of(cluster) != node_of(kept)
        assert engine.names == ["mine-control-plane"]
        assert [name for name, _ in cluster.phases] == ["fake"]

    def test_one_with_another_configuration(self, maker: Maker, kept: KindCluster, engine: FakeEngine, notes: list[str]) -> None:
        other = replace(REQUEST, config=ClusterConfig(feature_gates={"A": True}))
        self.replaced(maker, kept, engine, other)
        assert notes == ["kept cluster mine is replaced: it was made with another configuration"]

    def test_one_of_another_image(self, maker: Maker, kept: KindCluster, engine: FakeEngine, notes: list[str]) -> None:
        image = engine.add_image("localhost/node:1", {labels.FACTS: '{"kubernetes": "v1.37.1"}'})
        self.replaced(maker, kept, engine, replace(REQUEST, image="localhost/node:1"))
        assert notes == [f"kept cluster mine is replaced: it was made from another node image ({kept.image_digest}, wanted {image.id})"]

    def test_one_whose_node_does_not_run(self, maker: Maker, kept: KindCluster, engine: FakeEngine, notes: list[str]) -> None:
        engine.stop(node_of(kept), 0)
        self.replaced(maker, kept, engine)
        assert notes == ["kept cluster mine is replaced: its node mine-control-plane is exited"]

    @pytest.mark.parametrize("name", ["mine-control-plane2", "mine-worker", "mine-external-load-balancer"])
    def test_one_of_whose_machines_one_does_not_run(self, maker: Maker, engine: FakeEngine, notes: list[str], name: str) -> None:
        several = replace(REQUEST, config=config_of(2, 1))
        maker.make(several).release()
        container = engine.container(name)
        assert container is not None
        engine.stop(container.id, 0)
        assert maker.make(several).phases[0][0] == "fake"
        assert notes == [f"kept cluster mine is replaced: its node {name} is exited"]
        assert [one.name for one in engine.volumes({}) if one.name == "mine-shared"] == ["mine-shared"]
        assert engine.made("remove_volume") == ["mine-shared"]

    def test_one_whose_api_is_not_ready(self, maker: Maker, kept: KindCluster, engine: FakeEngine, api_server: ApiServer, notes: list[str]) -> None:
        api_server.answer("GET", "/readyz", (500, "[-]etcd failed"))
        self.replaced(maker, kept, engine)
        assert notes == ["kept cluster mine is replaced: 500 Internal Server Error: [-]etcd failed (GET /readyz)"]

    def test_one_without_a_kubeconfig(self, maker: Maker, kept: KindCluster, engine: FakeEngine, notes: list[str]) -> None:
        engine.answer(["cat", "/etc/kubernetes/admin.conf"], "No such file\n", code=1)
        self.replaced(maker, kept, engine)
        assert notes == ["kept cluster mine is replaced: its node mine-control-plane has no kubeconfig: No such file"]

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("half a fi", "TypeError"),
            ("a: [", "ParserError"),
            ("{}", "KeyError"),
            (admin_conf().replace("client-key-data: ", "client-key-data: x\n    old: "), "Error"),
            (admin_conf().replace("client-key-data: ", "client-key-data: QUJD"), "SSLError"),
        ],
    )
    def test_one_whose_kubeconfig_is_broken(
        self, maker: Maker, kept: KindCluster, engine: FakeEngine, notes: list[str], text: str, error: str
    ) -> None:
        engine.answer(["cat", "/etc/kubernetes/admin.conf"], text)
        self.replaced(maker, kept, engine)
        assert notes == [f"kept cluster mine is replaced: its node mine-control-plane has a kubeconfig that cannot be read ({error})"]


class TestRefusing:
    def test_one_that_another_run_uses_is_not_replaced(self, maker: Maker, cache: Path, engine: FakeEngine) -> None:
        other = Session.open(cache)
        used = replace(maker, session=other).make(REQUEST)
        with pytest.raises(UsageError) as caught:
            maker.make(replace(REQUEST, config=ClusterConfig(feature_gates={"A": True})))
        assert str(caught.value) == (
            "--kind-keep: cluster mine is used by another run and is not the one asked for: "
            "it was made with another configuration; choose another --kind-name"
        )
        assert engine.names == ["mine-control-plane"]
        used.release()
        other.close()
        maker.make(replace(REQUEST, config=ClusterConfig(feature_gates={"A": True})))
        assert engine.made("remove") == ["mine-control-plane"]

    def test_one_that_fits_is_shared_with_another_run(self, maker: Maker, cache: Path) -> None:
        other = Session.open(cache)
        used = replace(maker, session=other).make(REQUEST)
        assert node_of(maker.make(REQUEST)) == node_of(used)
        other.close()

    @pytest.mark.parametrize(
        "marks",
        [
            {labels.CLUSTER: "mine", labels.ROLE: "control-plane"},
            {labels.CLUSTER: "mine", labels.SESSION: "other", labels.KEEP: "false"},
        ],
        ids=["kind's", "another run's"],
    )
    def test_what_is_no_kept_cluster_of_ours_is_not_touched(self, maker: Maker, engine: FakeEngine, marks: dict[str, str]) -> None:
        engine.add_container("mine-control-plane", marks)
        with pytest.raises(UsageError) as caught:
            maker.make(REQUEST)
        assert str(caught.value) == ("--kind-name: 'mine' is in use by mine-control-plane, which is no kept cluster of ours; choose another name")
        assert engine.names == ["mine-control-plane"]

    def test_a_container_of_that_name_that_is_no_cluster_is_not_touched(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-control-plane", {})
        with pytest.raises(UsageError) as caught:
            maker.make(REQUEST)
        assert str(caught.value) == ("--kind-name: 'mine' would need the container name mine-control-plane, which something that is not ours has")
        assert engine.names == ["mine-control-plane"]


def test_two_runs_make_one_kept_cluster_between_them(maker: Maker, steps: list[Action], cache: Path) -> None:
    class LockIsHeld:
        name = "lock"

        def __call__(self, context: BootContext) -> None:
            context.make_rest()
            assert (cache / "locks/kept-mine.lock").exists()

    steps.append(LockIsHeld())
    assert maker.make(REQUEST).name == "mine"
