"""The look at a cluster: API and machines side by side, whoever does not answer, whose namespaces count."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.diagnose.collect import LISTS, Asked, Place, collect
from pytest_kind.diagnose.scene import Scene
from pytest_kind.errors import EngineError
from support.api_server import Answer, ApiServer
from support.credentials import credentials
from support.engine import FakeEngine
from support.scenes import event, pod

MARK = "pytest-kind/test"
LOOKED = """== journal
{at:.6f} kubelet[12]: E1128 16:00:01.123456      12 kubelet.go:1] "no" pod="mine/web"
{at:.6f} kubelet[12]: W1128 16:00:01.123456      12 kubelet.go:1] "no" pod="theirs/web"
{before:.6f} containerd[9]: time="2026-11-28T16:00:01Z" level=error msg="x"
not a line
== kernel
[1.5] oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/docker/1/kubelet/kubepods/pod11111111-2222-3333-4444-555555555555/a,task=java
[1.5] oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/kubepods.slice/kubepods-podaaaaaaaa_2222_3333_4444_555555555555.slice/a,task=other
== disk
/var has 3 MB left
== units
== inotify
fs.inotify.max_user_instances = 128
== audit
{{"objectRef":{{"namespace":"mine"}}}}
{{"objectRef":{{"namespace":"theirs"}}}}
== clock
{now:.6f}
"""


class Api:
    """What the API server answers."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        for path in LISTS.values():
            server.answer("GET", path, (200, {"items": []}))

    def has(self, plural: str, *items: dict[str, Any]) -> None:
        self.server.answer("GET", LISTS[plural], (200, {"items": items}))


@pytest.fixture
def api(api_server: ApiServer) -> Api:
    return Api(api_server)


@pytest.fixture
def looked(engine: FakeEngine) -> str:
    """A node that answers; its container."""
    node = engine.add_container("c-control-plane", {})
    now = time.time() + 3600  # its machine has another clock
    engine.answer(["bash"], LOOKED.format(now=now, at=now - 1, before=now - 9))
    return node


def look(engine: FakeEngine, server: str, scratch: Path, node: str, **more: Any) -> Scene:
    known = {"cluster": "c", "elapsed": 5.0, "error": "", "names": frozenset({"mine", "other text"}), "mark": MARK, "test": "test_a", "seconds": 5.0}
    return collect(
        Asked(
            **{**known, **more},
            places=[Place("c-control-plane", "control-plane", node)],
            credentials=credentials(server),
            scratch=scratch,
            connect=lambda: engine,
        )
    )


def namespace(name: str, test: str | None = None) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {} if test is None else {MARK: test}}}


