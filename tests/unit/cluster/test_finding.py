"""Clusters that are there already: found by their labels, reached, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind import kept, labels
from pytest_kind.errors import KindError, UsageError
from pytest_kind.kept import Found
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.engine import FakeEngine

ADMIN = ["cat", "/etc/kubernetes/admin.conf"]


def add(engine: FakeEngine, name: str, role: str, number: int, **more: str | None) -> None:
    marks = {
        labels.CLUSTER: "c",
        labels.SESSION: "1",
        labels.ROLE: role,
        labels.NUMBER: str(number),
        labels.LINK: "0a0b0c0d",
        labels.FAMILY: "dual",
        **{getattr(labels, key): value for key, value in more.items()},
    }
    engine.add_container(name, {key: value for key, value in marks.items() if value is not None})


@pytest.fixture
def found(engine: FakeEngine) -> Found:
    """Two control planes, two workers and a load balancer, made in another order."""
    add(engine, "c-external-load-balancer", "external-load-balancer", 254)
    add(engine, "c-worker2", "worker", 10)
    add(engine, "c-control-plane2", "control-plane", 2)
    add(engine, "c-worker", "worker", 9)
    add(engine, "c-control-plane", "control-plane", 1)
    return find(engine)


def find(engine: FakeEngine) -> Found:
    there = kept.find(engine, "c")
    assert there is not None
    return there


def set_state(engine: FakeEngine, name: str, state: str) -> Found:
    container = engine.container(name)
    assert container is not None
    engine._set_state(container.id, state)
    return find(engine)


class TestFinding:
    def test_nothing(self, engine: FakeEngine) -> None:
        engine.add_container("other-control-plane", {labels.CLUSTER: "other", labels.SESSION: "1"})
        assert kept.find(engine, "c") is None

    def test_machines_by_their_numbers_the_load_balancer_last(self, found: Found) -> None:
        assert [one.name for one in found.machines] == ["c-control-plane", "c-control-plane2", "c-worker", "c-worker2", "c-external-load-balancer"]
        assert [one.container for one in found.machines] == [one.id for one in found.containers]
        assert [one.machine.node.role if one.machine.node else None for one in found.machines] == [
            "control-plane",
            "control-plane",
            "worker",
            "worker",
            None,
        ]
        assert found.labels[labels.NUMBER] == "1"

    def test_places_are_as_they_were(self, found: Found) -> None:
        place = found.machines[2].machine.place
        assert (place.name, place.role, place.number, place.mac) == ("c-worker", "worker", 9, "02:0a:0b:0c:0d:09")
        assert place.addresses == ("198.19.255.9", "fd00:198:19:255::9")

    def test_a_control_plane_is_first_whatever_number_a_worker_got_later(self, engine: FakeEngine) -> None:
        add(engine, "c-worker", "worker", 1)
        add(engine, "c-control-plane3", "control-plane", 3)
        add(engine, "c-control-plane2", "control-plane", 2)
        assert [one.name for one in find(engine).machines] == ["c-control-plane2", "c-worker", "c-control-plane3"]

    def test_what_is_left_without_any_control_plane(self, engine: FakeEngine) -> None:
        add(engine, "c-worker2", "worker", 3)
        add(engine, "c-worker", "worker", 2)
        assert [one.name for one in find(engine).machines] == ["c-worker", "c-worker2"]

    @pytest.mark.parametrize("strange", [{"SESSION": None}, {"SESSION": ""}, {"NUMBER": None}], ids=["kind's", "an image's label", "without a place"])
    def test_one_strange_container_makes_it_not_ours(self, engine: FakeEngine, found: Found, strange: dict[str, str | None]) -> None:
        add(engine, "c-worker3", "worker", 11, **strange)
        with pytest.raises(UsageError, match=r"^cluster 'c' is not ours \(container c-worker3\)$"):
            kept.find(engine, "c")


class TestPublished:
    def test_through_the_load_balancer(self, found: Found) -> None:
        assert found.published == found.machines[-1].container

    def test_through_the_only_control_plane(self, engine: FakeEngine) -> None:
        add(engine, "c-worker", "worker", 2)
        add(engine, "c-control-plane", "control-plane", 1)
        assert find(engine).published == find(engine).machines[0].container


class TestAdmin:
    @pytest.fixture(autouse=True)
    def _published(self, engine: FakeEngine) -> None:
        engine.publish("127.0.0.1", 34567)

    def test_of_the_first_control_plane_with_the_published_address(self, engine: FakeEngine, found: Found) -> None:
        engine.answer(ADMIN, admin_conf())
        config = kept.admin(engine, found)
        assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:34567"
        assert config["current-context"] == "kind-c"
        assert engine.execs("c-control-plane") == [" ".join(ADMIN)]
        assert engine.made("published_port") == ["c-external-load-balancer 6443"]

    @pytest.mark.parametrize("state", ["exited", "paused", "created"])
    def test_of_another_where_the_first_does_not_run(self, engine: FakeEngine, found: Found, state: str) -> None:
        engine.answer(ADMIN, admin_conf())
        kept.admin(engine, set_state(engine, "c-control-plane", state))
        assert engine.execs("c-control-plane2") == [" ".join(ADMIN)]

    def test_of_another_where_the_first_has_none(self, engine: FakeEngine, found: Found) -> None:
        engine.answer(ADMIN, admin_conf())
        engine.answer(ADMIN, "No such file\n", code=1, on="c-control-plane")
        assert kept.admin(engine, found)["current-context"] == "kind-c"

    def test_workers_are_never_asked(self, engine: FakeEngine, found: Found) -> None:
        engine.answer(ADMIN, "No such file\n", code=1)
        with pytest.raises(KindError, match=r"^its node c-control-plane2 has no kubeconfig: No such file$"):
            kept.admin(engine, found)
        assert engine.execs("c-worker") == []

    def test_where_no_control_plane_runs(self, engine: FakeEngine, found: Found) -> None:
        set_state(engine, "c-control-plane", "exited")
        with pytest.raises(KindError, match=r"^no control plane runs$"):
            kept.admin(engine, set_state(engine, "c-control-plane2", "exited"))


class TestUnwell:
    @pytest.fixture(autouse=True)
    def _well(self, engine: FakeEngine, api_server: ApiServer) -> None:
        engine.publish("127.0.0.1", api_server.port)
        engine.answer(ADMIN, admin_conf())
        api_server.answer("GET", "/readyz", (200, "ok"))

    def test_one_that_is_not(self, engine: FakeEngine, found: Found, tmp_path: Path) -> None:
        assert kept.unwell(engine, found, tmp_path) is None
        assert list(tmp_path.glob("*.key")) == []

    @pytest.mark.parametrize("name", ["c-control-plane2", "c-worker", "c-external-load-balancer"])
    @pytest.mark.parametrize("state", ["exited", "paused"])
    def test_a_machine_that_does_not_run(self, engine: FakeEngine, found: Found, tmp_path: Path, name: str, state: str) -> None:
        assert kept.unwell(engine, set_state(engine, name, state), tmp_path) == f"its node {name} is {state}"

    def test_an_api_that_does_not_answer(self, engine: FakeEngine, found: Found, tmp_path: Path, api_server: ApiServer) -> None:
        api_server.answer("GET", "/readyz", (500, "[-]etcd failed"))
        assert kept.unwell(engine, found, tmp_path) == "500 Internal Server Error: [-]etcd failed (GET /readyz)"

    def test_an_address_that_is_not_published(self, engine: FakeEngine, found: Found, tmp_path: Path) -> None:
        (engine._root / "published").unlink()
        assert "publishes no port for 6443" in (kept.unwell(engine, found, tmp_path) or "")
