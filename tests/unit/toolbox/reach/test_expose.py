"""``expose`` on the fake engine: the relay runs on this machine, the API server is one on loopback."""

from __future__ import annotations

import base64
import contextlib
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_kind import labels
from pytest_kind.api import kubeconfig
from pytest_kind.errors import KindError, UsageError, WaitTimeout
from pytest_kind.handle import KindCluster
from pytest_kind.node import KindNode
from pytest_kind.toolbox.reach import certificate, expose
from pytest_kind.toolbox.reach.exposed import Exposed
from support.api_server import ApiServer
from support.clusters import config_of, context_of
from support.credentials import PKI, admin_conf
from support.engine import FakeEngine

SERVICES = "/api/v1/namespaces/mine/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/mine/endpointslices"
OWN_SLICES = f"{SLICES}?labelSelector=pytest-kind%2Fexposed%3Dhook"
MADE = {"metadata": {"name": "hook", "uid": "u-1"}, "spec": {"clusterIPs": ["10.96.0.9"], "ipFamilies": ["IPv4"]}}
PEM = "".join((PKI / name).read_text(encoding="ascii") for name in ("authority.crt", "peer.crt", "peer.key"))

Start = Callable[..., contextlib.AbstractContextManager[Exposed]]


@pytest.fixture
def cluster(engine: FakeEngine, tmp_path: Path, api_server: ApiServer) -> KindCluster:
    """As much of one, with a worker, as ``expose`` looks at."""
    context = context_of(engine, config_of(1, 1), tmp_path)
    nodes = tuple(KindNode(one.name, one.machine.place.role, one.container, engine) for one in context.machines)
    admin = kubeconfig.outside(admin_conf(), "c", api_server.url)
    site = SimpleNamespace(provider=engine, folder=tmp_path)
    return cast("KindCluster", SimpleNamespace(name="c", nodes=nodes, _machines=context.machines, _site=site, _admin=admin))


@pytest.fixture
def start(cluster: KindCluster, api_server: ApiServer) -> Start:
    api_server.answer("POST", SERVICES, (201, MADE))
    api_server.answer("POST", SLICES, (201, {}))
    api_server.answer("DELETE", "*", (200, {}))

    def begin(server: Any, **how: Any) -> contextlib.AbstractContextManager[Exposed]:
        values = {"name": "hook", "namespace": "mine", "port": None, "tls": None, **how}
        return expose.expose(cluster, expose.wish(server, **values), 1)

    return begin