def test_everything_is_had(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    uid = "11111111-2222-3333-4444-555555555555"
    mine, theirs = pod(state={"running": {}}), pod("web", "theirs")
    mine["metadata"]["uid"] = uid
    api.has("namespaces", namespace("mine"), namespace("made-by-test", "test_a"), namespace("theirs", "test_b"), namespace("default"))
    api.has("pods", mine, theirs)
    api.has("events", event("A", "a"), event("B", "b", namespace="theirs"), event("C", "c", namespace="default"))
    api.server.answer("GET", "/api/v1/namespaces/mine/pods/web/log?container=main&tailLines=20&limitBytes=16384", (200, "a line\n"))
    found = look(engine, api.server.url, tmp_path, looked)
    assert found.own == ("mine", "made-by-test")
    assert [one["reason"] for one in found.of("events")] == ["A", "C"]
    assert found.foreign == 1
    assert [one["metadata"]["namespace"] for one in found.of("pods")] == ["mine"]
    assert sorted(one["metadata"]["name"] for one in found.of("namespaces")) == ["default", "made-by-test", "mine"]
    assert [log.text for log in found.logs] == ["a line\n"]
    (machine,) = found.machines
    assert [line.text for line in machine.journal] == ['level=error msg="x"', 'E kubelet.go:1] "no" pod="mine/web"']
    assert [line.partition("task=")[2] for line in machine.kernel] == ["java"]
    assert dict(machine.facts) == {"disk": "/var has 3 MB left", "inotify": "fs.inotify.max_user_instances = 128"}
    assert machine.audit == ('{"objectRef":{"namespace":"mine"}}',)
    assert (found.answered, found.missing) == (True, ())
    # The time is the machine's, which is an hour ahead.
    assert timedelta(minutes=59) < found.began - datetime.now(UTC) < timedelta(minutes=60)
    assert found.now - found.began == timedelta(seconds=5)


def test_no_secret_is_asked_for(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    look(engine, api.server.url, tmp_path, looked)
    assert [path for _, path, _ in api.server.requests if "secret" in path] == []
    assert {path for _, path, _ in api.server.requests} == set(LISTS.values())


def test_an_api_that_is_gone_leaves_the_machines(engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    found = look(engine, "https://127.0.0.1:9", tmp_path, looked)
    assert not found.answered
    assert found.missing == ("objects: the API does not answer: connection refused (GET https://127.0.0.1:9/api/v1/namespaces)",)
    assert found.machines[0].journal


def test_a_list_that_is_refused_is_said_and_the_rest_is_there(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    api.server.answer("GET", LISTS["events"], (500, {"message": "etcd is full"}))
    found = look(engine, api.server.url, tmp_path, looked)
    assert (found.answered, found.missing) == (True, ("events: 500 Internal Server Error: etcd is full (GET /api/v1/events)",))


def test_an_api_that_refuses_everything_has_answered(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    for path in LISTS.values():
        api.server.answer("GET", path, (403, {"message": "no"}))
    found = look(engine, api.server.url, tmp_path, looked)
    assert found.answered
    assert found.missing == ("objects: the API does not answer: 403 Forbidden: no (GET /api/v1/namespaces)",)


def test_who_does_not_answer_in_time_is_not_waited_for(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    asked_enough = threading.Event()

    def hangs(_method: str, _path: str, _body: Any) -> Answer:
        asked_enough.wait(60)
        return 200, {"items": []}

    api.server._answers.pop(("GET", LISTS["pods"]))
    api.server.behind = hangs
    begin = time.monotonic()
    try:
        found = look(engine, api.server.url, tmp_path, looked, seconds=3.0)
    finally:
        asked_enough.set()
    assert time.monotonic() - begin < 30
    assert [line for line in found.missing if line.startswith("pods: ")]


@pytest.mark.parametrize(("state", "console"), [("exited", "the console's last words\n"), ("paused", "the console's last words\n")])
def test_a_machine_that_does_not_run_shows_its_console(api: Api, engine: FakeEngine, tmp_path: Path, state: str, console: str) -> None:
    found = look(engine, api.server.url, tmp_path, engine.add_container("c-control-plane", {}, state))
    assert [(one.state, one.console) for one in found.machines] == [(state, console)]


def test_a_machine_that_is_gone(api: Api, engine: FakeEngine, tmp_path: Path) -> None:
    assert [one.state for one in look(engine, api.server.url, tmp_path, "none").machines] == ["gone"]


def test_a_machine_that_cannot_tell_is_said(api: Api, engine: FakeEngine, tmp_path: Path) -> None:
    engine.answer(["bash"], "bash: not found", code=127)
    found = look(engine, api.server.url, tmp_path, engine.add_container("c-control-plane", {}))
    assert found.missing == ("c-control-plane: its journal is not to be had: bash: not found",)
    assert [one.state for one in found.machines] == ["not known"]


def test_an_engine_that_fails_is_said(api: Api, engine: FakeEngine, looked: str, tmp_path: Path) -> None:
    engine.fail("exec", EngineError("connection lost"))
    assert look(engine, api.server.url, tmp_path, looked).missing == ("c-control-plane: connection lost",)
