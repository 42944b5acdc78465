"""What can be known of whoever should act on a custom resource: what it wrote, what it left there to be read, and its pods.

The API does not say who a resource's controller is. Known are who wrote to an object
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management), and who may watch the resource: a controller must.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_kind.api.http import Api
from pytest_kind.api.resources import Resource
from pytest_kind.toolbox.objects import moments
from pytest_kind.toolbox.objects.model import KindObject, shown

Document = dict[str, Any]
Account = tuple[str, str]

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_OWN = "kube-system"  # whose accounts may watch everything: the garbage collector's, the quota's


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may watch a resource.

    Attributes:
        accounts: namespaces and names of ServiceAccounts.
        pods: those that run as one of them.
    """

    accounts: tuple[Account, ...]
    pods: tuple[Document, ...]


def told(one: KindObject) -> list[str]:
    """What the object says: who wrote to it, and what an operator that uses kopf noted in it."""
    return [f"{shown(one)}: {line}" for line in (*_writers(one), *_kopf(one))]


def candidates(api: Api, resource: Resource, namespace: str | None) -> Candidates:
    """Whose rights have the resource, there or everywhere.

    Args:
        namespace: of the object; none where it is in none.

    Raises:
        ApiError: it cannot be had.
    """
    roles = {("ClusterRole", "", one["metadata"]["name"]) for one in _items(api, f"{_RBAC}/clusterroles") if _watches(one, resource)}
    bindings = [("", one) for one in _items(api, f"{_RBAC}/clusterrolebindings")]
    if namespace:
        own = f"{_RBAC}/namespaces/{namespace}"
        roles |= {("Role", namespace, one["metadata"]["name"]) for one in _items(api, f"{own}/roles") if _watches(one, resource)}
        bindings += [(namespace, one) for one in _items(api, f"{own}/rolebindings")]
    accounts = {
        (subject.get("namespace") or space, subject["name"])
        for space, one in bindings
        if (one["roleRef"]["kind"], space if one["roleRef"]["kind"] == "Role" else "", one["roleRef"]["name"]) in roles
        for subject in one.get("subjects") or ()
        if subject["kind"] == "ServiceAccount" and subject.get("namespace") != _OWN
    }
    pods = [one for one in _items(api, "/api/v1/pods") if (one["metadata"]["namespace"], one["spec"].get("serviceAccountName")) in accounts]
    return Candidates(tuple(sorted(accounts)), tuple(pods))


def _items(api: Api, path: str) -> list[Document]:
    return list(api.get(path).get("items") or ())


def _watches(role: Document, resource: Resource) -> bool:
    """Whether a role has the right to watch it. A rule for all groups counts, too: a test may have made its operator an administrator."""
    return any(
        {resource.group, "*"} & set(rule.get("apiGroups") or ())
        and {resource.plural, "*"} & set(rule.get("resources") or ())
        and {"watch", "*"} & set(rule.get("verbs") or ())
        for rule in role.get("rules") or ()
    )


def _writers(one: KindObject) -> Iterator[str]:
    meta = one["metadata"]
    wrote = sorted(meta.get("managedFields") or (), key=lambda each: str(each.get("time", "")))
    if not wrote:
        return
    status = "" if "status" in one else "; it has no status"
    if len({each["manager"] for each in wrote}) == 1 and wrote[-1].get("time") == meta.get("creationTimestamp"):
        made = moments.clock(str(wrote[0].get("time")))
        yield f"nothing was written to it since {wrote[0]['manager']} made it at {made}: no controller has taken it up{status}"
        return
    yield f"written by {', '.join(map(_writer, wrote))}{status}"


def _writer(entry: Mapping[str, Any]) -> str:
    what = f"{entry.get('operation')}{' of ' + entry['subresource'] if entry.get('subresource') else ''}"
    return f"{entry['manager']} ({what}, {moments.clock(str(entry.get('time')))})"


def _kopf(one: KindObject) -> Iterator[str]:
    """Its records of handlers that have not succeeded yet: annotations, or in the status.

    (kopf's ``AnnotationsProgressStorage`` and ``StatusProgressStorage``; it writes both where it may.)
    """
    noted = {name.rpartition("/")[2]: _record(value) for name, value in (one["metadata"].get("annotations") or {}).items() if "/" in name}
    status = one.get("status")
    in_status = ((status.get("kopf") or {}).get("progress") or {}) if isinstance(status, Mapping) else {}
    for name, record in {**noted, **in_status}.items():
        if not isinstance(record, Mapping) or not {"started", "retries"} <= set(record) or record.get("success"):
            continue
        tries = f"tried {record['retries']} times" if record["retries"] else "begun"
        again = f", again at {moments.clock(str(record['delayed']))}" if record.get("delayed") else ""
        state = f"failed for good, {tries}" if record.get("failure") else f"{tries}{again}"
        yield f"its operator (kopf) of its handler {name}: {state}{': ' + str(record['message']) if record.get('message') else ''}"


def _record(text: object) -> object:
    try:
        return json.loads(str(text))
    except ValueError:
        return None
