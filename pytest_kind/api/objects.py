"""The few objects that the toolbox makes itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from kubernetes.client import CoreV1Api, V1Namespace
from kubernetes.client.exceptions import ApiException

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_NOT_FOUND = 404
_SECONDS = 10


def create_namespace(client: ApiClient, name: str, labels: Mapping[str, str]) -> None:
    """Creates a namespace."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
    CoreV1Api(client).create_namespace(cast("V1Namespace", body), _request_timeout=_SECONDS)


def has_default_service_account(client: ApiClient, namespace: str) -> bool:
    """Whether pods can be created in a namespace."""
    try:
        CoreV1Api(client).read_namespaced_service_account("default", namespace, _request_timeout=_SECONDS)
    except ApiException as error:
        if error.status == _NOT_FOUND:
            return False
        raise
    return True


def delete_namespace(client: ApiClient, name: str) -> None:
    """Deletes a namespace; one that is gone is no error."""
    try:
        CoreV1Api(client).delete_namespace(name, _request_timeout=_SECONDS)
    except ApiException as error:
        if error.status != _NOT_FOUND:
            raise
