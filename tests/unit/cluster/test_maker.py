"""Making a cluster: from a wish to a handle, and nothing left where that fails."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, replace

import pytest
import yaml

from pytest_kind import labels
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootContext
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import BootError, CommandError, ConfigError, Conflict, EngineError, ImageError, KindError, UsageError
from pytest_kind.image.inputs import read_inputs
from pytest_kind.provision.provider import ContainerSpec, EngineInfo
from support.engine import FakeEngine

CONFIG = ClusterConfig()
REQUEST = Request(config=CONFIG)


@dataclass
class Raises:
    """A step that fails."""

    error: BaseException
    name: str = "broken"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        raise self.error


@dataclass
class Remembers:
    """A step that keeps what it was given."""

    context: BootContext | None = None
    name: str = "extra"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        self.context = context


def test_the_defaults_of_a_request() -> None:
    assert replace(REQUEST) == Request(
        config=ClusterConfig(), name=None, image=None, version=None, keep=False, network="bridge", timeout=120.0, lease=300
    )


@pytest.fixture
def version_file() -> bytes:
    """An image's ``/kind/version`` as the engine hands it out."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("version")
        entry.size = 7
        tar.addfile(entry, io.BytesIO(b"v1.30.0"))
    return stream.getvalue()


class TestSuccess:
    def test_a_handle_with_everything(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(REQUEST)
        (container,) = engine.containers({})
        assert container.name == f"{cluster.name}-control-plane"
        assert container.state == "running"
        assert cluster.name.startswith("pytest-kind-")
        assert cluster.config is CONFIG
        assert cluster.kept is False
        assert cluster.image_digest == read_inputs("amd64").digest
        assert [(node.name, node.role, node.container) for node in cluster.nodes] == [(container.name, "control-plane", container.id)]
        assert [name for name, _ in cluster.phases] == ["fake"]
        assert repr(cluster) == f"<KindCluster '{cluster.name}', 1 node>"
        cluster.delete()

    def test_its_kubeconfig_is_private_and_names_it_as_kind_does(self, maker: Maker) -> None:
        cluster = maker.make(replace(REQUEST, name="mine"))
        assert f"{cluster.kubeconfig_path.stat().st_mode & 0o777:o}" == "600"
        assert f"{cluster.kubeconfig_path.parent.stat().st_mode & 0o777:o}" == "700"
        assert yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8"))["current-context"] == "kind-mine"
        cluster.delete()

    def test_its_node_says_whose_it_is(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(replace(REQUEST, name="mine", lease=77))
        (container,) = engine.containers({})
        assert {key: container.labels[key] for key in (labels.CLUSTER, labels.ROLE, labels.KIND, labels.SESSION, labels.KEEP, labels.LEASE)} == {
            labels.CLUSTER: "mine",
            labels.ROLE: "control-plane",
            labels.KIND: "node",
            labels.SESSION: maker.session.id,
            labels.KEEP: "false",
            labels.LEASE: "77",
        }
        assert container.labels[labels.IMAGE_DIGEST] == read_inputs("amd64").digest
        assert len(container.labels[labels.CONFIG_DIGEST]) == 16
        assert json.loads(container.labels[labels.OWNER])["lock"] == str(maker.session.folder / "lock")
        cluster.delete()

    def test_steps_of_others_come_after_the_boots_own(self, maker: Maker) -> None:
        extra = Remembers()
        maker.extra_actions = lambda config: [extra] if config is CONFIG else []
        cluster = maker.make(replace(REQUEST, timeout=33))
        assert [name for name, _ in cluster.phases] == ["fake", "extra"]
        assert extra.context is not None
        assert (extra.context.config, extra.context.lease, extra.context.deadline.seconds) == (CONFIG, 300, 33)
        assert extra.context.facts.kubernetes == read_inputs("amd64").kubernetes
        assert extra.context.facts.durable is False
        cluster.delete()

    def test_the_name_may_come_from_the_configuration(self, maker: Maker) -> None:
        cluster = maker.make(Request(config=ClusterConfig(name="from-config")))
        assert cluster.name == "from-config"
        cluster.delete()

    def test_the_name_of_the_request_wins(self, maker: Maker) -> None:
        cluster = maker.make(Request(config=ClusterConfig(name="from-config"), name="given"))
        assert cluster.name == "given"
        cluster.delete()

    def test_two_clusters_without_names_go_side_by_side(self, maker: Maker, engine: FakeEngine) -> None:
        clusters = [maker.make(REQUEST), maker.make(REQUEST)]
        assert len(engine.names) == 2
        clusters[0].delete()
        assert engine.names == [clusters[1].nodes[0].name]
        clusters[1].delete()

    @pytest.mark.parametrize("network", ["bridge", "mine"])
    def test_the_network_and_the_image_are_the_nodes(self, maker: Maker, engine: FakeEngine, network: str) -> None:
        image = engine.add_image("localhost/node:1", {labels.FACTS: '{"kubernetes": "v1.30.0"}'})
        cluster = maker.make(replace(REQUEST, image="localhost/node:1", network=network))
        spec = engine.spec(cluster.nodes[0].container)
        assert (spec["image"], spec["network"]) == (image.id, network)
        cluster.delete()

    def test_an_image_without_our_label_is_asked_for_its_version(self, maker: Maker, engine: FakeEngine, version_file: bytes) -> None:
        engine.add_image("kindest/node:v1.30.0")
        engine.offer("/kind/version", version_file)
        remembers = Remembers()
        maker.extra_actions = lambda _: [remembers]
        cluster = maker.make(replace(REQUEST, image="kindest/node:v1.30.0"))
        assert remembers.context is not None
        assert remembers.context.facts.kubernetes == "v1.30.0"
        assert engine.names == [cluster.nodes[0].name]
        cluster.delete()

    def test_an_image_without_a_version_file_leaves_nothing(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_image("kindest/node:v1.30.0")
        with pytest.raises(ImageError, match=r"it is no node image of kind's: it has no file /kind/version$"):
            maker.make(replace(REQUEST, image="kindest/node:v1.30.0"))
        assert engine.names == []


class TestFailure:
    def test_a_step_that_fails_is_a_boot_error_with_its_evidence(self, maker: Maker, engine: FakeEngine) -> None:
        engine.answer(["fake-boot"], "kernel too old", code=3)
        engine.answer(["systemctl"], "kubelet.service failed")
        with pytest.raises(BootError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == (
            "cluster 'mine' did not boot, phase 'fake': mine-control-plane: `fake-boot` ended with 3:\nkernel too old\n"
            "--- mine-control-plane: units that failed\nkubelet.service failed"
        )
        assert (caught.value.cluster, caught.value.phase) == ("mine", "fake")
        assert caught.value.evidence == "--- mine-control-plane: units that failed\nkubelet.service failed"
        assert isinstance(caught.value.__cause__, CommandError)
        assert engine.names == []

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), RuntimeError("a bug"), UsageError("no such port")])
    def test_whatever_ends_it_leaves_nothing_and_goes_on_as_it_is(
        self, maker: Maker, engine: FakeEngine, steps: list[Action], error: BaseException
    ) -> None:
        steps.append(Raises(error))
        with pytest.raises(type(error)) as caught:
            maker.make(REQUEST)
        assert caught.value is error
        assert engine.names == []
        assert engine.volumes({}) == []

    def test_the_phase_is_the_step_that_failed(self, maker: Maker, steps: list[Action]) -> None:
        steps.append(Raises(KindError("too early"), "addons"))
        with pytest.raises(BootError) as caught:
            maker.make(REQUEST)
        assert caught.value.phase == "addons"

    def test_a_container_that_cannot_be_made_is_the_first_phase(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("create", EngineError("no space"))
        with pytest.raises(BootError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == "cluster 'mine' did not boot, phase 'create': no space"

    def test_a_port_that_is_taken_leaves_nothing(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("start", Conflict("port is already allocated"))
        with pytest.raises(BootError, match="phase 'fake': port is already allocated"):
            maker.make(REQUEST)
        assert engine.names == []

    def test_other_clusters_of_the_session_stay(self, maker: Maker, engine: FakeEngine) -> None:
        good = maker.make(REQUEST)
        engine.answer(["fake-boot"], code=1)
        with pytest.raises(BootError):
            maker.make(REQUEST)
        assert engine.names == [good.nodes[0].name]
        good.delete()

    def test_a_patch_that_fits_nothing_is_refused_before_anything_is_made(self, maker: Maker, engine: FakeEngine) -> None:
        with pytest.raises(ConfigError, match="matches nothing: kind 'Pod'"):
            maker.make(Request(config=ClusterConfig(kubeadm_config_patches=("kind: Pod",))))
        assert engine.made("create") == []


class TestAnotherMachinesEngine:
    @pytest.fixture(autouse=True)
    def far(self, maker: Maker, engine: FakeEngine) -> None:
        class Far(FakeEngine):
            """An engine whose loopback is not this machine's."""

            def info(self) -> EngineInfo:
                return replace(super().info(), local=False, address="tcp://engine.example:2376")

        maker.provider = Far(engine._root)

    def test_an_address_that_only_that_machine_reaches_is_refused(self, maker: Maker, engine: FakeEngine) -> None:
        with pytest.raises(UsageError) as caught:
            maker.make(REQUEST)
        assert str(caught.value) == (
            "the engine at tcp://engine.example:2376 is on another machine, and 127.0.0.1 there cannot be reached from here: "
            "set networking.apiServerAddress (--kind-config) to an address of that machine"
        )
        assert engine.made("create") == []

    def test_its_name_is_one_of_the_servers(self, maker: Maker) -> None:
        remembers = Remembers()
        maker.extra_actions = lambda _: [remembers]
        cluster = maker.make(Request(config=ClusterConfig(networking=Networking(api_server_address="192.0.2.1"))))
        assert remembers.context is not None
        assert remembers.context.facts.api_names == ["192.0.2.1", "engine.example"]
        cluster.delete()


class TestNames:
    def test_one_of_kinds_is_not_touched(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-control-plane", {labels.CLUSTER: "mine", labels.ROLE: "control-plane"})
        with pytest.raises(UsageError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == (
            "--kind-name: 'mine' is in use by a cluster that is not ours (container mine-control-plane); choose another name"
        )
        assert engine.names == ["mine-control-plane"]

    def test_one_of_another_run_is_not_touched(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-control-plane", {labels.CLUSTER: "mine", labels.SESSION: "other", labels.KEEP: "false"})
        with pytest.raises(UsageError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == "--kind-name: 'mine' is in use by another run; wait for it, or choose another name"
        assert engine.names == ["mine-control-plane"]

    def test_a_kept_one_is_attached_to_only_where_that_is_asked_for(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-control-plane", {labels.CLUSTER: "mine", labels.SESSION: "other", labels.KEEP: "true"})
        with pytest.raises(UsageError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == "--kind-name: 'mine' is in use by a kept cluster; attach to it with --kind-keep, or choose another name"
        assert engine.names == ["mine-control-plane"]

    def test_a_container_of_that_name_that_is_no_cluster_is_not_touched(self, maker: Maker, engine: FakeEngine) -> None:
        engine.add_container("mine-control-plane", {})
        with pytest.raises(UsageError) as caught:
            maker.make(replace(REQUEST, name="mine"))
        assert str(caught.value) == ("--kind-name: 'mine' would need the container name mine-control-plane, which something that is not ours has")
        assert engine.names == ["mine-control-plane"]

    def test_what_took_the_name_meanwhile_is_not_rolled_back(self, maker: Maker, engine: FakeEngine) -> None:
        class Racer(FakeEngine):
            """Another run is quicker."""

            def create(self, spec: ContainerSpec) -> str:
                engine.add_container(spec.name, {labels.CLUSTER: "mine", labels.SESSION: "other"})
                return engine.create(spec)

        maker.provider = Racer(engine._root)
        with pytest.raises(BootError, match="phase 'create': creating container mine-control-plane: the name is taken"):
            maker.make(replace(REQUEST, name="mine"))
        assert engine.names == ["mine-control-plane"]
