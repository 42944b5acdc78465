"""Spares: made, taken instead of making one, and refused where they are not well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.boot import freeze
from pytest_kind.boot.actions import Action
from pytest_kind.cluster import Maker, Request, remove_cluster
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import BootError, EngineError, KindError
from pytest_kind.lease import spares
from pytest_kind.lease.spares import Spare, state
from pytest_kind.progress import Progress
from pytest_kind.warming import Warming
from support.api_server import ApiServer
from support.engine import FakeEngine
from unit.cluster.test_frozen import Freezes, memory
from unit.cluster.test_maker import Raises

REQUEST = Request(config=ClusterConfig())


@pytest.fixture
def spare(maker: Maker) -> str:
    """One that is ready."""
    return maker.warm(replace(REQUEST, lease=3600))


def test_it_is_offered_and_says_so(maker: Maker, engine: FakeEngine, spare: str) -> None:
    (container,) = engine.containers({})
    assert container.name == f"{spare}-control-plane"
    assert (labels.SPARE in container.labels, container.labels[labels.KEEP], container.labels[labels.LEASE]) == (True, "false", "3600")
    assert state(maker.cache, spare) is Spare.OFFERED


class TestTaking:
    def test_who_wants_such_a_one_takes_it(self, maker: Maker, engine: FakeEngine, spare: str) -> None:
        cluster = maker.make(replace(REQUEST, lease=77))
        assert cluster.name == spare
        assert [name for name, _ in cluster.phases] == ["take"]
        assert state(maker.cache, spare) is Spare.TAKEN
        assert engine.execs(f"{spare}-control-plane")[-1] == "cat /etc/kubernetes/admin.conf"
        assert "/kind/pytest-kind/let 77" in engine.execs(f"{spare}-control-plane")
        cluster.delete()
        assert engine.names == []

    def test_only_one_does(self, maker: Maker, spare: str) -> None:
        one, other = maker.make(REQUEST), maker.make(REQUEST)
        assert one.name == spare != other.name
        one.delete()
        other.delete()

    @pytest.mark.parametrize(
        "other",
        [
            {"config": ClusterConfig(networking=Networking(pod_subnet="10.1.0.0/16"))},
            {"name": "mine"},
            {"keep": True},
            {"cold": True},
            {"static_pods": True},
            {"upstream": True},
            {"network": "other"},
        ],
    )
    def test_who_wants_another_one_does_not(self, maker: Maker, spare: str, other: dict[str, object]) -> None:
        cluster = maker.make(replace(REQUEST, **other))  # type: ignore[arg-type]
        assert cluster.name != spare
        assert state(maker.cache, spare) is Spare.OFFERED
        cluster.delete()

    def test_one_that_is_not_well_goes(self, maker: Maker, engine: FakeEngine, api_server: ApiServer, spare: str, notes: list[str]) -> None:
        api_server.answer("GET", "/readyz", (500, "[-]etcd failed"), (200, "ok"))
        cluster = maker.make(REQUEST)
        assert cluster.name != spare
        assert notes == [
            f"cluster {spare}, which was ready for this run, is no good any more and goes: 500 Internal Server Error: [-]etcd failed (GET /readyz)"
        ]
        assert engine.names == [f"{cluster.name}-control-plane"]
        cluster.delete()

    def test_one_that_does_not_change_hands_goes(self, maker: Maker, engine: FakeEngine, spare: str, notes: list[str]) -> None:
        engine.answer(["/kind/pytest-kind/let"], "no space left on device", code=1)
        cluster = maker.make(REQUEST)
        assert cluster.name != spare
        assert "no space left on device" in notes[0]
        assert engine.names == [f"{cluster.name}-control-plane"]
        cluster.delete()


def test_what_serves_the_making_of_one_is_no_spare(maker: Maker, engine: FakeEngine, steps: list[Action], monkeypatch: pytest.MonkeyPatch) -> None:
    steps.append(Freezes())
    monkeypatch.setattr(freeze, "archive", lambda *_: memory())
    engine.fail("remove", EngineError("cannot be removed"))  # so it is seen while another run looks for a spare
    spare = maker.warm(replace(REQUEST, lease=3600))
    (builder,) = [one for one in engine.containers({}) if one.name == f"{spare}-frozen"]
    assert labels.SPARE not in builder.labels
    cluster = maker.make(REQUEST)
    assert cluster.name == spare
    cluster.delete()


def test_a_container_without_a_cluster_takes_no_offer_away(maker: Maker, engine: FakeEngine, spare: str) -> None:
    (machine,) = engine.containers({})
    engine.add_container("strange", {key: value for key, value in machine.labels.items() if key not in labels.OF_PLACES})
    cluster = maker.make(REQUEST)
    assert cluster.name == spare
    cluster.delete()


def test_one_that_is_swept_away_just_now_is_none(maker: Maker, engine: FakeEngine, spare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take = spares.take

    def taken_and_swept(*given: Any) -> bool:
        remove_cluster(engine, spare)
        return take(*given)

    monkeypatch.setattr(spares, "take", taken_and_swept)
    cluster = maker.make(REQUEST)
    assert cluster.name != spare
    cluster.delete()


def test_one_that_does_not_boot_is_not_offered(maker: Maker, engine: FakeEngine, steps: list[Action]) -> None:
    steps.append(Raises(KindError("no")))
    with pytest.raises(BootError):
        maker.warm(REQUEST)
    assert engine.names == []
    assert list(maker.cache.glob("spares/*")) == []


class TestWarming:
    def test_it_makes_so_many(self, maker: Maker) -> None:
        ended: list[bool] = []
        warming = Warming(replace(maker, progress=Progress()), replace(REQUEST, warm=2), 2, lambda: ended.append(True))
        warming.wait()
        assert [state(maker.cache, name) for name in warming.made] == [Spare.OFFERED, Spare.OFFERED]
        assert (warming.failure, ended) == (None, [True])

    def test_what_goes_wrong_is_told_and_ends_it(self, maker: Maker, steps: list[Action]) -> None:
        steps.append(Raises(KindError("no")))
        ended: list[bool] = []
        warming = Warming(maker, REQUEST, 2, lambda: ended.append(True))
        warming.wait()
        assert (warming.made, ended) == ([], [True])
        assert warming.failure is not None
        assert "did not boot" in warming.failure

    def test_one_that_was_stopped_begins_no_further_one(self, maker: Maker) -> None:
        ended: list[bool] = []
        warming = Warming(maker, REQUEST, 8, lambda: ended.append(True))
        warming.stop()
        warming.wait()
        assert len(warming.made) < 8
