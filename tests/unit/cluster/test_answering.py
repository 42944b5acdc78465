"""DNS' first answer, awaited beside the first test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_kind import attempt, frozen, labels
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.frozen import Frozen
from pytest_kind.boot.ready import DnsLater
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import BootError, EngineUnavailable
from pytest_kind.handle import KindCluster
from pytest_kind.waiting import Deadline
from support.engine import FakeEngine

DNS = "apiVersion: v1\nkind: Service\nmetadata: {name: kube-dns}\nspec: {clusterIP: 10.96.0.10}\n"
ASKED = "/kind/pytest-kind/pod-dns"
REQUEST = Request(config=ClusterConfig(), name="mine", cold=True)


class Knows:
    """A step after which the DNS Service's address is known; the deadline is short."""

    name = "known"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        context.manifests = {"dns": DNS}
        context.deadline = Deadline(0.2)


@pytest.fixture(autouse=True)
def later(steps: list[Action]) -> None:
    """Boots do not wait for DNS."""
    steps += [Knows(), DnsLater()]


@pytest.fixture
def silent(engine: FakeEngine) -> None:
    """Nobody answers."""
    engine.answer([ASKED], "no answer", code=1)


def test_whoever_lets_go_of_a_cluster_waits_for_it(maker: Maker, engine: FakeEngine) -> None:
    maker.make(REQUEST).release()
    assert any(call.startswith(ASKED) for call in engine.execs("mine-control-plane"))


@pytest.mark.usefixtures("silent")
def test_no_answer_is_a_boot_that_failed(maker: Maker) -> None:
    cluster = maker.make(REQUEST)
    with pytest.raises(
        BootError, match=r"(?s)^cluster 'mine' did not boot, phase 'DNS': the first answer of DNS: not within 0\.2 s; last seen: .*no answer"
    ):
        cluster.release()
    cluster.delete()


@pytest.mark.usefixtures("silent")
def test_whoever_deletes_it_does_not_wait_but_is_told_what_is_known(maker: Maker, engine: FakeEngine) -> None:
    cluster = maker.make(REQUEST)
    answering = cluster._site.answering
    assert answering is not None
    with pytest.raises(BootError):
        answering.wait()
    with pytest.raises(BootError, match="phase 'DNS'"):
        cluster.delete()
    assert engine.names == []
    cluster.delete()  # told once


@pytest.mark.usefixtures("silent")
def test_what_never_answered_is_told_of_while_its_machines_are_there(maker: Maker, engine: FakeEngine) -> None:
    told: list[tuple[str, str, list[str]]] = []
    maker.failed = lambda name, evidence: told.append((name, evidence, engine.names))
    cluster = maker.make(REQUEST)
    with pytest.raises(BootError) as caught:
        cluster.wait_for_dns()
    assert told == []
    with pytest.raises(BootError):
        cluster.delete()
    assert told == [("mine", caught.value.evidence, ["mine-control-plane"])]


def gone() -> FakeEngine:
    raise EngineUnavailable("the engine has gone")


def test_an_engine_that_cannot_be_reached_any_more_is_why(maker: Maker) -> None:
    maker.connect = gone
    cluster = maker.make(REQUEST)
    with pytest.raises(BootError, match=r"^cluster 'mine' did not boot, phase 'DNS': the engine has gone$"):
        cluster.release()
    cluster.delete()


@pytest.mark.usefixtures("silent")
def test_of_a_node_that_a_test_has_stopped_nothing_is_said(maker: Maker, engine: FakeEngine) -> None:
    cluster = maker.make(REQUEST)
    cluster.nodes[0].stop()
    cluster.release()
    cluster.delete()
    assert engine.names == []


@pytest.fixture
def _copied(engine: FakeEngine, steps: list[Action], monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters are copies."""
    there = Frozen(
        image="sha256:frozen", cluster="mine", machines=["mine-control-plane"], shares={}, pods={}, dns="10.96.0.10", beats={}, unfinished=[]
    )
    monkeypatch.setattr(frozen, "find", lambda *_: there)
    monkeypatch.setattr(attempt, "copying_actions", lambda: steps)
    engine.add_image("pytest-kind/frozen:1", {labels.KIND: labels.KIND_FROZEN}, identity="sha256:frozen")


def delete_after_no_answer(cluster: KindCluster) -> None:
    answering = cluster._site.answering
    assert answering is not None
    with pytest.raises(BootError):
        answering.wait()
    with pytest.raises(BootError):
        cluster.delete()


@pytest.mark.usefixtures("silent", "_copied")
def test_a_frozen_cluster_whose_copy_never_answers_goes(maker: Maker, engine: FakeEngine) -> None:
    delete_after_no_answer(maker.make(replace(REQUEST, cold=False)))
    assert engine.made("remove_image") == ["sha256:frozen"]


@pytest.mark.usefixtures("_copied")
def test_one_whose_engine_goes_away_stays(maker: Maker, engine: FakeEngine) -> None:
    maker.connect = gone
    delete_after_no_answer(maker.make(replace(REQUEST, cold=False)))
    assert engine.made("remove_image") == []
