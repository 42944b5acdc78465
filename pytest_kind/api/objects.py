"""The few objects that the toolbox makes itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from kubernetes.client import CoreV1Api, V1LimitRange, V1Namespace, V1ResourceQuota
from kubernetes.client.exceptions import ApiException

from pytest_kind.api.http import ApiError
from pytest_kind.api.reasons import message_of

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_NOT_FOUND = 404
_SECONDS = 10


def create_namespace(client: ApiClient, name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> None:
    """Creates a namespace."""
    metadata = {"name": name, "labels": dict(labels), **({"annotations": dict(annotations)} if annotations else {})}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    CoreV1Api(client).create_namespace(cast("V1Namespace", body), _request_timeout=_SECONDS)


def create_quota(client: ApiClient, namespace: str, name: str, hard: Mapping[str, str]) -> None:
    """Creates a ResourceQuota.

    Raises:
        ApiError: the API takes it for wrong.
    """
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": dict(hard)}}
    with _refused("quota"):
        CoreV1Api(client).create_namespaced_resource_quota(namespace, cast("V1ResourceQuota", body), _request_timeout=_SECONDS)


def quota_in_force(client: ApiClient, namespace: str, name: str) -> bool:
    """Whether it has been counted what a ResourceQuota is about: until then the API refuses everything that it counts."""
    found = CoreV1Api(client).read_namespaced_resource_quota(name, namespace, _request_timeout=_SECONDS)
    return found.spec is not None and found.status is not None and found.status.hard == found.spec.hard


def create_limit_range(client: ApiClient, namespace: str, name: str, limits: Sequence[Mapping[str, Any]]) -> None:
    """Creates a LimitRange.

    Raises:
        ApiError: the API takes it for wrong.
    """
    body = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": name}, "spec": {"limits": [dict(one) for one in limits]}}
    with _refused("limits"):
        CoreV1Api(client).create_namespaced_limit_range(namespace, cast("V1LimitRange", body), _request_timeout=_SECONDS)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        raise ApiError(error.status or 0, f"{what}: {message_of((error.body or '').encode())}") from error


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
