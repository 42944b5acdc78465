"""Frozen clusters: found, kept, bounded, thrown away, and what a run makes of them."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from pytest_kind import attempt, frozen, labels
from pytest_kind.boot import freeze
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootContext
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import BootError, Conflict, EngineError, EngineGone, KindError
from pytest_kind.image.store import NodeImage
from pytest_kind.wanted import Images
from support.engine import FakeEngine
from support.plugin import Boot
from unit.boot.test_freeze import FROZEN
from unit.cluster.test_maker import Raises

CONFIG = ClusterConfig()
REQUEST = Request(config=CONFIG, name="mine")
ALONE = replace(FROZEN, cluster="many", machines=["many-control-plane"])


def images(digest: str = "d1") -> Images:
    image = NodeImage(reference="any", id="sha256:any", digest=digest, kubernetes=None)
    return Images({None: image}, image)


class TestDigest:
    def test_equal_wishes_have_one(self) -> None:
        assert frozen.digest(REQUEST, images(), "mine", {}) == frozen.digest(replace(REQUEST, timeout=7, name="other"), images(), "your", {})

    @pytest.mark.parametrize(
        "other",
        [
            {"config": ClusterConfig(networking=Networking(pod_subnet="10.1.0.0/16"))},
            {"config": ClusterConfig(nodes=(Node(), Node(role="worker")))},
            {"keep": True},
            {"static_pods": True},
            {"upstream": True},
        ],
    )
    def test_others_have_others(self, other: dict[str, object]) -> None:
        assert frozen.digest(REQUEST, images(), "mine", {}) != frozen.digest(replace(REQUEST, **other), images(), "mine", {})  # type: ignore[arg-type]

    def test_pods_for_upstream_specs_are_the_same_as_those_that_are_asked_for(self) -> None:
        one, other = replace(REQUEST, static_pods=True), replace(REQUEST, upstream=True)
        assert frozen.digest(one, images(), "mine", {}) == frozen.digest(other, images(), "mine", {})

    def test_another_image_or_a_longer_name_too(self) -> None:
        assert (
            len(
                {
                    frozen.digest(REQUEST, images(), "mine", {}),
                    frozen.digest(REQUEST, images("d2"), "mine", {}),
                    frozen.digest(REQUEST, images(), "mines", {}),
                }
            )
            == 3
        )

    def test_and_other_proxies(self) -> None:
        proxies: tuple[dict[str, str], ...] = ({}, {"HTTP_PROXY": "http://a:1"}, {"HTTP_PROXY": "http://b:1"}, {"HTTPS_PROXY": "http://a:1"})
        assert len({frozen.digest(REQUEST, images(), "mine", one) for one in proxies}) == len(proxies)

    def test_and_other_content_of_a_manifest(self, tmp_path: Path) -> None:
        manifest = tmp_path / "m.yaml"
        request = replace(REQUEST, config=ClusterConfig(manifests=(str(manifest),)))
        found = set()
        for text in ("kind: a", "kind: b"):
            manifest.write_text(text, encoding="utf-8")
            found.add(frozen.digest(request, images(), "mine", {}))
        assert len(found) == 2


def add_frozen(engine: FakeEngine, wanted: str, made: float = 1.0, tag: str = "") -> str:
    facts = json.dumps({**ALONE.as_facts(), "made": made})
    marks = {labels.KIND: labels.KIND_FROZEN, labels.FROZEN: wanted, labels.FACTS: facts}
    return engine.add_image(f"pytest-kind/frozen:{tag or wanted}", marks, identity=f"sha256:{tag or wanted}").id


def image_of(engine: FakeEngine, name: str) -> str:
    container = engine.container(name)
    assert container is not None
    return str(engine.spec(container.id)["image"])


class TestFinding:
    def test_the_latest_of_that_digest(self, engine: FakeEngine) -> None:
        add_frozen(engine, "abc", 1.0, "first")
        latest = add_frozen(engine, "abc", 2.0, "second")
        add_frozen(engine, "other", 3.0)
        assert frozen.find(engine, "abc") == replace(ALONE, image=latest)

    def test_there_may_be_none(self, engine: FakeEngine) -> None:
        assert frozen.find(engine, "abc") is None


class Freezes:
    """A step of a boot that says what is to be frozen."""

    name = "freeze"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        context.frozen = replace(ALONE, cluster=context.facts.cluster)


@pytest.fixture
def freezing(steps: list[Action], monkeypatch: pytest.MonkeyPatch) -> None:
    """Boots freeze."""
    steps.append(Freezes())
    monkeypatch.setattr(freeze, "archive", lambda *_: memory())


def memory() -> contextlib.AbstractContextManager[io.BytesIO]:
    """What stands for the archive of a node's files."""
    return contextlib.nullcontext(io.BytesIO(b"everything"))


