"""The ``kubernetes`` client that tests are handed, and the objects made with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from pytest_kind.api import objects
from pytest_kind.api.client import make_client
from support.api_server import ApiServer
from support.credentials import credentials

NAMESPACE = "/api/v1/namespaces/n"
ACCOUNT = "/api/v1/namespaces/n/serviceaccounts/default"


@pytest.fixture
def client(api_server: ApiServer, tmp_path: Path) -> Iterator[ApiClient]:
    made = make_client(credentials(api_server.url), tmp_path)
    yield made
    made.close()  # type: ignore[no-untyped-call]


def test_its_files_are_private(client: ApiClient, tmp_path: Path) -> None:
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in tmp_path.iterdir()}
    assert modes == {"ca.crt": "600", "client.crt": "600", "client.key": "600"}


def test_the_users_own_default_configuration_stays_as_it_is(client: ApiClient, api_server: ApiServer) -> None:
    assert client.configuration.host == api_server.url
    assert Configuration.get_default_copy().host != api_server.url


def test_an_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch, api_server: ApiServer, tmp_path: Path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    api_server.answer("DELETE", NAMESPACE, (200, {}))
    client = make_client(credentials(api_server.url), tmp_path)
    objects.delete_namespace(client, "n")
    client.close()  # type: ignore[no-untyped-call]
    assert api_server.requests[0][:2] == ("DELETE", NAMESPACE)


def test_a_namespace_is_created_with_its_labels(client: ApiClient, api_server: ApiServer) -> None:
    api_server.answer("POST", "/api/v1/namespaces", (201, {}))
    objects.create_namespace(client, "n", {"a": "b"})
    assert api_server.requests == [
        ("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"a": "b"}}})
    ]


@pytest.mark.parametrize(("status", "expected"), [(200, True), (404, False)])
def test_whether_the_default_service_account_is_there(client: ApiClient, api_server: ApiServer, status: int, expected: bool) -> None:
    api_server.answer("GET", ACCOUNT, (status, {}))
    assert objects.has_default_service_account(client, "n") is expected


@pytest.mark.parametrize("status", [200, 404])
def test_a_namespace_that_is_gone_is_deleted(client: ApiClient, api_server: ApiServer, status: int) -> None:
    api_server.answer("DELETE", NAMESPACE, (status, {}))
    objects.delete_namespace(client, "n")
    assert [path for _, path, _ in api_server.requests] == [NAMESPACE]


def test_other_refusals_are_the_clients_own_errors(client: ApiClient, api_server: ApiServer) -> None:
    api_server.answer("DELETE", NAMESPACE, (403, {}))
    api_server.answer("GET", ACCOUNT, (403, {}))
    with pytest.raises(ApiException, match="403"):
        objects.delete_namespace(client, "n")
    with pytest.raises(ApiException, match="403"):
        objects.has_default_service_account(client, "n")
