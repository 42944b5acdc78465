"""The tunnel: connections of this machine, through WebSockets, to a pod on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_kind.api.http import Api
from pytest_kind.api.port_forward import PodPort, Tunnel, forwarding
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.credentials import credentials
from support.pods import Pods, serving

WEB = PodPort("default", "web", 80)


@pytest.fixture
def pods() -> Iterator[Pods]:
    with serving() as server:
        yield server


@contextlib.contextmanager
def tunnel(pods: Pods, tmp_path: Path, *found: PodPort | NotYet, patience: float = 5.0) -> Iterator[int]:
    answers = list(found) or [WEB]

    def find() -> PodPort | NotYet:
        return answers[0] if len(answers) == 1 else answers.pop(0)

    api = Api(credentials(pods.url), tmp_path)
    one = Tunnel(lambda: api, find, patience)
    with contextlib.closing(api), socket.create_server(("127.0.0.1", 0)) as listener, forwarding(one, listener):
        yield listener.getsockname()[1]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def read(client: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := client.recv(1 << 16)):
        data += piece
    return bytes(data)


@pytest.mark.parametrize("size", [1, 125, 126, 65535, 65536, 200_000])
def test_what_is_sent_arrives_whatever_its_size(pods: Pods, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        client.sendall(data)
        assert read(client, size) == data
    assert pods.paths == ["/api/v1/namespaces/default/pods/web/portforward?ports=80"]


def test_much_in_both_directions_at_once(pods: Pods, tmp_path: Path) -> None:
    data = os.urandom(4 << 20)
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        sending = threading.Thread(target=client.sendall, args=(data,))
        sending.start()
        got = read(client, len(data))
        sending.join()
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_many_connections_at_once(pods: Pods, tmp_path: Path) -> None:
    with tunnel(pods, tmp_path) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(f"{number:03}".encode())
        assert [read(client, 3) for client in clients] == [f"{number:03}".encode() for number in range(20)]


def test_a_port_that_is_not_open_yet_is_waited_for_and_what_was_sent_is_sent_again(pods: Pods, tmp_path: Path) -> None:
    pods.script += ["refuse", "refuse"]
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        client.sendall(b"early")
        assert read(client, 5) == b"early"
    assert len(pods.paths) == 3


def test_a_port_that_stays_closed_resets_the_connection_and_says_why(pods: Pods, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pods.script += ["refuse"] * 1000
    with tunnel(pods, tmp_path, patience=0.1) as port, connect(port) as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert re.search(
        r"port-forward: failed to connect to localhost:80\b.*connection refused.* \(port 80 of pod default/web\)$", caplog.text, re.MULTILINE
    )


def test_a_connection_that_is_lost_is_reset_and_nothing_is_sent_twice(pods: Pods, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pods.script += ["lose"]
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        client.sendall(b"once")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert "lost connection to pod" in caplog.text
    assert len(pods.paths) == 1


def test_a_pod_that_ends_the_connection_ends_the_clients(pods: Pods, tmp_path: Path) -> None:
    pods.script += ["break"]
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        client.sendall(b"x")
        assert client.recv(1) == b""


def test_pings_are_answered_and_messages_may_be_in_pieces(pods: Pods, tmp_path: Path) -> None:
    pods.script += ["greet"]
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        assert read(client, 6) == b"hello"


def test_when_the_pod_is_gone_the_next_one_is_found(pods: Pods, tmp_path: Path) -> None:
    pods.script += ["404"]
    with tunnel(pods, tmp_path, WEB, NotYet("none runs"), PodPort("default", "next", 80)) as port, connect(port) as client:
        client.sendall(b"x")
        assert read(client, 1) == b"x"
    assert [path.split("/")[6] for path in pods.paths] == ["web", "next"]


def test_each_connection_goes_to_the_pod_that_takes_it_when_it_begins(pods: Pods, tmp_path: Path) -> None:
    with tunnel(pods, tmp_path, WEB, NotYet("web is being deleted"), PodPort("default", "next", 80)) as port:
        for _ in range(2):
            with connect(port) as client:
                client.sendall(b"x")
                assert read(client, 1) == b"x"
    assert [path.split("/")[6] for path in pods.paths] == ["web", "next"]


def test_one_look_serves_all_who_wait_for_it(pods: Pods, tmp_path: Path) -> None:
    looks, may_answer = [], threading.Event()

    def find() -> PodPort:
        looks.append(1)
        may_answer.wait(10)
        return WEB

    api = Api(credentials(pods.url), tmp_path)
    one = Tunnel(lambda: api, find, 5.0)
    with contextlib.closing(api), socket.create_server(("127.0.0.1", 0)) as listener, forwarding(one, listener), ThreadPoolExecutor(5) as pool:
        first = pool.submit(one.look)
        wait_for("the first look", lambda: bool(looks) or NotYet("none"), Deadline(10))
        others = [pool.submit(one.look) for _ in range(4)]
        wait_for("they wait", lambda: len(one._finding._waiters or ()) == 4 or NotYet("not all"), Deadline(10))
        may_answer.set()
        assert [future.result() for future in (first, *others)] == [WEB] * 5
    assert len(looks) == 2
    assert one.last == WEB


def test_the_api_server_is_followed(pods: Pods, tmp_path: Path) -> None:
    with serving() as other:
        apis = [Api(credentials(one.url), tmp_path) for one in (pods, other)]
        tunnel = Tunnel(lambda: apis[0], lambda: WEB, 5.0)
        with socket.create_server(("127.0.0.1", 0)) as listener, forwarding(tunnel, listener):
            for _ in range(2):
                with connect(listener.getsockname()[1]) as client:
                    client.sendall(b"x")
                    assert read(client, 1) == b"x"
                apis.reverse()
    assert [len(one.paths) for one in (pods, other)] == [1, 1]


@pytest.mark.parametrize(
    ("script", "found", "said"),
    [
        (["404"] * 1000, WEB, '404 Not Found: pods "web" not found (port 80 of pod default/web)'),
        (["other"] * 1000, WEB, "the server does not speak v4.channel.k8s.io (port 80 of pod default/web)"),
        ([], NotYet("it has no pods"), "it has no pods"),
    ],
    ids=["no such pod", "another protocol", "none found"],
)
def test_what_cannot_be_reached_in_time_is_told(
    pods: Pods, tmp_path: Path, caplog: pytest.LogCaptureFixture, script: list[str], found: PodPort | NotYet, said: str
) -> None:
    pods.script += script
    with tunnel(pods, tmp_path, found, patience=0.1) as port, connect(port) as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert said in caplog.text


def test_a_server_that_is_not_there(pods: Pods, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = free.getsockname()[1]
    with tunnel(Pods(gone), tmp_path, patience=0.1) as port, connect(port) as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert "connection refused (port 80 of pod default/web)" in caplog.text


def test_a_client_that_ends_first_gets_what_still_comes(pods: Pods, tmp_path: Path) -> None:
    with tunnel(pods, tmp_path) as port, connect(port) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        assert read(client, 100) == b"last words"  # and then the end, after a second's silence
    assert pods.open == 0


def test_the_end_cuts_connections_and_leaves_no_thread(pods: Pods, tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with tunnel(pods, tmp_path) as port:
        client = connect(port)
        client.sendall(b"x")
        assert read(client, 1) == b"x"
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert "pytest-kind-port-forward" not in {thread.name for thread in threading.enumerate()} - before
    with pytest.raises(ConnectionRefusedError):
        connect(port)
