r"""kubectl's JSONPath, as much of it as conditions take: fields, indexes, ``[*]`` and filters on equality. Pure.

``{.status.phase}``, ``.metadata.annotations.example\.com/x``, ``{.spec['key']}``, ``{.items[0]}``, ``{.items[-1]}``,
``{.status.conditions[?(@.type=="Ready")].status}``. Kubernetes' documentation has the whole language
(https://kubernetes.io/docs/reference/kubectl/jsonpath/); slices, ``..`` and ``range`` are not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Step = Callable[[Any], list[Any]]

_STEP = re.compile(
    r"""
      \.(?P<field>(?:\\.|[^.\[\]{}\\\s])+)                  # .field, with \. for a point in it
    | \[(?P<index>-?\d+)\]                                  # [0]
    | \[(?P<all>\*)\]                                       # [*]
    | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]             # ['key']
    | \[\?\(\s*@\.(?P<on>[^=!<>\s]+)\s*==\s*(?P<value>"[^"]*"|'[^']*'|[^'")\s]+)\s*\)\]   # [?(@.type=="Ready")]
    """,
    re.VERBOSE,
)


def parse(text: str) -> Callable[[Any], list[Any]]:
    """What finds the values at a path; none where there is nothing.

    Raises:
        ValueError: it is not understood; the message says from where on.
    """
    if text.strip().startswith("{") != text.strip().endswith("}"):
        raise ValueError(f"JSONPath {text!r} has one brace of two")
    path = text.strip().removeprefix("{").removesuffix("}").strip().removeprefix("$")
    if path and not path.startswith((".", "[")):
        path = f".{path}"
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"JSONPath {text!r} is not understood from {path[at:]!r} on")
        steps.append(_step(match))
        at = match.end()
    if not steps:
        raise ValueError(f"JSONPath {text!r} names no field")

    def find(root: Any) -> list[Any]:  # noqa: ANN401 - JSON
        found = [root]
        for step in steps:
            found = [value for one in found for value in step(one)]
        return found

    return find


def _step(match: re.Match[str]) -> Step:
    if match["field"] is not None:
        name = re.sub(r"\\(.)", r"\1", match["field"])
        return _every if name == "*" else lambda one: _field(one, name)
    if match["index"] is not None:
        index = int(match["index"])
        return lambda one: one[index:][:1] if isinstance(one, list) else []
    if match["all"] is not None:
        return _every
    if match["key"] is not None:
        key = match["key"]
        return lambda one: _field(one, key)
    on, value = parse(f".{match['on']}"), match["value"].strip("'\"")
    return lambda one: [each for each in _every(one) if value in map(as_text, on(each))]


def _field(one: Any, name: str) -> list[Any]:  # noqa: ANN401 - JSON
    return [one[name]] if isinstance(one, dict) and name in one else []


def _every(one: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return list(one.values()) if isinstance(one, dict) else list(one) if isinstance(one, list) else []


def as_text(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value as kubectl writes it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
