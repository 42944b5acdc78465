"""The pods that belong to an object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_pods(one: Mapping[str, Any]) -> str:
    """The label selector of the pods of a workload or a Service, as the API takes it; empty where the object has none."""
    selector = (one.get("spec") or {}).get("selector") or {}
    if one.get("kind") in {"Service", "ReplicationController"}:
        selector = {"matchLabels": selector}
    elif not isinstance(selector, Mapping) or not selector.keys() & {"matchLabels", "matchExpressions"}:
        return ""  # a selector of something else, of another kind's
    return as_text(selector)


def as_text(selector: Mapping[str, Any]) -> str:
    """A label selector's object as the API's parameter."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or ():
        values = ",".join(one.get("values") or ())
        forms = {
            "In": f"{one['key']} in ({values})",
            "NotIn": f"{one['key']} notin ({values})",
            "Exists": one["key"],
            "DoesNotExist": f"!{one['key']}",
        }
        parts.append(forms[one["operator"]])
    return ",".join(parts)
