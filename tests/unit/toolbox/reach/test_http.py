"""Requests by a Service's name, to a pod behind an API server on loopback."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3

from pytest_kind.api import kubeconfig
from pytest_kind.api.port_forward import PodPort
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.handle import KindCluster
from pytest_kind.toolbox.reach import http
from pytest_kind.toolbox.reach.http import Http, HttpError, Response
from pytest_kind.waiting import NotYet
from support.api_server import ApiServer
from support.credentials import PKI, admin_conf

SERVICE = "/api/v1/namespaces/mine/services/web"
PODS = "/api/v1/namespaces/mine/pods?labelSelector=app%3Dweb"


def cluster(server: str, folder: Path) -> KindCluster:
    """As much of one as a session looks at."""
    return cast("KindCluster", SimpleNamespace(_admin=kubeconfig.outside(admin_conf(), "c", server), _site=SimpleNamespace(folder=folder)))


def session(server: str, folder: Path, timeout: float = 5.0) -> Http:
    return Http(cluster(server, folder), namespace="mine", verify=True, timeout=timeout)


def ready(api_server: ApiServer, *, is_ready: bool = True) -> None:
    api_server.answer(
        "GET", SERVICE, (200, {"kind": "Service", "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}], "selector": {"app": "web"}}})
    )
    pod: dict[str, Any] = {"metadata": {"name": "web-1"}, "spec": {"containers": []}}
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(is_ready)}]}
    api_server.answer("GET", PODS, (200, {"items": [pod]}))


def test_a_service_without_ready_pods_is_named_and_why(api_server: ApiServer, tmp_path: Path) -> None:
    ready(api_server, is_ready=False)
    with (
        session(api_server.url, tmp_path) as one,
        pytest.raises(WaitTimeout, match=r"a pod of Service web in namespace mine: .* last seen: web-1 is not ready"),
    ):
        one.get("http://web/", timeout=0.1)


class Web(ThreadingHTTPServer):
    """Breaks off as often as it is told to, then says what it was asked."""

    breaks = 0
    connections = 0
    pod: PodPort | NotYet = PodPort("mine", "web-1", 80)

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().finish_request(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def log_message(self, *_: object) -> None:
        """Keeps standard error clean."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.breaks:
            self.server.breaks -= 1
            self.close_connection = True
            return
        said = json.dumps(
            [self.command, self.path, *(", ".join(self.headers.get_all(name, [])) or None for name in ("Host", "Content-Type")), body.decode()]
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - http.server's names


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """What is behind every way that a session opens."""
    with Web(("127.0.0.1", 0), Handler) as server:

        @contextlib.contextmanager
        def way(*_: object) -> Iterator[tuple[int, object]]:
            yield server.server_port, SimpleNamespace(failure="the pod is gone" if server.breaks else None, look=lambda: server.pod)

        monkeypatch.setattr(http, "to_ready_pods", way)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_is_sent_and_over_how_many_connections(web: Web, tmp_path: Path) -> None:
    with session("https://nowhere", tmp_path) as one:
        assert one.get("http://web.other:81/a?b=c").json() == ["GET", "/a?b=c", "web.other:81", None, ""]
        assert one.post("http://web.other:81/", json={"d": 1}).json() == ["POST", "/", "web.other:81", "application/json", '{"d": 1}']
        assert one.put("http://web.other:81/", body="e", headers={"Content-Type": "f"}).json()[3:] == ["f", "e"]
        own = {"content-type": "application/merge-patch+json", "host": "shop.example.com"}
        assert one.patch("http://web.other:81/", json={}, headers=own).json()[2:4] == ["shop.example.com", "application/merge-patch+json"]
        assert [one.patch("http://web.other:81/").json()[0], one.delete("http://web.other:81/").json()[0]] == ["PATCH", "DELETE"]
        assert one.base_url("http://web.other:81/") == f"http://127.0.0.1:{web.server_port}"
    assert web.connections == 1


def test_connections_to_a_pod_that_takes_no_more_requests_are_not_used_again(web: Web, tmp_path: Path) -> None:
    with session("https://nowhere", tmp_path) as one:
        one.get("http://web/")
        one.get("http://web/")
        assert web.connections == 1
        web.pod = PodPort("mine", "web-2", 80)
        one.post("http://web/")
        one.post("http://web/")
        assert web.connections == 2


def test_a_request_waits_while_no_pod_takes_it(web: Web, tmp_path: Path) -> None:
    with session("https://nowhere", tmp_path) as one:
        one.get("http://web/")
        web.pod = NotYet("web-1 is being deleted")
        with pytest.raises(WaitTimeout, match=r"an answer of Service web in namespace mine: .* last seen: web-1 is being deleted$"):
            one.post("http://web/", timeout=0.1)
        assert web.connections == 1


def test_a_pod_that_changes_while_a_request_begins_loses_none(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = urllib3.HTTPConnectionPool.urlopen
    with session("https://nowhere", tmp_path) as one:

        def late(*args: Any, **how: Any) -> Any:
            monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", real)
            web.pod = PodPort("mine", "web-2", 80)
            assert one.get("http://web/").status == 200  # another thread's
            return real(*args, **how)

        monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", late)
        assert one.post("http://web/").status == 200


def test_what_may_be_said_twice_is_said_again(web: Web, tmp_path: Path) -> None:
    web.breaks = 2
    with session("https://nowhere", tmp_path) as one:
        assert one.get("http://web/").status == 200
    assert web.breaks == 0


def test_what_may_not_is_not_and_the_reason_is_told(web: Web, tmp_path: Path) -> None:
    web.breaks = 1
    with session("https://nowhere", tmp_path) as one, pytest.raises(HttpError) as caught:
        one.post("http://web/", body=b"once")
    assert str(caught.value) == "the pod is gone (POST http://web/, Service web in namespace mine)"
    assert web.breaks == 0


def test_an_answer_that_does_not_come_is_told(web: Web, tmp_path: Path) -> None:
    web.breaks = 10_000
    with (
        session("https://nowhere", tmp_path) as one,
        pytest.raises(
            WaitTimeout, match=r"^http: an answer of Service web in namespace mine: not within .* last seen: the pod is gone \(GET http://web/\)$"
        ),
    ):
        one.get("http://web/", timeout=0.2)


def test_responses() -> None:
    answer = Response(200, {"Content-Type": "text/plain; charset=latin-1"}, "grün".encode("latin-1"), "http://web/")
    assert answer.text == "grün"
    assert answer.raise_for_status() is answer
    assert Response(200, {}, json.dumps([1]).encode(), "u").json() == [1]
    assert Response(200, {}, "grün".encode(), "u").text == "grün"
    with pytest.raises(HttpError, match=r"^503 Service Unavailable: no room \(u\)$"):
        Response(503, {}, b"no room", "u").raise_for_status()


def test_whom_to_believe(api_server: ApiServer, tmp_path: Path) -> None:
    made = cluster(api_server.url, tmp_path)
    pem = (PKI / "authority.crt").read_text(encoding="ascii")
    assert http._authority(made, True) == http._authority(made, pem) == http._authority(made, PKI / "authority.crt") == pem
    assert http._authority(made, False) == ""
    with pytest.raises(UsageError, match=r"http: verify: 'nowhere.pem': .*accepted are True"):
        http._authority(made, "nowhere.pem")


def test_two_bodies_are_one_too_many(api_server: ApiServer, tmp_path: Path) -> None:
    with session(api_server.url, tmp_path) as one, pytest.raises(UsageError, match="body and json"):
        one.post("http://web/", body=b"x", json=1)
