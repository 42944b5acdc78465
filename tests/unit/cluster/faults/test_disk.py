"""A full folder, and a kubelet that is short of disk."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.node import KindNode
from pytest_kind.peer import KindCluster
from pytest_kind.toolbox.faults import disk
from support.engine import FakeEngine


@pytest.fixture
def worker(cluster: KindCluster) -> KindNode:
    return cluster.nodes[1]


def filled(engine: FakeEngine) -> list[list[str]]:
    return [line.rpartition(" fill ")[2].split() for line in engine.execs("c-worker") if " fill " in line]


def emptied(engine: FakeEngine) -> list[list[str]]:
    return [line.rpartition(" empty ")[2].split() for line in engine.execs("c-worker") if " empty " in line]


class TestFull:
    @pytest.mark.parametrize(("leave", "left"), [("10Mi", "10485760"), ("0", "0"), (4096, "4096"), ("256Mi", "268435456")])
    def test_a_file_system_of_its_own_lies_over_the_folder(self, worker: KindNode, engine: FakeEngine, leave: str | int, left: str) -> None:
        with worker.disk_full("/srv//data/", leave=leave):
            ((name, *words),) = filled(engine)
            assert words == ["/srv/data", left, "268435456"]
            assert emptied(engine) == []
        assert emptied(engine) == [[name, "/srv/data"]]

    def test_each_time_it_has_another_name(self, worker: KindNode, engine: FakeEngine) -> None:
        for _ in range(2):
            with worker.disk_full("/srv"):
                pass
        assert len({words[0] for words in filled(engine)}) == 2

    @pytest.mark.parametrize(
        ("path", "leave", "message"),
        [
            ("srv", "0", "path: 'srv' is not accepted; accepted is the absolute path of a folder of the node"),
            ("/", "0", "path: '/' is not accepted; accepted is the absolute path of a folder of the node"),
            ("/srv/..", "0", "path: '/srv/..' is not accepted; accepted is the absolute path of a folder of the node"),
            ("/srv", "257Mi", "leave: '257Mi' is not accepted; accepted is a quantity from 0 to 256Mi, such as 10Mi"),
            ("/srv", "much", "leave: 'much' is not accepted; accepted is a quantity from 0 to 256Mi, such as 10Mi"),
            ("/srv", -1, "leave: -1 is not accepted; accepted is a quantity from 0 to 256Mi, such as 10Mi"),
        ],
    )
    def test_what_is_not_accepted(self, worker: KindNode, engine: FakeEngine, path: str, leave: str | int, message: str) -> None:
        with pytest.raises(UsageError) as caught, worker.disk_full(path, leave=leave):
            pytest.fail("the block must not run")
        assert str(caught.value) == f"disk_full({path!r}) of c-worker: {message}"
        assert filled(engine) == []

    def test_all_that_is_wrong_at_once(self, worker: KindNode) -> None:
        with pytest.raises(UsageError, match=r"path: .*; leave: "), worker.disk_full("x", leave="x"):
            pytest.fail("the block must not run")

    def test_a_folder_that_the_node_does_not_take_is_the_users_mistake(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(["sh", "-c", disk._FILL], "/srv/data is a mount below it, which would be hidden", code=3)
        with pytest.raises(UsageError, match=r"^disk_full\('/srv'\) of c-worker: /srv/data is a mount below it, which would be hidden$"):
            worker.disk_full("/srv").__enter__()

    def test_what_else_goes_wrong_is_not(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(["sh", "-c", disk._FILL], "mount: not permitted", code=32)
        with pytest.raises(CommandError, match="mount: not permitted"):
            worker.disk_full("/srv").__enter__()
        assert len(emptied(engine)) == 1

    def test_a_node_that_was_started_anew_has_none_any_more(self, worker: KindNode, engine: FakeEngine) -> None:
        with worker.disk_full("/srv"):
            worker.kill()
        assert emptied(engine) == []

    def test_what_cannot_be_undone_is_said(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(["sh", "-c", disk._EMPTY], "another file system was mounted over /srv meanwhile", code=3)
        with (
            pytest.raises(KindError, match=r"(?s)^disk_full\('/srv'\) of c-worker: could not be undone: .*mounted over /srv meanwhile$"),
            worker.disk_full("/srv"),
        ):
            pass


NODE = ("kubectl", "get", "node", "c-worker")
TAINT = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}


def node(pressure: str, *, tainted: bool, ready: str = "True") -> str:
    conditions = [{"type": "DiskPressure", "status": pressure}, {"type": "Ready", "status": ready}]
    return json.dumps({"spec": {"taints": [TAINT]} if tainted else {}, "status": {"conditions": conditions}})


class TestPressure:
    @pytest.fixture(autouse=True)
    def _kubelet(self, engine: FakeEngine) -> None:
        config: dict[str, Any] = {"kind": "KubeletConfiguration", "evictionHard": {"nodefs.available": "0%"}, "cgroupRoot": "/kubelet"}
        engine.answer(["cat", "/var/lib/kubelet/config.yaml"], yaml.safe_dump(config))

    def restarts(self, engine: FakeEngine) -> int:
        return len([line for line in engine.execs("c-worker") if "systemctl restart kubelet" in line])

    def test_the_block_begins_with_the_taint_and_its_end_waits_until_it_is_gone(self, worker: KindNode, engine: FakeEngine) -> None:
        for said in (node("False", tainted=False), node("True", tainted=True), node("True", tainted=False), node("False", tainted=False)):
            engine.answer(NODE, said, times=1)  # the last one that was said is the first
        with worker.disk_pressure():
            assert self.restarts(engine) == 1
            assert engine.made("exec_with_input") == [
                f"sh -c {disk._WRITE} write /run/pytest-kind-kubelet.yaml",
                f"sh -c {disk._WRITE} write /run/systemd/system/kubelet.service.d/95-pytest-kind.conf",
            ]
        assert self.restarts(engine) == 2
        assert engine.execs("c-worker")[-1].startswith("sh -c rm -f /run/pytest-kind-kubelet.yaml /run/systemd")

    @pytest.mark.parametrize(
        ("said", "seen"),
        [
            (node("False", tainted=False), "DiskPressure False, Ready True, no taint node.kubernetes.io/disk-pressure"),
            (node("True", tainted=False), "DiskPressure True, Ready True, no taint node.kubernetes.io/disk-pressure"),
            (node("True", tainted=True, ready="Unknown"), "DiskPressure True, Ready Unknown, a taint node.kubernetes.io/disk-pressure"),
        ],
    )
    def test_a_node_that_does_not_come_to_it(self, worker: KindNode, engine: FakeEngine, said: str, seen: str) -> None:
        engine.answer(NODE, said)
        with (
            pytest.raises(KindError, match=rf"^node c-worker is short of disk: not within 0.0 s; last seen: {seen}$"),
            worker.disk_pressure(timeout=0),
        ):
            pytest.fail("the block must not run")
        assert self.restarts(engine) == 2

    def test_a_node_that_does_not_get_over_it(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(NODE, node("True", tainted=True))
        with (
            pytest.raises(KindError, match=r"^disk_pressure\(\) of c-worker: is undone, but: node c-worker is no more short of disk: "),
            worker.disk_pressure(timeout=0),
        ):
            pass

    def test_an_api_that_does_not_answer_is_the_reason(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(NODE, "connection refused", code=1)
        with pytest.raises(KindError, match=r"(?s)last seen: .*connection refused"), worker.disk_pressure(timeout=0):
            pytest.fail("the block must not run")

    def test_a_node_that_was_killed_has_forgotten_it(self, worker: KindNode, engine: FakeEngine) -> None:
        engine.answer(NODE, node("True", tainted=True))
        with worker.disk_pressure(wait=False):
            worker.kill()
        assert self.restarts(engine) == 1
