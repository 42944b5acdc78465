"""Watching a collection: what comes, what is refused, and an end from outside."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_kind.api.changes import Watch
from pytest_kind.api.http import ApiError
from support.api_server import ApiServer
from support.credentials import PKI, credentials

PODS = "/api/v1/pods"
ASKED = f"{PODS}?watch=1&resourceVersion=5&allowWatchBookmarks=true"


def told(*changes: tuple[str, dict[str, object]]) -> str:
    return "".join(f"{json.dumps({'type': kind, 'object': document})}\n" for kind, document in changes)


def test_changes_come_one_after_the_other_until_the_server_ends(api_server: ApiServer, tmp_path: Path) -> None:
    changes: list[tuple[str, dict[str, object]]] = [("ADDED", {"a": 1}), ("BOOKMARK", {}), ("DELETED", {"a": 2})]
    api_server.answer("GET", ASKED, (200, told(*changes)))
    assert list(Watch(credentials(api_server.url), tmp_path).changes(PODS, "5")) == changes
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_too_old_says_so(api_server: ApiServer, tmp_path: Path) -> None:
    api_server.answer("GET", ASKED, (200, told(("ADDED", {}), ("ERROR", {"code": 410, "message": "too old"}))))
    changes = Watch(credentials(api_server.url), tmp_path).changes(PODS, "5")
    assert next(changes) == ("ADDED", {})
    with pytest.raises(ApiError, match=r"^410 Gone: too old \(watching /api/v1/pods\)$") as caught:
        next(changes)
    assert caught.value.status == 410


def test_one_that_is_refused(api_server: ApiServer, tmp_path: Path) -> None:
    api_server.answer("GET", ASKED, (403, {"message": "not you"}))
    with pytest.raises(ApiError, match=r"^403 Forbidden: not you \(watching /api/v1/pods\)$"):
        list(Watch(credentials(api_server.url), tmp_path).changes(PODS, "5"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json\n", r"JSONDecodeError: Expecting value: line 1 column 1 \(char 0\)"),
        ("{}\n", "KeyError: 'type'"),
        ('{"type": "ADDED"}\n', "KeyError: 'object'"),
    ],
)
def test_what_is_no_change(api_server: ApiServer, tmp_path: Path, line: str, reason: str) -> None:
    api_server.answer("GET", ASKED, (200, line))
    with pytest.raises(ApiError, match=rf"^{reason} \(watching {api_server.url}{PODS}\)$"):
        list(Watch(credentials(api_server.url), tmp_path).changes(PODS, "5"))


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ApiError, match=rf"^connection refused \(watching https://127\.0\.0\.1:{port}{PODS}\)$") as caught:
        list(Watch(credentials(f"https://127.0.0.1:{port}"), tmp_path).changes(PODS, "5"))
    assert caught.value.status == 0


@contextmanager
def endless() -> Iterator[tuple[str, threading.Event]]:
    """A server that begins a watch and says no more. Its URL, and what is set once somebody watches."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
    begun, over = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as link:
                link.recv(65536)
                first = told(("ADDED", {})).encode()
                link.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(first):x}\r\n".encode() + first + b"\r\n")
                begun.set()
                over.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}", begun
        finally:
            over.set()
            thread.join()


def test_another_thread_ends_one_that_waits(tmp_path: Path) -> None:
    found: list[object] = []
    with endless() as (url, begun):
        watch = Watch(credentials(url), tmp_path)
        reader = threading.Thread(target=lambda: found.extend(watch.changes(PODS, "5")))
        reader.start()
        assert begun.wait(30)
        watch.close()
        reader.join(30)
        assert not reader.is_alive()
        watch.close()  # once more does nothing
    assert found in ([("ADDED", {})], [])  # whether it was read before the end is the threads' luck


def test_one_that_is_ended_before_it_begins_asks_nothing(api_server: ApiServer, tmp_path: Path) -> None:
    watch = Watch(credentials(api_server.url), tmp_path)
    watch.close()
    assert list(watch.changes(PODS, "5")) == []
    assert api_server.requests == []
