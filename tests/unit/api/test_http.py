"""Raw requests, to an API server on loopback: TLS with client certificates, and every way to fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.api.http import Api, ApiError
from support.api_server import ApiServer
from support.credentials import PKI, credentials


@pytest.fixture
def api(api_server: ApiServer, tmp_path: Path) -> Iterator[Api]:
    made = Api(credentials(api_server.url), tmp_path)
    yield made
    made.close()


@pytest.fixture
def closed_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_text_is_returned_as_it_is(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", "/readyz", (200, "ok"))
    assert api.text("/readyz") == "ok"


def test_an_object_is_returned_as_a_mapping(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", "/api/v1/nodes", (200, {"items": []}))
    assert api.get("/api/v1/nodes") == {"items": []}


@pytest.mark.parametrize(
    ("version", "kind", "meta", "path"),
    [
        ("v1", "Namespace", {"name": "n"}, "/api/v1/namespaces"),
        ("v1", "ConfigMap", {"name": "n", "namespace": "kube-system"}, "/api/v1/namespaces/kube-system/configmaps"),
        ("v1", "Service", {"name": "n"}, "/api/v1/namespaces/default/services"),
        ("v1", "ServiceAccount", {"name": "n"}, "/api/v1/namespaces/default/serviceaccounts"),
        ("apps/v1", "DaemonSet", {"name": "n", "namespace": "a"}, "/apis/apps/v1/namespaces/a/daemonsets"),
        ("apps/v1", "Deployment", {"name": "n", "namespace": "a"}, "/apis/apps/v1/namespaces/a/deployments"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", {"name": "n"}, "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {"name": "n"}, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("rbac.authorization.k8s.io/v1", "Role", {"name": "n"}, "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"name": "n"}, "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"),
        ("storage.k8s.io/v1", "StorageClass", {"name": "n"}, "/apis/storage.k8s.io/v1/storageclasses"),
    ],
)
def test_each_kind_is_created_at_its_path(api: Api, api_server: ApiServer, version: str, kind: str, meta: dict[str, str], path: str) -> None:
    document = {"apiVersion": version, "kind": kind, "metadata": meta}
    api_server.answer("POST", path, (201, {}))
    api.create(document)
    assert api_server.requests == [("POST", path, document)]
    assert api_server.content_types == ["application/json"]


def test_creating_what_is_there_already_is_no_error(api: Api, api_server: ApiServer) -> None:
    api_server.answer("POST", "/api/v1/namespaces", (409, {"message": "already exists"}))
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    assert len(api_server.requests) == 1


def test_creating_what_is_refused_says_what_it_was(api: Api, api_server: ApiServer) -> None:
    api_server.answer("POST", "/api/v1/namespaces", (403, {"message": "no"}))
    with pytest.raises(ApiError) as caught:
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    assert (caught.value.status, str(caught.value)) == (403, "403 Forbidden: no (creating Namespace n: POST /api/v1/namespaces)")


def test_a_patch_is_a_merge_patch(api: Api, api_server: ApiServer) -> None:
    api_server.answer("PATCH", "/api/v1/nodes/n", (200, {"kind": "Node"}))
    assert api.patch("/api/v1/nodes/n", {"spec": {"taints": None}}) == {"kind": "Node"}
    assert api_server.requests == [("PATCH", "/api/v1/nodes/n", {"spec": {"taints": None}})]
    assert api_server.content_types == ["application/merge-patch+json"]


@pytest.mark.parametrize("status", [200, 202, 404])
def test_deleting_what_is_there_or_is_not(api: Api, api_server: ApiServer, status: int) -> None:
    api_server.answer("DELETE", "/api/v1/namespaces/n", (status, {}))
    api.delete("/api/v1/namespaces/n")
    assert api_server.requests == [("DELETE", "/api/v1/namespaces/n", None)]


def test_deleting_what_may_not_be_deleted_is_an_error(api: Api, api_server: ApiServer) -> None:
    api_server.answer("DELETE", "/api/v1/namespaces/n", (403, {"message": "no"}))
    with pytest.raises(ApiError, match=r"^403 Forbidden: no \(DELETE /api/v1/namespaces/n\)$"):
        api.delete("/api/v1/namespaces/n")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, {"message": "Unauthorized"}), "401 Unauthorized (GET /x)"),
        ((409, {"reason": "AlreadyExists", "message": 'pods "a" already exists'}), '409 AlreadyExists: pods "a" already exists (GET /x)'),
        ((422, {"reason": "Invalid", "message": "one\n* two\n* three\n"}), "422 Invalid: one (GET /x)\n* two\n* three"),
        ((404, "404 page not found\n"), "404 Not Found: 404 page not found (GET /x)"),
        ((503, ""), "503 Service Unavailable (GET /x)"),
        ((599, "of nobody's"), "599: of nobody's (GET /x)"),
        ((500, "[-]etcd failed: reason withheld"), "500 Internal Server Error: [-]etcd failed: reason withheld (GET /x)"),
        ((503, {"reason": "no message"}), '503 Service Unavailable: {"reason": "no message"} (GET /x)'),
        ((502, ["a list"]), '502 Bad Gateway: ["a list"] (GET /x)'),
        ((500, "y" * 400), f"500 Internal Server Error: {'y' * 300} (GET /x)"),
    ],
)
def test_a_bad_answer_has_its_status_and_its_message(api: Api, api_server: ApiServer, answer: tuple[int, object], message: str) -> None:
    api_server.answer("GET", "/x", answer)
    with pytest.raises(ApiError) as caught:
        api.get("/x")
    assert (caught.value.status, str(caught.value)) == (answer[0], message)


def test_no_server_is_status_zero(tmp_path: Path, closed_port: int) -> None:
    api = Api(credentials(f"https://127.0.0.1:{closed_port}"), tmp_path)
    with pytest.raises(ApiError) as caught:
        api.text("/readyz")
    assert (caught.value.status, str(caught.value)) == (0, f"connection refused (GET https://127.0.0.1:{closed_port}/readyz)")


def test_a_server_of_another_authority_is_not_trusted(api_server: ApiServer, tmp_path: Path) -> None:
    stranger = (PKI / "stranger.crt").read_bytes()
    api = Api(replace(credentials(api_server.url), authority=stranger), tmp_path)
    with pytest.raises(ApiError, match=rf"^certificate verify failed: [^(]+ \(GET {api_server.url}/readyz\)$") as caught:
        api.text("/readyz")
    assert caught.value.status == 0
    assert api_server.requests == []


def test_the_key_does_not_stay_on_the_disk(api: Api, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
