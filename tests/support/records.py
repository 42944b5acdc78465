"""Records in a cluster that must outlive what is done to it, and how long it is until it takes another."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from pytest_kind.handle import KindCluster


def write(cluster: KindCluster) -> str:
    """Writes one, and returns its key."""
    key = secrets.token_hex(4)
    cluster.kubectl("create", "configmap", f"record-{key}", f"--from-literal=key={key}")
    return key


def read(cluster: KindCluster) -> set[str]:
    """The keys of what is recorded."""
    found = json.loads(cluster.kubectl("get", "configmaps", "-o", "json"))["items"]
    return {one["data"]["key"] for one in found if one["metadata"]["name"].startswith("record-")}


def seconds_until_written(client: ApiClient, within: float) -> float:
    """From now until the API takes a write, asked through this client."""
    from kubernetes.client import CoreV1Api, V1ConfigMap, V1ObjectMeta  # noqa: PLC0415
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    def taken() -> NotYet | bool:
        body = V1ConfigMap(metadata=V1ObjectMeta(name=f"written-{secrets.token_hex(4)}"))
        try:
            CoreV1Api(client).create_namespaced_config_map("default", body, _request_timeout=2)
        except (ApiException, HTTPError) as error:
            return NotYet(str(error))
        return True

    start = time.monotonic()
    wait_for("a write that the API takes", taken, Deadline(within))
    return time.monotonic() - start
