"""Commands in pods and logs of them: which pod, which container, and every way to fail."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_kind.api import exec as api_exec
from pytest_kind.api.exec import Ran
from pytest_kind.api.http import ApiError
from pytest_kind.errors import CommandError, KindError, UsageError, WaitTimeout
from pytest_kind.toolbox.objects import logs, moments, target
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.handle import Objects
from pytest_kind.toolbox.objects.logs import LogLines
from support.api_server import ApiServer
from support.kube import Kube

PODS = "/api/v1/namespaces/mine/pods"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@pytest.fixture
def cluster(host: Any) -> Any:
    """A handle with the methods for objects."""

    class Cluster(Objects):
        pass

    made = Cluster()
    made.__dict__.update(vars(host))
    return made


def pod(kube: Kube, name: str, status: dict[str, Any] | None = None, *containers: str, **meta: Any) -> None:
    document = {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}, **meta},
        "spec": {"initContainers": [{"name": "init"}], "containers": [{"name": one} for one in containers or ("main",)]},
        "status": READY if status is None else status,
    }
    kube.add("pods", document, "mine")


# Commands


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes | None]]:
    """What was run: the path and the input. It answers ``out``."""
    made: list[tuple[str, bytes | None]] = []

    def run(_server: str, path: str, _context: Any, given: bytes | None, _deadline: Any) -> Ran:
        made.append((path, given))
        return Ran(bytearray(b"out"), bytearray(b"err"), {"status": "Success"})

    monkeypatch.setattr(api_exec, "run", run)
    return made


def answering(monkeypatch: pytest.MonkeyPatch, ran: Ran | KindError) -> None:
    def run(*_: Any) -> Ran:
        if isinstance(ran, KindError):
            raise ran
        return ran

    monkeypatch.setattr(api_exec, "run", run)


def test_a_command_and_what_is_asked_of_the_server(cluster: Any, kube: Kube, commands: list[Any]) -> None:
    pod(kube, "a")
    result = cluster.exec("a", "sh", "-c", "a b", namespace="mine", input="text")
    assert (result.stdout, result.stderr, result.code, result.raw) == ("out", "err", 0, b"out")
    query = "container=main&stdin=true&stdout=true&stderr=true&command=sh&command=-c&command=a%20b"
    assert commands == [(f"{PODS}/a/exec?{query}", b"text")]
    cluster.exec("pod/a", "x", namespace="mine")
    assert commands[1] == (f"{PODS}/a/exec?container=main&stdin=false&stdout=true&stderr=true&command=x", None)


def test_which_pod_and_which_container(cluster: Any, kube: Kube, commands: list[Any]) -> None:
    pod(kube, "a", {"phase": "Running"})
    pod(kube, "b", None, "main", "side", annotations={"kubectl.kubernetes.io/default-container": "side"})
    kube.add("services", {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}, "mine")
    cluster.exec("service/web", "x", namespace="mine")
    cluster.exec("b", "x", namespace="mine", container="main")
    assert [path.partition("&")[0] for path, _ in commands] == [f"{PODS}/b/exec?container=side", f"{PODS}/b/exec?container=main"]
    with pytest.raises(UsageError, match="exec: pod b has no container 'nonsense'; it has init, main, side"):
        cluster.exec("b", "x", namespace="mine", container="nonsense")
    with pytest.raises(UsageError, match="exec: there is no command"):
        cluster.exec("b", namespace="mine")


def test_a_pod_that_does_not_run_says_why(cluster: Any, kube: Kube) -> None:
    waiting = {"name": "main", "image": "a:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    pod(kube, "a", {"phase": "Pending", "containerStatuses": [waiting]})
    with pytest.raises(KindError, match=r"exec: pod a .* no pod that runs: pod a container main: waits: ErrImagePull: no such image \(image a:1\)"):
        cluster.exec("a", "x", namespace="mine")
    with pytest.raises(ApiError, match=r"^exec: there is no pod b in namespace mine$"):
        cluster.exec("b", "x", namespace="mine")


def test_one_that_is_named_may_still_begin_or_already_end(cluster: Any, kube: Kube, commands: list[Any]) -> None:
    begins = {"phase": "Pending", "initContainerStatuses": [{"name": "init", "state": {"running": {}}}]}
    pod(kube, "begins", begins)
    pod(kube, "ends", deletionTimestamp="2026-01-01T00:00:00Z")
    cluster.exec("begins", "x", namespace="mine", container="init")
    cluster.exec("pods/ends", "x", namespace="mine")
    assert [path.partition("/exec")[0] for path, _ in commands] == [f"{PODS}/begins", f"{PODS}/ends"]
    kube.add("services", {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}, "mine")
    with pytest.raises(KindError, match=r"exec: service web in namespace mine has no pod that runs: pod begins .*; pod ends is being deleted"):
        cluster.exec("service/web", "x", namespace="mine")


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_one_that_has_ended_takes_no_command(cluster: Any, kube: Kube, phase: str) -> None:
    pod(kube, "a", {"phase": phase})
    with pytest.raises(KindError, match=rf"exec: pod a .* no pod that runs: pod a is {phase}"):
        cluster.exec("a", "x", namespace="mine")


def test_how_a_command_fails(cluster: Any, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    pod(kube, "a")
    status = {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}
    answering(monkeypatch, Ran(bytearray(b"out\n"), bytearray(b"err\n"), status))
    assert cluster.exec("a", "x", namespace="mine", check=False).code == 3
    with pytest.raises(CommandError, match=r"^pod mine/a, container main: `x y` ended with 3:\nout\nerr$"):
        cluster.exec("a", "x", "y", namespace="mine")
    answering(monkeypatch, Ran(status={"status": "Failure", "message": "no such file"}))
    with pytest.raises(KindError, match="container main: `x` was not run: no such file"):
        cluster.exec("a", "x", namespace="mine", check=False)
    answering(monkeypatch, Ran(bytearray(b"1\n2\n")))
    with pytest.raises(WaitTimeout, match=r"`x`: not within 2\.0 s; last seen: 1\n2"):
        cluster.exec("a", "x", namespace="mine", timeout=2)
    answering(monkeypatch, api_exec.Broken("it broke"))
    with pytest.raises(KindError, match=r"^it broke \(exec: pod mine/a, container main: `x`\)$"):
        cluster.exec("a", "x", namespace="mine")


# Logs


def test_a_log_as_it_is_and_logs_with_their_pods_names(cluster: Any, kube: Kube, api_server: ApiServer) -> None:
    pod(kube, "a")
    pod(kube, "b", None, "main", "side")
    api_server.answer("GET", f"{PODS}/a/log?container=main&previous=true&tailLines=2", (200, "one\x0ctwo\nthree"))
    assert cluster.logs("a", namespace="mine", tail=2, previous=True) == "one\x0ctwo\nthree"
    api_server.answer("GET", f"{PODS}/a/log?container=main", (200, "one\ntwo\n"))
    api_server.answer("GET", f"{PODS}/b/log?container=main", (400, {"message": "container is waiting to start"}))
    api_server.answer("GET", f"{PODS}/b/log?container=side", (200, "three\n"))
    api_server.answer("GET", f"{PODS}/b/log?container=init", (200, ""))
    said = cluster.logs("pods", selector="app=web", namespace="mine")
    assert (
        said == f"[a/main] one\n[a/main] two\n[b/main] (no log: 400 Bad Request: container is waiting to start (GET {PODS}/b/log?container=main))\n"
    )
    assert cluster.logs("b", namespace="mine", container="*").endswith("\n[b/side] three\n")
    with pytest.raises(ApiError, match="waiting to start"):
        cluster.logs("b", namespace="mine")


def test_lines_from_before_are_left_out(cluster: Any, kube: Kube, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pod(kube, "a")
    log = "2026-01-01T10:00:00.400000000Z early\n2026-01-01T10:00:00.600000001Z late\nno time\n"
    api_server.answer("GET", f"{PODS}/a/log?container=main&timestamps=true&sinceTime=2026-01-01T10%3A00%3A00Z", (200, log))
    moment = dt.datetime(2026, 1, 1, 10, 0, 0, 500_000, dt.UTC)
    assert cluster.logs("a", namespace="mine", since=moment) == "late\nno time\n"
    monkeypatch.setattr(moments, "_began", moment)
    assert cluster.logs("a", namespace="mine", since="test") == "late\nno time\n"
    monkeypatch.setattr(moments, "_began", None)
    with pytest.raises(UsageError, match="logs: since='test': no test runs"):
        cluster.logs("a", namespace="mine", since="test")
    with pytest.raises(UsageError, match="logs: since='yesterday' is not accepted; accepted are 'test', a number of seconds, a datetime"):
        cluster.logs("a", namespace="mine", since="yesterday")
    cluster.logs("a", namespace="mine", since=10)
    assert "sinceTime=20" in api_server.requests[-1][1]


def test_a_target_without_pods(cluster: Any) -> None:
    with pytest.raises(KindError, match="logs: pods of app=web in namespace mine has no pods"):
        cluster.logs("pods", selector="app=web", namespace="mine")


@pytest.fixture
def end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def follow(connection: Connection, seconds: float = 10) -> LogLines:
    wanted = target.parse("logs", "pods", "app=web", "mine")
    return LogLines(connection, f"the log of {wanted}", logs.plan(connection, wanted, None, None, {"follow": "true"}), seconds)


def going_on(end: threading.Event, *pieces: str) -> Iterator[str]:
    yield from pieces
    end.wait(30)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "pytest-kind-logs"]


def test_lines_of_several_come_until_all_have_ended(connection: Connection, kube: Kube, api_server: ApiServer) -> None:
    pod(kube, "a")
    pod(kube, "b")
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (200, "one\ntwo\n"))
    starting = (400, {"message": 'container "main" in pod "b" is waiting to start: ContainerCreating'})
    unknown = (400, {"message": 'container "main" in pod "b" is not available'})
    unheard = (404, {"message": "the server could not find the requested resource ( pods/log b)"})
    api_server.answer("GET", f"{PODS}/b/log?container=main&follow=true", (204, ""), unheard, unknown, starting, (200, "three\n"))
    with follow(connection) as lines:
        assert sorted(lines) == ["[a/main] one", "[a/main] two", "[b/main] three"]
        assert list(lines) == []
    assert threads() == []


def test_a_block_that_ends_leaves_no_thread(cluster: Any, kube: Kube, api_server: ApiServer, end: threading.Event) -> None:
    pod(kube, "a")
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (200, going_on(end, "one\n")))
    with cluster.logs("a", namespace="mine", follow=True) as lines:
        assert next(lines) == "one"
    assert threads() == []
    assert list(lines) == []


def test_a_line_that_does_not_come_in_time(connection: Connection, kube: Kube, api_server: ApiServer, end: threading.Event) -> None:
    pod(kube, "a")
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (200, going_on(end, "one\n")))
    lines = follow(connection, 0.5)
    with pytest.raises(WaitTimeout, match=r"the next line of the log of pods of app=web .*: not within 0\.5 s; last seen: \[a/main\] one"):
        list(lines)
    assert threads() == []


def test_a_log_that_cannot_be_had(connection: Connection, kube: Kube, api_server: ApiServer) -> None:
    pod(kube, "a")
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (500, {"message": "the node is away"}))
    with follow(connection) as lines, pytest.raises(ApiError, match="the node is away"):
        list(lines)
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (404, {"message": 'pods "a" not found'}))
    with follow(connection) as lines, pytest.raises(ApiError, match='pods "a" not found'):
        list(lines)
    api_server.answer("GET", f"{PODS}/a/log?container=main&follow=true", (400, {"message": "is waiting to start"}))
    with follow(connection, 0.3) as lines, pytest.raises(WaitTimeout):
        list(lines)
