"""The Service that leads to a relay: one without a selector, and the endpoints that it has instead of pods."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_kind.api.http import Api, ApiError
from pytest_kind.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pytest_kind.node import KindNode

LABEL = "pytest-kind/exposed"
_MANAGER = "pytest-kind"
_NOT_FOUND, _CONFLICT = 404, 409
_HIGHEST = 65535
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1035, as Services want it
_PORT_NAME = "exposed"
# Asked on the relay's node: whether anybody still listens where an earlier Service of that name leads.
_LISTENS = 'timeout 1 bash -c \'exec 3<>"/dev/tcp/$0/$1"\' "$1" "$2" 2>/dev/null'


@dataclass(frozen=True, slots=True)
class There:
    """The Service that was made: its addresses, the first one first."""

    addresses: tuple[str, ...]


def problems(name: str, namespace: str, port: int | None) -> list[str]:
    """What is wrong with a Service's name and port, a line each."""
    wrong = [
        f"expose: {what}: {value!r} is not accepted; accepted are at most 63 of a-z, 0-9 and -, a letter first, no - last"
        for what, value in (("name", name), ("namespace", namespace))
        if not _NAME.fullmatch(value if what == "name" else f"a{value[1:]}" if value[:1].isdigit() else value)
    ]
    if port is not None and not 0 < port <= _HIGHEST:
        wrong.append(f"expose: service_port: {port!r} is not accepted; accepted is a number from 1 to {_HIGHEST}")
    return wrong


def create(api: Api, node: KindNode, name: str, namespace: str, port: int, relay: tuple[int, tuple[str, ...]]) -> There:
    """Makes the Service and its endpoints. What a run that is gone left under that name is replaced.

    Args:
        node: the relay's.
        relay: its port, and its addresses, one for each IP family.

    Raises:
        UsageError: there is no such namespace, or a Service of that name which is somebody's.
    """
    try:
        made = api.post(_services(namespace), _service(name, port))
    except ApiError as error:
        if error.status == _NOT_FOUND:
            raise UsageError(f"expose: namespace: there is no namespace {namespace}") from error
        if error.status != _CONFLICT:
            raise
        _clear(api, node, name, namespace)
        made = api.post(_services(namespace), _service(name, port))
    try:
        for slice_ in _slices(made, *relay):
            api.post(_endpoints(namespace), slice_)
    except BaseException:
        remove(api, name, namespace)
        raise
    return There(tuple(made["spec"]["clusterIPs"]))


def remove(api: Api, name: str, namespace: str) -> None:
    """Removes both; they may be gone already."""
    api.delete(f"{_services(namespace)}/{name}")
    api.delete(f"{_endpoints(namespace)}?labelSelector={quote(f'{LABEL}={name}', safe='')}")


def _clear(api: Api, node: KindNode, name: str, namespace: str) -> None:
    """Removes a Service that leads nowhere any more.

    Raises:
        UsageError: it is not one of ours, or somebody still serves it.
    """
    there = api.get(f"{_services(namespace)}/{name}")
    taken = f"expose: name: there is a Service {name} in namespace {namespace} already"
    if LABEL not in (there["metadata"].get("labels") or {}):
        raise UsageError(taken)
    for one in api.get(f"{_endpoints(namespace)}?labelSelector={quote(f'{LABEL}={name}', safe='')}")["items"]:
        address, port = one["endpoints"][0]["addresses"][0], one["ports"][0]["port"]
        try:
            node.exec("sh", "-c", _LISTENS, "listens", address, str(port))
        except CommandError:
            continue
        raise UsageError(f"{taken}, which another test or run exposes now")
    remove(api, name, namespace)


def _service(name: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {LABEL: name}},
        "spec": {"ipFamilyPolicy": "PreferDualStack", "ports": [{"name": _PORT_NAME, "port": port, "protocol": "TCP"}]},
    }


def _slices(service: dict[str, Any], port: int, addresses: tuple[str, ...]) -> list[dict[str, Any]]:
    """One for each of the Service's IP families in which the relay listens."""
    meta = service["metadata"]
    owner = {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}
    families = {("IPv6" if ":" in address else "IPv4"): address for address in addresses}
    return [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{meta['name']}-{family.lower()}",
                "labels": {
                    LABEL: meta["name"],
                    "kubernetes.io/service-name": meta["name"],
                    "endpointslice.kubernetes.io/managed-by": _MANAGER,
                },
                "ownerReferences": [owner],
            },
            "addressType": family,
            "ports": [{"name": _PORT_NAME, "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [families[family]], "conditions": {"ready": True}}],
        }
        for family in service["spec"]["ipFamilies"]
        if family in families
    ]


def _services(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/services"


def _endpoints(namespace: str) -> str:
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