@pytest.fixture
def greeter() -> Iterator[socket.socket]:
    """A server that says hello and ends."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.sendall(b"hello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def body(api_server: ApiServer, path: str) -> Any:
    (found,) = (body for method, where, body in api_server.requests if (method, where) == ("POST", path))
    return found


def ran(engine: FakeEngine) -> str:
    """All commands of all nodes."""
    return (engine._root / "execs").read_text(encoding="utf-8")


def deleted(api_server: ApiServer) -> list[str]:
    return [path for method, path, _ in api_server.requests if method == "DELETE"]


def test_a_service_leads_to_the_relay_and_that_to_the_server(start: Start, api_server: ApiServer, greeter: socket.socket) -> None:
    with start(greeter, port=8080) as exposed:
        assert (exposed.url, exposed.host, exposed.cluster_ip) == ("http://hook.mine.svc:8080", "hook.mine.svc", "10.96.0.9")
        assert exposed.service_reference == {"name": "hook", "namespace": "mine", "port": 8080}
        made = body(api_server, SLICES)
        assert made["endpoints"][0]["addresses"] == ["198.19.255.1"]
        assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "hook"
        assert made["metadata"]["ownerReferences"][0]["uid"] == "u-1"
        assert "selector" not in body(api_server, SERVICES)["spec"]
        port = made["ports"][0]["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            assert client.recv(100) == b"hello"
        assert deleted(api_server) == []
    assert deleted(api_server) == [f"{SERVICES}/hook", OWN_SLICES]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_every_node_is_asked_whether_it_gets_there(start: Start, engine: FakeEngine, greeter: socket.socket) -> None:
    with start(greeter):
        asked = ran(engine)
    assert asked.count(" reaches 10.96.0.9 80 ") == 2


def test_the_certificate(start: Start, engine: FakeEngine, greeter: socket.socket, tmp_path: Path) -> None:
    engine.answer(["bash", "-c", f"DAYS=3650\n{certificate._SCRIPT}"], PEM)
    with start(greeter, tls="terminate") as exposed:
        assert exposed.url == "https://hook.mine.svc"
        assert base64.b64decode(exposed.ca_bundle) == (PKI / "authority.crt").read_bytes() == exposed.cafile.read_bytes()
        assert stat.S_IMODE(exposed.keyfile.stat().st_mode) == 0o600
        assert exposed.client_config("/v")["service"] == {"name": "hook", "namespace": "mine", "port": 443, "path": "/v"}
        assert exposed.ssl_context is exposed.ssl_context
        assert PEM.splitlines()[-2] not in repr(exposed)
        assert "DNS:hook,DNS:localhost,IP:10.96.0.9,IP:127.0.0.1,IP:::1\n" in ran(engine)
        folder = exposed.keyfile.parent
        assert folder.parent == tmp_path
    assert not folder.exists()


def test_without_tls_there_is_none(start: Start, greeter: socket.socket) -> None:
    with start(greeter) as exposed, pytest.raises(UsageError, match='tls="terminate"'):
        exposed.client_config()


def test_a_node_that_makes_no_certificate_is_told_and_nothing_is_left(start: Start, api_server: ApiServer, greeter: socket.socket) -> None:
    with pytest.raises(KindError, match="openssl on c-control-plane made 0 certificates and 0 keys"), start(greeter, tls="passthrough"):
        pass
    assert deleted(api_server) == [f"{SERVICES}/hook", OWN_SLICES]


def test_a_node_whose_openssl_fails_is_told(start: Start, engine: FakeEngine, greeter: socket.socket) -> None:
    engine.answer(["bash", "-c", f"DAYS=3650\n{certificate._SCRIPT}"], "bash: openssl: command not found\n", code=127)
    with (
        pytest.raises(KindError, match=r"openssl on c-control-plane made no certificate: bash: openssl: command not found$"),
        start(greeter, tls="terminate"),
    ):
        pass


def test_a_node_that_does_not_get_there_is_told_and_nothing_is_left(
    start: Start, engine: FakeEngine, api_server: ApiServer, greeter: socket.socket
) -> None:
    engine.answer(["bash", "-c", expose._REACHES], "connect: Connection refused\n", code=1, on="c-worker")
    with (
        pytest.raises(WaitTimeout, match=r"node c-worker reaches 10.96.0.9 port 80: .* last seen: connect: Connection refused"),
        start(greeter),
    ):
        pass
    assert deleted(api_server) == [f"{SERVICES}/hook", OWN_SLICES]


def test_endpoints_that_are_refused_leave_no_service(start: Start, api_server: ApiServer, greeter: socket.socket) -> None:
    api_server.answer("POST", SLICES, (403, {"message": "not you"}))
    with pytest.raises(KindError, match="not you"), start(greeter):
        pass
    assert deleted(api_server) == [f"{SERVICES}/hook", OWN_SLICES]


def test_no_such_namespace(start: Start, api_server: ApiServer, greeter: socket.socket) -> None:
    api_server.answer("POST", SERVICES, (404, {"message": "not found"}))
    with pytest.raises(UsageError, match="expose: namespace: there is no namespace mine"), start(greeter):
        pass


@pytest.mark.parametrize(
    ("marks", "listens", "said"),
    [
        ({}, True, "there is a Service hook in namespace mine already$"),
        ({"pytest-kind/exposed": "hook"}, True, "already, which another test or run exposes now"),
        ({"pytest-kind/exposed": "hook"}, False, None),
    ],
    ids=["somebody's", "another run's", "a dead run's"],
)
def test_a_service_that_is_there(
    start: Start, engine: FakeEngine, api_server: ApiServer, greeter: socket.socket, marks: dict[str, str], listens: bool, said: str | None
) -> None:
    api_server.answer("POST", SERVICES, (409, {"message": "already exists"}), (201, MADE))
    api_server.answer("GET", f"{SERVICES}/hook", (200, {"metadata": {"labels": marks}}))
    left = {"endpoints": [{"addresses": ["198.19.255.1"]}], "ports": [{"port": 5}]}
    api_server.answer("GET", OWN_SLICES, (200, {"items": [left]}))
    if not listens:
        engine.answer(["sh", "-c"], code=1)
    if said is None:
        with start(greeter):
            assert deleted(api_server) == [f"{SERVICES}/hook", OWN_SLICES]
        return
    with pytest.raises(UsageError, match=said), start(greeter):
        pass
    assert deleted(api_server) == []


def test_an_api_that_is_away_at_the_end_is_a_warning(
    start: Start, cluster: KindCluster, greeter: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    with start(greeter):
        cluster._admin = kubeconfig.outside(admin_conf(), "c", f"https://127.0.0.1:{nobody}")
    assert "expose: Service mine/hook could not be removed" in caplog.text


def test_the_relay_is_on_a_control_plane_that_runs(cluster: KindCluster, engine: FakeEngine) -> None:
    assert [node.role for node in expose._running(cluster)] == [labels.ROLE_CONTROL_PLANE, labels.ROLE_WORKER]
    for node in cluster.nodes:
        engine.stop(node.container, 1)
    with pytest.raises(UsageError, match="no node of cluster c runs"):
        expose._running(cluster)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        expose.wish("nonsense", "Hook_", "-x", 70000, "always")
    assert [line.split(" is not accepted")[0] for line in str(caught.value).splitlines()] == [
        "expose: server: 'nonsense'",
        "expose: name: 'Hook_'",
        "expose: namespace: '-x'",
        "expose: service_port: 70000",
        "expose: tls: 'always'",
    ]


def test_what_a_server_may_be(greeter: socket.socket) -> None:
    address = greeter.getsockname()
    for server in (
        address[1],
        address,
        greeter,
        SimpleNamespace(server_address=("0.0.0.0", address[1])),  # noqa: S104 - the point of it
        SimpleNamespace(sockets=[greeter]),
    ):
        assert expose.wish(server, "a", "1x", None, None).address == address
    assert expose.wish(SimpleNamespace(server_address=("::", 5, 0, 0)), "a", "b", None, "terminate").address == ("::1", 5)
    for server in (0, True, None, 70000, ("x",)):
        with pytest.raises(UsageError, match="expose: server"):
            expose.wish(server, "a", "b", None, None)
