"""Objects as they are and as they become: a list, and a watch that goes on from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from urllib.parse import quote

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.reasons import refusal
from pytest_kind.api.resources import Document
from pytest_kind.api.stream import Lines
from pytest_kind.waiting import Deadline

_GONE = 410

Key = tuple[str, str]
Objects = dict[Key, Document]


def watched(api: Api, path: str, deadline: Deadline, *, fields: str = "", labels: str = "") -> Iterator[Objects]:
    """Objects of a collection, by namespace and name: first as they are, then again after each change.

    It ends where the server ends it, and where what it would go on from is forgotten (410): whoever still waits begins anew.

    Args:
        fields: a field selector.
        labels: a label selector.

    Raises:
        ApiError: the server refused, cannot be reached, or the connection broke.
        Late: the deadline passed.
    """
    query = "".join(f"&{name}={quote(value, safe='')}" for name, value in (("fieldSelector", fields), ("labelSelector", labels)) if value)
    listed = api.get(f"{path}?{query.removeprefix('&')}" if query else path)
    kind, version = str(listed.get("kind", "")).removesuffix("List"), listed.get("apiVersion")
    # Objects of a list do not say what they are.
    objects = {_key(one): {"apiVersion": version, "kind": kind, **one} for one in listed.get("items") or ()}
    yield objects
    since = listed.get("metadata", {}).get("resourceVersion", "")
    seconds = max(1, math.ceil(deadline.left))
    with Lines(
        api.server, f"{path}?watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={since}{query}", api.context, deadline
    ) as lines:
        for line in lines:
            event = json.loads(line)
            what, one = event["type"], event["object"]
            if what == "ERROR":
                if one.get("code") == _GONE:
                    return
                raise ApiError(code := int(one.get("code", 0)), refusal(code, json.dumps(one).encode()), f"watching {path}")
            if what == "DELETED":
                objects.pop(_key(one), None)
            elif what != "BOOKMARK":
                objects[_key(one)] = one
            yield objects


def _key(one: Document) -> Key:
    return one["metadata"].get("namespace", ""), one["metadata"]["name"]
