"""What was given, made ready for the reader; and the reader's errors, in words.

kind reads an empty field like one that is not there (Go's zero values), so a blank ``labels:`` is no mistake, nor is a label without a value.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_kind.config import types

HEADER = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
_RECORDS: tuple[type, ...] = (types.ClusterConfig, types.Node, types.Networking, types.Mount, types.PortMapping, types.PatchJSON6902)
# Record -> Python's name of a field -> kind's.
_NAMES = {record: {field.name: types.kinds_name(field.name) for field in dataclasses.fields(record)} for record in _RECORDS}
# Relative folders start where kind starts them (its docker provider, provision.go); kind reads a protocol in any case.
_SPELT: dict[tuple[type, str], Callable[[str], str]] = {(types.Mount, "hostPath"): os.path.abspath, (types.PortMapping, "protocol"): str.upper}
# What nothing is, as a value of a mapping.
_ZERO: dict[tuple[type, str], str | bool] = {
    (types.Node, "labels"): "",
    (types.ClusterConfig, "runtimeConfig"): "",
    (types.ClusterConfig, "featureGates"): False,
}


def _inner() -> dict[tuple[type, str], type]:
    """Record and field -> the record in it."""
    found: dict[tuple[type, str], type] = {}
    for record, names in _NAMES.items():
        hints = typing.get_type_hints(record)
        for name, kinds in names.items():
            for one in (hints[name], *typing.get_args(hints[name])):
                if one in _RECORDS:
                    found[record, kinds] = one
    return found


_INNER = _inner()


def mapping(found: object) -> object:
    """A copy by kind's names, down to the records in it (nothing that was given is changed later); or what is no mapping."""
    return _copy(found, types.ClusterConfig)


def _copy(value: object, record: type) -> object:
    if isinstance(value, record):
        value = {name: getattr(value, name) for name in _NAMES[record]}
    if not isinstance(value, Mapping):
        return value
    result: dict[Any, Any] = {}
    for key, one in value.items():
        name: Any = _NAMES[record].get(key, key)
        if name != key and name in value:  # both names: the reader says which one is too much
            name = key
        inner = _INNER.get((record, name))
        if name in _NAMES[record].values() and _is_empty(name, one):
            continue
        if inner is not None:
            result[name] = [_copy(each, inner) for each in one] if isinstance(one, (list, tuple)) else _copy(one, inner)
        elif isinstance(one, str):
            result[name] = _SPELT.get((record, name), str)(one)
        else:
            zero = _ZERO.get((record, name))
            result[name] = {inside: zero if each is None else each for inside, each in one.items()} if isinstance(one, Mapping) else one
    return result


def _is_empty(name: str, value: object) -> bool:
    return value is None or (isinstance(value, str) and not value) or (name == "nodes" and value in ([], ()))


def leave_out(found: dict[Any, Any], place: Sequence[int | str], *, missing: bool) -> None:
    """Takes out the smallest field around a place, so that lists keep their length and other places stay what they are.

    Args:
        missing: whether the last part of the place is what is not there.
    """
    if tuple(place) == ("networking", "ipFamily"):
        place = ("networking",)  # subnets of an unknown family are neither right nor wrong
    here: Any = found
    holder, name = found, place[0]
    for part in place[:-1] if missing else place:
        if isinstance(here, dict):
            known = [key for key in here if key == part or str(key) == part]
            if not known:
                return  # already out
            holder, name = here, known[0]
            here = holder[name]
        elif isinstance(here, (list, tuple)) and part in range(len(here)):
            here = here[int(part)]
        else:
            break
    holder.pop(name, None)


def problem(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """One line for an error of the reader."""
    place = tuple(part for part in error["loc"] if part != "[key]")
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        record: type = types.ClusterConfig
        for part in place[:-1]:
            record = _INNER.get((record, str(part)), record)
        return f"{path}: no such field; accepted: {', '.join(sorted(_NAMES[record].values()))}"
    if error["type"] == "missing":
        return f"{path}: is required"
    said = error["msg"][0].lower() + error["msg"][1:].replace("tuple", "list").replace("dictionary", "mapping")
    return f"{path}: {said}, found {error['input']!r}"