@pytest.mark.usefixtures("freezing")
class TestFreezing:
    def test_a_boot_from_the_ground_leaves_one(self, maker: Maker, engine: FakeEngine) -> None:
        cluster = maker.make(REQUEST)
        cluster.delete()
        wanted = frozen.digest(REQUEST, Images(MappingProxyType({}), images(cluster.image_digest).first), "mine", {})  # type: ignore[arg-type]
        assert engine.made("commit") == [f"mine-frozen pytest-kind/frozen:{wanted}"]
        assert frozen.find(engine, wanted) is not None
        assert engine.names == []

    def test_whoever_takes_the_machines_away_waits_for_it(self, maker: Maker, engine: FakeEngine) -> None:
        maker.make(REQUEST).delete()
        calls = engine.calls
        assert calls.index(next(call for call in calls if call.startswith("commit"))) < calls.index("remove mine-control-plane")

    def test_its_builder_is_no_machine_of_the_cluster(self, maker: Maker, engine: FakeEngine) -> None:
        engine.fail("commit", EngineError("no space left on device"))
        engine.fail("remove", EngineError("cannot be removed"))
        maker.make(REQUEST).release()
        (builder,) = [one for one in engine.containers({}) if one.name == "mine-frozen"]
        assert labels.CLUSTER not in builder.labels
        assert builder.labels[labels.SESSION] == maker.session.id
        assert builder.labels[labels.KIND] == "builder"

    def test_a_failure_is_told_and_no_failure_of_the_cluster(self, maker: Maker, engine: FakeEngine, notes: list[str]) -> None:
        engine.fail("commit", EngineError("no space left on device"))
        maker.make(REQUEST).delete()
        assert notes == ["cluster mine could not be frozen: no space left on device"]

    def test_only_so_many_are_kept_the_latest(self, maker: Maker, engine: FakeEngine) -> None:
        there = [add_frozen(engine, f"d{number}", float(number)) for number in range(9)]
        maker.make(REQUEST).delete()
        assert engine.made("remove_image") == there[:2]

    def test_one_too_many_of_which_copies_run_stays(self, maker: Maker, engine: FakeEngine, notes: list[str]) -> None:
        for number in range(8):
            add_frozen(engine, f"d{number}", float(number))
        engine.fail("remove_image", Conflict("a container uses it"))
        maker.make(REQUEST).delete()
        assert notes == []

    def test_a_cold_one_is_neither_frozen_nor_a_copy(self, maker: Maker, engine: FakeEngine) -> None:
        maker.make(replace(REQUEST, cold=True)).delete()
        assert engine.made("commit") == []

    def test_nodes_of_several_images_are_not_frozen(self, maker: Maker, engine: FakeEngine, notes: list[str]) -> None:
        engine.add_image("other:1")
        config = ClusterConfig(nodes=(Node(), Node(role="worker", image="other:1")))
        maker.make(replace(REQUEST, config=config)).delete()
        assert engine.made("commit") == []
        assert notes == ["no copies can be made of cluster mine: its nodes have different images"]

    def test_what_kubeadm_has_from_elsewhere_is_not_frozen(self, maker: Maker, engine: FakeEngine, notes: list[str]) -> None:
        config = ClusterConfig(kubeadm_config_patches=("kind: InitConfiguration\npatches: {directory: /patches}",))
        maker.make(replace(REQUEST, config=config)).delete()
        assert engine.made("commit") == []
        assert "a folder of its nodes, /patches," in notes[0]

    @pytest.mark.parametrize(("proxy", "is_frozen"), [("http://proxy:1", True), ("http://me:secret@proxy:1", False), ("token@proxy:1", False)])
    def test_a_proxys_credentials_get_into_no_image(
        self, maker: Maker, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, notes: list[str], proxy: str, is_frozen: bool
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        maker.make(REQUEST).delete()
        assert len(engine.made("commit")) == is_frozen
        assert len(notes) == (not is_frozen)
        assert "secret" not in str(notes)


class TestCopying:
    @pytest.fixture
    def there(self, maker: Maker, engine: FakeEngine, freezing: None) -> str:
        """The id of a frozen cluster that fits."""
        del freezing
        maker.make(REQUEST).delete()
        return engine.images({labels.KIND: labels.KIND_FROZEN})[0].id

    @pytest.fixture
    def copying(self, monkeypatch: pytest.MonkeyPatch) -> list[Action]:
        """The steps of a copy."""
        made: list[Action] = [Boot()]
        monkeypatch.setattr(attempt, "copying_actions", lambda: made)
        return made

    def test_its_nodes_are_of_the_frozen_image(self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action]) -> None:
        del copying
        cluster = maker.make(replace(REQUEST, name="your"))
        assert image_of(engine, "your-control-plane") == there
        assert [name for name, _ in cluster.phases] == ["fake"]
        cluster.delete()

    def test_no_name_of_a_node_makes_another_one(
        self, maker: Maker, engine: FakeEngine, freezing: None, copying: list[Action], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del freezing, copying
        monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
        maker.make(REQUEST).delete()
        cluster = maker.make(replace(REQUEST, name="your"))
        assert image_of(engine, "your-control-plane") == engine.images({labels.KIND: labels.KIND_FROZEN})[0].id
        cluster.delete()

    def test_steps_of_others_are_for_copies_too(self, maker: Maker, there: str, copying: list[Action]) -> None:
        del there, copying
        maker.extra_actions = lambda _: [Boot()]
        cluster = maker.make(REQUEST)
        assert [name for name, _ in cluster.phases] == ["fake", "fake"]
        cluster.delete()

    def test_a_name_of_another_length_is_made_from_the_ground(self, maker: Maker, engine: FakeEngine, there: str) -> None:
        cluster = maker.make(replace(REQUEST, name="longer"))
        assert image_of(engine, "longer-control-plane") != there
        cluster.delete()

    def test_a_bad_one_is_thrown_away_and_the_cluster_made_from_the_ground(
        self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action], notes: list[str]
    ) -> None:
        copying.append(Raises(KindError("etcd panics\nat length")))
        failed: list[str] = []
        maker.failed = lambda name, _: failed.append(name)
        cluster = maker.make(REQUEST)
        assert engine.made("remove_image") == [there]
        assert notes[0] == ("the frozen cluster that mine was a copy of is no good and goes (phase 'broken': etcd panics); making it from the ground")
        assert failed == []
        assert image_of(engine, "mine-control-plane") != there
        cluster.delete()
        assert engine.names == []

    def test_a_step_of_others_that_fails_is_no_fault_of_it(
        self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action], notes: list[str]
    ) -> None:
        del there, copying
        failed: list[str] = []
        maker.failed = lambda name, _: failed.append(name)
        maker.extra_actions = lambda _: [Raises(KindError("the operator is not ready"))]
        with pytest.raises(BootError, match="the operator is not ready"):
            maker.make(REQUEST)
        assert (engine.made("remove_image"), engine.names, notes, failed) == ([], [], [], ["mine"])

    @pytest.mark.parametrize("error", [EngineGone("connection refused"), EngineError("write: no space left on device")])
    def test_an_engine_in_trouble_is_no_fault_of_it(
        self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action], error: KindError
    ) -> None:
        del there
        copying.append(Raises(error))
        with pytest.raises(BootError):
            maker.make(REQUEST)
        assert engine.made("remove_image") == []

    def test_a_bad_one_that_copies_run_of_is_no_reason_to_fail(
        self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action], notes: list[str]
    ) -> None:
        del there
        copying.append(Raises(KindError("no")))
        engine.fail("remove_image", Conflict("a container uses it"))
        maker.make(REQUEST).delete()
        assert len(notes) == 1

    def test_a_port_that_is_taken_is_no_fault_of_it(self, maker: Maker, engine: FakeEngine, there: str, copying: list[Action]) -> None:
        del there
        copying.append(Raises(Conflict("port is taken")))
        with pytest.raises(BootError):
            maker.make(REQUEST)
        assert engine.made("remove_image") == []
