"""Which pod and port ``port_forward`` means."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.api.http import Api
from pytest_kind.api.port_forward import PodPort
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.toolbox.port_forward import Wanted, find, parse, port_forward, to_ready_pods
from pytest_kind.waiting import Deadline, NotYet
from support.api_server import ApiServer, serving
from support.credentials import credentials

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def api(api_server: ApiServer, tmp_path: Path) -> Iterator[Api]:
    made = Api(credentials(api_server.url), tmp_path)
    yield made
    made.close()


def pod(name: str, phase: str = "Running", *, ready: bool = True, deleted: bool = False) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {})},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9}]}]},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def service(*ports: dict[str, Any], address: str = "10.96.0.7", selector: dict[str, str] | None = None) -> dict[str, Any]:
    return {"kind": "Service", "spec": {"clusterIP": address, "ports": list(ports), "selector": {"app": "web"} if selector is None else selector}}


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ((), Wanted("web", 80)),
        (("-n", "mine"), Wanted("web", 80, "mine")),
        (("-nmine",), Wanted("web", 80, "mine")),
        (("-n=mine",), Wanted("web", 80, "mine")),
        (("--namespace", "mine", "--address=localhost"), Wanted("web", 80, "mine")),
        (("--namespace=mine", "--address", "::1"), Wanted("web", 80, "mine", "::1")),
    ],
)
def test_arguments_as_kubectl_takes_them(args: tuple[str, ...], wanted: Wanted) -> None:
    assert parse("web", "80", args) == wanted


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse("node/a", 70000, ("--context", "-n"))
    lines = str(caught.value).splitlines()
    assert [line.split(" is not accepted")[0] for line in lines] == [
        "port_forward: '--context'",
        "port_forward: '-n'",
        "port_forward: remote_port: 70000",
        "port_forward: 'node/a'",
    ]


@pytest.mark.parametrize(("port", "number"), [(80, 80), ("http", 8080)])
@pytest.mark.parametrize("what", ["web", "pod/web", "po/web", "pods/web"])
def test_a_pod_by_its_name(api: Api, api_server: ApiServer, what: str, port: int | str, number: int) -> None:
    api_server.answer("GET", f"{PODS}/web", (200, pod("web", ready=False)))
    assert find(api, Wanted(what, port), ready=True) == PodPort("default", "web", number)


@pytest.mark.parametrize("port", [80, "web"])
@pytest.mark.parametrize(("target", "number"), [({"targetPort": "http"}, 8080), ({"targetPort": 9}, 9), ({}, 80)])
def test_a_services_port_is_that_of_its_pods(api: Api, api_server: ApiServer, port: int | str, target: dict[str, Any], number: int) -> None:
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service({"port": 443}, {"port": 80, "name": "web", **target})))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": [pod("web-1")]}))
    assert find(api, Wanted("svc/web", port)) == PodPort("default", "web-1", number)


def test_of_two_protocols_tcp_is_meant(api: Api, api_server: ApiServer) -> None:
    ports = {"port": 53, "protocol": "UDP", "name": "dns", "targetPort": 1}, {"port": 53, "name": "dns-tcp", "targetPort": 2}
    api_server.answer("GET", "/api/v1/namespaces/default/services/dns", (200, service(*ports)))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": [pod("a")]}))
    assert find(api, Wanted("svc/dns", 53)) == PodPort("default", "a", 2)
    with pytest.raises(UsageError, match=r"has no port 'dns'; it has 53/UDP \(dns\), 53 \(dns-tcp\)$"):
        find(api, Wanted("svc/dns", "dns"))


def test_a_sidecars_port_has_a_name_too(api: Api, api_server: ApiServer) -> None:
    there = pod("web")
    proxy = {"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "https", "containerPort": 8443}]}
    there["spec"]["initContainers"] = [{"name": "init", "ports": [{"name": "setup", "containerPort": 1}]}, proxy]
    api_server.answer("GET", f"{PODS}/web", (200, there))
    assert find(api, Wanted("web", "https")) == PodPort("default", "web", 8443)
    with pytest.raises(UsageError, match="no port named 'setup'; it has http, https"):
        find(api, Wanted("web", "setup"))


def test_a_headless_services_port_is_not_translated(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service({"port": 80, "targetPort": 9}, address="None")))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": [pod("web-1")]}))
    assert find(api, Wanted("svc/web", 80)) == PodPort("default", "web-1", 80)


def test_a_deployments_pods_are_those_of_its_selector(api: Api, api_server: ApiServer) -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "new", "operator": "Exists"},
            {"key": "zone", "operator": "NotIn", "values": ["c"]},
        ],
    }
    api_server.answer("GET", "/apis/apps/v1/namespaces/default/deployments/web", (200, {"kind": "Deployment", "spec": {"selector": selector}}))
    query = "app%3Dweb%2Ctier%20in%20%28a%2Cb%29%2C%21old%2Cnew%2Czone%20notin%20%28c%29"
    api_server.answer("GET", f"{PODS}?labelSelector={query}", (200, {"items": [pod("web-1")]}))
    assert find(api, Wanted("deployment/web", 80)) == PodPort("default", "web-1", 80)


@pytest.mark.parametrize(
    ("pods", "ready", "found"),
    [
        ([pod("a", ready=False), pod("b")], False, PodPort("default", "b", 80)),
        ([pod("a", ready=False)], False, PodPort("default", "a", 80)),
        ([pod("a", ready=False)], True, NotYet("a is not ready")),
        ([pod("a", deleted=True), pod("b", "Pending")], False, NotYet("a is being deleted, b is Pending")),
        ([], True, NotYet("there are no pods with its labels, app=web")),
    ],
)
def test_which_of_several_pods(api: Api, api_server: ApiServer, pods: list[Any], ready: bool, found: PodPort | NotYet) -> None:
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service({"port": 80})))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": pods}))
    assert find(api, Wanted("service/web", 80), ready=ready) == found


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        ([pod("a"), pod("b")], "b"),
        ([pod("a"), pod("b", ready=False)], "a"),
        ([pod("a"), pod("b", deleted=True)], "a"),
        ([pod("a")], "a"),
    ],
)
def test_of_several_ready_pods_the_last_is_taken_again(api: Api, api_server: ApiServer, pods: list[Any], found: str) -> None:
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service({"port": 80})))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": pods}))
    assert find(api, Wanted("svc/web", 80), last=PodPort("default", "b", 80)) == PodPort("default", found, 80)


def test_one_that_was_made_again_under_its_name_is_another(api: Api, api_server: ApiServer) -> None:
    documents = [pod("web"), pod("web")]
    for document, uid in zip(documents, "ab", strict=True):
        document["metadata"]["uid"] = uid
    api_server.answer("GET", f"{PODS}/web", *((200, document) for document in documents))
    assert find(api, Wanted("web", 80)) != find(api, Wanted("web", 80))


def test_what_is_not_there_yet_or_refused(api: Api, api_server: ApiServer) -> None:
    assert find(api, Wanted("svc/web", 80)) == NotYet("there is no Service web in namespace default")
    api_server.answer("GET", f"{PODS}/web", (500, {"message": "etcd is away"}))
    assert find(api, Wanted("web", 80)) == NotYet(f"500 Internal Server Error: etcd is away (GET {PODS}/web)")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("svc/web", 81), "Service web in namespace default has no port 81; it has 80 (http), 443"),
        (Wanted("svc/web", 443), "pod a in namespace default has no port named 'tls'; it has http"),
        (Wanted("svc/free", 80), "Service free in namespace default selects no pods; name a pod"),
    ],
)
def test_ports_that_are_not_there(api: Api, api_server: ApiServer, wanted: Wanted, said: str) -> None:
    ports = {"port": 80, "name": "http"}, {"port": 443, "targetPort": "tls"}
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service(*ports)))
    api_server.answer("GET", "/api/v1/namespaces/default/services/free", (200, service(*ports, selector={})))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": [pod("a")]}))
    with pytest.raises(UsageError) as caught:
        find(api, wanted)
    assert str(caught.value) == f"port_forward: {said}"


def test_a_pod_that_does_not_come_ends_the_wait_with_what_was_seen(api_server: ApiServer, tmp_path: Path) -> None:
    with (
        pytest.raises(
            WaitTimeout, match=r"^port_forward: a pod of Service web in namespace mine: .* last seen: there is no Service web in namespace mine; what"
        ),
        port_forward(lambda: credentials(api_server.url), tmp_path, Wanted("svc/web", 80, "mine"), None, 0.05),
    ):
        pass


def test_a_local_port_that_is_taken(api_server: ApiServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(UsageError, match=f"local_port {port} of 127.0.0.1: in use"),
            port_forward(lambda: credentials(api_server.url), tmp_path, Wanted("web", 80), port, 1),
        ):
            pass


def test_a_pod_that_is_not_ready_is_taken_when_there_is_no_better_one(api_server: ApiServer, tmp_path: Path) -> None:
    api_server.answer("GET", "/api/v1/namespaces/default/services/web", (200, service({"port": 80})))
    api_server.answer("GET", f"{PODS}?labelSelector=app%3Dweb", (200, {"items": [pod("a", ready=False)]}))
    with port_forward(lambda: credentials(api_server.url), tmp_path, Wanted("svc/web", 80), None, 0.05) as port:
        assert 0 < port < 65536


def test_a_port_leads_there_also_after_the_api_server_is_published_at_another_one(api_server: ApiServer, tmp_path: Path) -> None:
    reached = [credentials(api_server.url)]
    api_server.answer("GET", f"{PODS}/web", (200, pod("web")))
    with serving() as moved, port_forward(lambda: reached[0], tmp_path, Wanted("web", 80), None, 0.1) as port:
        moved.answer("GET", f"{PODS}/web", (200, pod("web")))
        reached[0] = credentials(moved.url)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client, pytest.raises(ConnectionResetError):
            client.recv(1)  # it speaks no WebSocket
    assert [path for _, path, _ in moved.requests[:2]] == [f"{PODS}/web", f"{PODS}/web/portforward?ports=80"]


@pytest.mark.parametrize(
    ("name", "space", "said"),
    [
        ("webb", "mine", "services in namespace mine: web, api"),
        ("db", "mine", "services in namespace mine: api, web; there is one of that name in namespace default"),
        ("db", "empty", "services in namespace empty: none; there is one of that name in namespace default"),
    ],
)
def test_what_there_is_instead_is_named(api_server: ApiServer, tmp_path: Path, name: str, space: str, said: str) -> None:
    there = [("default", "db"), ("mine", "web"), ("mine", "api")]
    api_server.answer("GET", "/api/v1/services", (200, {"items": [{"metadata": {"namespace": where, "name": one}} for where, one in there]}))
    with (
        pytest.raises(WaitTimeout) as caught,
        to_ready_pods(lambda: credentials(api_server.url), tmp_path, Wanted(f"svc/{name}", 80, space, who="http"), Deadline(0.05)),
    ):
        pass
    awaited = f"http: a pod of Service {name} in namespace {space}: not within"
    assert str(caught.value).startswith(awaited)
    assert caught.value.last_seen == f"there is no Service {name} in namespace {space}; {said}"
