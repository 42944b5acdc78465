"""A connection to a Kubernetes without controllers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_kind.toolbox.objects.connection import Connection
from support.api_server import ApiServer
from support.credentials import admin_conf, credentials
from support.kube import Kube, resource


@pytest.fixture
def kube(api_server: ApiServer) -> Kube:
    """It has the namespaces ``default`` and ``mine``, and a few more resources."""
    kube = Kube()
    for one in (
        resource("rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBinding", namespaced=False),
        resource("rbac.authorization.k8s.io/v1/roles", "Role"),
        resource("rbac.authorization.k8s.io/v1/rolebindings", "RoleBinding"),
    ):
        kube.resources[one.name] = one
    for name in ("default", "mine"):
        kube.add("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    api_server.behind = kube.take
    return kube


@pytest.fixture
def connection(api_server: ApiServer, kube: Kube, tmp_path: Path) -> Iterator[Connection]:
    made = Connection(credentials(api_server.url), tmp_path)
    yield made
    made.close()


@pytest.fixture
def host(connection: Connection, api_server: ApiServer, tmp_path: Path) -> Any:
    """As much of a cluster's handle as the tools need; ``kubectl`` and a node's ``exec`` are for tests to say."""
    import base64  # noqa: PLC0415 - one line's

    import yaml  # noqa: PLC0415

    admin = yaml.safe_load(admin_conf())
    admin["clusters"][0]["cluster"]["server"] = api_server.url
    assert base64.b64decode(admin["users"][0]["user"]["client-key-data"]) == connection.credentials.key

    def kubectl(*argv: str) -> str:
        raise AssertionError(argv)

    node: Callable[..., str] = kubectl
    return SimpleNamespace(
        name="mine",
        nodes=(),
        kubectl=kubectl,
        _admin=admin,
        _site=SimpleNamespace(folder=tmp_path),
        _connection=connection,
        _control_plane=lambda: SimpleNamespace(exec=node),
    )
