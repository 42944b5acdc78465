"""RFC 6902, whole: pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from pytest_kind.config.patchtext import Operation

Value = Any


def applied(document: Value, operations: Iterable[Operation], one_by_one: Callable[[Value, Operation], Value] | None = None) -> Value:
    """The document after all operations; the given one stays as it is.

    Args:
        one_by_one: does one operation; by default :func:`done`.

    Raises:
        ValueError: an operation has nothing to work on, or a test failed. The message names the operation.
    """
    result = copy.deepcopy(document)
    for number, one in enumerate(operations):
        try:
            result = (one_by_one or done)(result, one)
        except ValueError as error:
            raise ValueError(f"operation {number}: {one.op} /{'/'.join(one.path)}: {error}") from error
    return result


def done(document: Value, one: Operation) -> Value:
    """The document after one operation, which may be the given one, changed.

    Raises:
        ValueError: there is nothing to work on, or a test failed.
    """
    match one.op:
        case "add":
            return _add(document, one.path, copy.deepcopy(one.value))
        case "remove":
            return _remove(document, one.path)
        case "replace":
            at(document, one.path)
            return _replace(document, one.path, copy.deepcopy(one.value))
        case "test":
            found = at(document, one.path)
            if not _equal(found, one.value):
                raise ValueError(f"found {found!r} instead of {one.value!r}")
            return document
        case "move" if one.path[: len(one.source)] == one.source and one.path != one.source:
            raise ValueError("nothing can be moved into itself")
        case "move":
            value = at(document, one.source)
            return _add(_remove(document, one.source), one.path, value)
        case _:
            return _add(document, one.path, copy.deepcopy(at(document, one.source)))


def at(document: Value, path: tuple[str, ...]) -> Value:
    """What a pointer points at.

    Raises:
        ValueError: nothing.
    """
    for depth, part in enumerate(path):
        here = "/" + "/".join(path[: depth + 1])
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document) - 1, here)]
        else:
            raise ValueError(f"there is no {here}")
    return document


def _index(part: str, last: int, here: str) -> int:
    if not part.isdecimal() or not part.isascii() or (part != "0" and part.startswith("0")):
        raise ValueError(f"there is no {here}: {part!r} is no index of a list")
    if len(part) > len(str(last + 1)) or int(part) > last:
        raise ValueError(f"there is no {here}: the last index is {last}")
    return int(part)


def _add(document: Value, path: tuple[str, ...], value: Value) -> Value:
    if not path:
        return value
    parent, name = at(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[name] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if name == "-" else _index(name, len(parent), "/" + "/".join(path)), value)
    else:
        raise ValueError(f"there is nothing to add to at /{'/'.join(path[:-1])}")  # noqa: TRY004 - of a patch
    return document


def _remove(document: Value, path: tuple[str, ...]) -> Value:
    at(document, path)
    if not path:
        return None
    parent = at(document, path[:-1])
    del parent[path[-1] if isinstance(parent, dict) else int(path[-1])]
    return document


def _replace(document: Value, path: tuple[str, ...], value: Value) -> Value:
    if not path:
        return value
    parent = at(document, path[:-1])
    parent[path[-1] if isinstance(parent, dict) else int(path[-1])] = value
    return document


def _equal(one: Value, other: Value) -> bool:
    """As JSON: 1 is 1.0, and true is neither."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
