"""Making a cluster of several machines: images, a volume, a load balancer, ports, and nothing left of any of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from pytest_kind import labels
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootContext
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import BootError, Conflict, EngineError, UsageError
from pytest_kind.image.inputs import read_inputs
from pytest_kind.provision.provider import EngineInfo
from support.clusters import config_of
from support.engine import FakeEngine

HA = Request(config=config_of(2, 1), name="mine")
MACHINES = ["mine-control-plane", "mine-control-plane2", "mine-worker", "mine-external-load-balancer"]


@dataclass
class Fails:
    """A step that fails, a few times."""

    error: BaseException
    times: int
    name: str = "broken"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        if self.times:
            self.times -= 1
            raise self.error


def api_ports(engine: FakeEngine, name: str) -> list[int]:
    container = engine.container(name)
    assert container is not None
    return [port["host"] for port in engine.spec(container.id)["ports"] if port["container"] == 6443]


class TestMachines:
    def test_every_one_is_made_and_started(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(HA)
        assert engine.made("create") == MACHINES
        assert engine.made("start") == MACHINES
        assert [(node.name, node.role) for node in cluster.nodes] == [
            ("mine-control-plane", "control-plane"),
            ("mine-control-plane2", "control-plane"),
            ("mine-worker", "worker"),
        ]
        assert repr(cluster) == "<KindCluster 'mine', 3 nodes>"
        cluster.delete()
        assert (engine.names, engine.volumes({})) == ([], [])

    def test_only_the_load_balancer_publishes_the_api(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(HA)
        assert [api_ports(engine, name) for name in MACHINES] == [[], [], [], [0]]
        assert engine.made("published_port") == ["mine-external-load-balancer 6443"]
        cluster.delete()

    def test_places_are_in_the_labels(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(replace(HA, config=config_of(2, 1, Networking(ip_family="dual"))))
        marks = {one.name: one.labels for one in engine.containers({})}
        assert [marks[name][labels.NUMBER] for name in MACHINES] == ["1", "2", "3", "254"]
        assert len({marks[name][labels.LINK] for name in MACHINES}) == 1
        assert {marks[name][labels.FAMILY] for name in MACHINES} == {"dual"}
        cluster.delete()

    def test_two_clusters_have_other_link_addresses(self, maker: Maker, engine: FakeEngine) -> None:
        clusters = [maker.make(Request(config=config_of(1, 1))) for _ in range(2)]
        macs = {engine.spec(node.container)["mac"] for cluster in clusters for node in cluster.nodes}
        assert len(macs) == 4
        for cluster in clusters:
            cluster.delete()

    def test_a_kernel_that_cannot_is_found_out_before_anything_is_made(self, maker: Maker, engine: FakeEngine) -> None:
        engine.answer(["sh", "-c", "[ -e /proc/sys/net/ipv6 ]"], code=1)
        with pytest.raises(UsageError, match=r"^networking\.ipFamily: the engine's kernel has no IPv6"):
            maker.make(replace(HA, config=config_of(2, 1, Networking(ip_family="ipv6"))))
        assert [name.rpartition("-")[0] for name in engine.made("create")] == ["pytest-kind-probe"]
        assert engine.names == []


class TestSharedVolume:
    def test_is_made_before_the_nodes_and_marked_as_theirs(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(Request(config=config_of(1, 1), name="mine"))
        made = [call for call in engine.calls if call.startswith("create")]
        assert made == ["create_volume mine-shared", "create mine-control-plane", "create mine-worker"]
        (volume,) = [one for one in engine.volumes({}) if one.name == "mine-shared"]
        assert {key: volume.labels[key] for key in (labels.CLUSTER, labels.KIND, labels.SESSION)} == {
            labels.CLUSTER: "mine",
            labels.KIND: "volume",
            labels.SESSION: maker.session.id,
        }
        assert [engine.spec(node.container)["named_volumes"] for node in cluster.nodes] == [{"mine-shared": "/kind/shared"}] * 2
        cluster.delete()
        assert engine.volumes({}) == []

    def test_a_single_node_has_none(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(Request(config=ClusterConfig()))
        assert engine.made("create_volume") == []
        cluster.delete()

    def test_of_other_clusters_stay(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_volume("theirs-shared", {labels.CLUSTER: "theirs", labels.SESSION: maker.session.id})
        engine.add_volume("data", {})
        maker.make(HA).delete()
        assert [one.name for one in engine.volumes({})] == ["data", "theirs-shared"]


class TestImages:
    @pytest.fixture(autouse=True)
    def images(self, engine: FakeEngine) -> None:
        for version in ("1", "2"):
            engine.add_image(f"localhost/node:{version}", {labels.FACTS: f'{{"kubernetes": "v1.3{version}.0"}}', labels.KIND: "node-image"})

    def made_from(self, engine: FakeEngine) -> dict[str, str | None]:
        tags = {image.id: image.tags[0] for image in engine.images({})}
        return {one.name: tags.get(one.image) for one in engine.containers({})}

    def test_of_a_node_are_its_own_and_others_have_the_requests(self, maker: Maker, engine: FakeEngine) -> None:
        nodes = (Node(), Node(role="worker", image="localhost/node:2"), Node(role="worker"))
        cluster = maker.make(Request(config=ClusterConfig(nodes=nodes), name="mine", image="localhost/node:1"))
        assert self.made_from(engine) == {
            "mine-control-plane": "localhost/node:1",
            "mine-worker": "localhost/node:2",
            "mine-worker2": "localhost/node:1",
        }
        cluster.delete()

    def test_the_version_is_the_first_control_planes(self, maker: Maker, steps: list[Action]) -> None:
        seen: list[BootContext] = []

        class Sees:
            name = "sees"

            def __call__(self, context: BootContext) -> None:
                context.make_rest()
                seen.append(context)

        steps.append(Sees())
        nodes = (Node(role="worker", image="localhost/node:1"), Node(image="localhost/node:2"))
        maker.make(Request(config=ClusterConfig(nodes=nodes))).delete()
        assert seen[0].facts.kubernetes == "v1.32.0"

    def test_the_digest_is_the_firsts_or_one_over_all(self, maker: Maker) -> None:
        def digest(*images: str | None) -> str:
            nodes = tuple(Node(role="worker" if at else "control-plane", image=image) for at, image in enumerate(images))
            cluster = maker.make(Request(config=ClusterConfig(nodes=nodes)))
            cluster.delete()
            return cluster.image_digest

        assert digest(None, None) == digest(None) == read_inputs("amd64").digest
        one = digest(None, "localhost/node:1")
        assert one != digest(None, "localhost/node:2")
        assert one != digest("localhost/node:1", None)
        assert digest(None, "localhost/node:1", "localhost/node:2") == digest(None, "localhost/node:2", "localhost/node:1")

    def test_the_load_balancers_is_the_first_nodes_where_that_is_ours(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(replace(HA, image="localhost/node:1"))
        assert self.made_from(engine)["mine-external-load-balancer"] == "localhost/node:1"
        cluster.delete()

    def test_one_that_is_not_there_is_told_before_anything_is_made(self, maker: Maker, engine: FakeEngine) -> None:
        with pytest.raises(UsageError, match="localhost/none:1"):
            maker.make(Request(config=ClusterConfig(nodes=(Node(), Node(role="worker", image="localhost/none:1")))))
        assert engine.made("create") == []


class TestFailure:
    def test_evidence_is_every_machines(self, maker: Maker, engine: FakeEngine, steps: list[Action]) -> None:
        engine.answer(["fake-boot"], "no", code=1)
        for name in MACHINES:
            engine.answer(["systemctl"], f"failed on {name}", on=name)
        with pytest.raises(BootError) as caught:
            maker.make(HA)
        assert caught.value.evidence == "\n".join(f"--- {name}: units that failed\nfailed on {name}" for name in MACHINES)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), RuntimeError("a bug"), EngineError("lost"), UsageError("no")])
    def test_whatever_ends_it_leaves_no_machine_and_no_volume(
        self, maker: Maker, engine: FakeEngine, steps: list[Action], error: BaseException
    ) -> None:
        steps.append(Fails(error, 1))
        with pytest.raises(BootError if isinstance(error, EngineError) else type(error)):
            maker.make(HA)
        assert (engine.names, engine.volumes({})) == ([], [])
        assert sorted(engine.made("remove")) == sorted(MACHINES)

    def test_a_machine_that_cannot_be_made_takes_those_before_it_along(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-worker", {})
        with pytest.raises(BootError) as caught:
            maker.make(HA)
        assert caught.value.phase == "create"
        assert engine.names == ["mine-worker"]
        assert engine.volumes({}) == []

    def test_a_volume_that_cannot_be_made_is_the_first_phase(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("create_volume", EngineError("no space"))
        with pytest.raises(BootError, match=r"^cluster 'mine' did not boot, phase 'create': no space$"):
            maker.make(HA)
        assert engine.made("create") == []

    def test_its_renewal_has_ended(self, maker: Maker, steps: list[Action]) -> None:
        before = set(threading.enumerate())
        steps.append(Fails(KeyboardInterrupt(), 1))
        with pytest.raises(KeyboardInterrupt):
            maker.make(HA)
        assert set(threading.enumerate()) <= before


class TestPortOfAKeptCluster:
    """Its own, so that it is found again after a restart; what took it meanwhile costs another try."""

    KEPT = Request(config=ClusterConfig(), name="mine", keep=True)

    def test_is_chosen_by_us(self, maker: Maker, engine: FakeEngine) -> None:
        maker.make(self.KEPT)
        assert api_ports(engine, "mine-control-plane") != [0]

    def test_of_several_control_planes_is_the_load_balancers(self, maker: Maker, engine: FakeEngine) -> None:
        maker.make(replace(HA, keep=True))
        assert [api_ports(engine, name) for name in MACHINES[:3]] == [[], [], []]
        assert api_ports(engine, MACHINES[3]) != [0]

    @pytest.mark.parametrize("asked", [0, -1])
    def test_that_is_taken_is_chosen_again(self, maker: Maker, engine: FakeEngine, asked: int) -> None:
        engine.fail("start", Conflict("port is already allocated"), times=2)
        config = ClusterConfig(networking=Networking(api_server_port=asked))
        assert maker.make(replace(self.KEPT, config=config)).name == "mine"
        assert len(engine.made("create")) == 3
        assert engine.names == ["mine-control-plane"]

    def test_thrice_is_no_accident(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("start", Conflict("port is already allocated"), times=4)
        with pytest.raises(BootError, match="port is already allocated"):
            maker.make(self.KEPT)
        assert len(engine.made("create")) == 3
        assert engine.names == []

    @pytest.mark.parametrize(
        "request_",
        [
            replace(KEPT, config=ClusterConfig(networking=Networking(api_server_port=6550))),
            replace(KEPT, keep=False),
            replace(KEPT, keep=False, config=ClusterConfig(networking=Networking(api_server_port=6550))),
        ],
        ids=["the user's", "the engine's", "the user's, not kept"],
    )
    def test_of_anybody_elses_choice_is_not_tried_twice(self, maker: Maker, engine: FakeEngine, request_: Request) -> None:
        engine.fail("start", Conflict("port is already allocated"))
        with pytest.raises(BootError, match="port is already allocated"):
            maker.make(request_)
        assert len(engine.made("create")) == 1

    def test_another_failure_is_not_tried_twice(self, maker: Maker, engine: FakeEngine, steps: list[Action]) -> None:
        steps.append(Fails(EngineError("lost"), 2))
        with pytest.raises(BootError, match="lost"):
            maker.make(self.KEPT)
        assert len(engine.made("create")) == 1

    def test_on_another_machine_only_its_engine_can_choose(self, maker: Maker, engine: FakeEngine) -> None:
        class Far(FakeEngine):
            """An engine whose ports are another machine's."""

            def info(self) -> EngineInfo:
                return replace(super().info(), local=False, address="tcp://engine.example:2376")

        maker.provider = Far(engine._root)
        maker.make(replace(self.KEPT, config=ClusterConfig(networking=Networking(api_server_address="192.0.2.1"))))
        assert api_ports(engine, "mine-control-plane") == [0]
