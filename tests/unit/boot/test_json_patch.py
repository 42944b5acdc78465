"""RFC 6902: the examples of its appendix A, and its edges."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_kind.boot.json_patch import applied
from pytest_kind.config.patchtext import operations


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"foo": "bar"}, '[{"op": "add", "path": "/baz", "value": "qux"}]', {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, '[{"op": "add", "path": "/foo/1", "value": "qux"}]', {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, '[{"op": "add", "path": "/foo/1", "value": "qux"}]', {"foo": ["bar", "qux"]}),
        ({"foo": 1, "baz": 2}, '[{"op": "remove", "path": "/baz"}]', {"foo": 1}),
        ({"foo": ["bar", "qux", "baz"]}, '[{"op": "remove", "path": "/foo/1"}]', {"foo": ["bar", "baz"]}),
        ({"foo": 1, "baz": 2}, '[{"op": "replace", "path": "/baz", "value": 3}]', {"foo": 1, "baz": 3}),
        ({"foo": [1, 2]}, '[{"op": "replace", "path": "/foo/0", "value": 3}]', {"foo": [3, 2]}),
        ({"foo": {"a": 1, "b": 2}, "qux": {}}, '[{"op": "move", "from": "/foo/b", "path": "/qux/c"}]', {"foo": {"a": 1}, "qux": {"c": 2}}),
        ({"foo": [1, 2, 3, 4]}, '[{"op": "move", "from": "/foo/1", "path": "/foo/3"}]', {"foo": [1, 3, 4, 2]}),
        ({"foo": 1}, '[{"op": "move", "from": "/foo", "path": "/foo"}]', {"foo": 1}),
        ({"foo": [1]}, '[{"op": "copy", "from": "/foo", "path": "/bar"}, {"op": "add", "path": "/bar/-", "value": 2}]', {"foo": [1], "bar": [1, 2]}),
        ({"a": 1, "b": [2]}, '[{"op": "test", "path": "/a", "value": 1.0}, {"op": "test", "path": "/b", "value": [2]}]', {"a": 1, "b": [2]}),
        ({"a": {"b": 1, "c": None}}, '[{"op": "test", "path": "/a", "value": {"c": null, "b": 1}}]', {"a": {"b": 1, "c": None}}),
        ({"a": 1}, '[{"op": "add", "path": "/b", "value": {"c": {}, "xyz": 1}}]', {"a": 1, "b": {"c": {}, "xyz": 1}}),
        ({"/": 9, "~1": 10}, '[{"op": "test", "path": "/~01", "value": 10}, {"op": "remove", "path": "/~1"}]', {"~1": 10}),
        ({"foo": ["bar"]}, '[{"op": "add", "path": "/foo/-", "value": ["abc"]}]', {"foo": ["bar", ["abc"]]}),
        ({"a": 1}, '[{"op": "replace", "path": "", "value": {"b": 2}}]', {"b": 2}),
        ({"": 1}, '[{"op": "remove", "path": "/"}]', {}),
        ({"a": [[]]}, "[{op: add, path: /a/0/-, value: {b: 1}}, {op: add, path: /a/0/0/c, value: 2}]", {"a": [[{"b": 1, "c": 2}]]}),
        ({"a": 1}, '[{"op": "remove", "path": ""}]', None),
        ({"a": 1}, "[]", {"a": 1}),
    ],
)
def test_what_it_does(document: Any, patch: str, result: Any) -> None:
    before = copy.deepcopy(document)
    assert applied(document, operations(patch)) == result
    assert document == before


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("{op: add, path: /baz/bat, value: 1}", "add /baz/bat: there is no /baz"),
        ("{op: remove, path: /b}", "remove /b: there is no /b"),
        ("{op: replace, path: /b, value: 1}", "replace /b: there is no /b"),
        ("{op: remove, path: /list/2}", "remove /list/2: there is no /list/2: the last index is 1"),
        ("{op: remove, path: /list/-}", "remove /list/-: there is no /list/-: '-' is no index of a list"),
        ("{op: replace, path: /list/01, value: 1}", "replace /list/01: there is no /list/01: '01' is no index of a list"),
        ("{op: add, path: /list/3, value: 1}", "add /list/3: there is no /list/3: the last index is 2"),
        ("{op: add, path: /list/-1, value: 1}", "add /list/-1: there is no /list/-1: '-1' is no index of a list"),
        (f"{{op: remove, path: /list/{'9' * 5000}}}", f"remove /list/{'9' * 5000}: there is no /list/{'9' * 5000}: the last index is 1"),
        ("{op: add, path: /a/b, value: 1}", "add /a/b: there is nothing to add to at /a"),
        ("{op: copy, from: /b, path: /c}", "copy /c: there is no /b"),
        ("{op: move, from: /map, path: /map/in}", "move /map/in: nothing can be moved into itself"),
        ("{op: test, path: /a, value: 2}", "test /a: found 1 instead of 2"),
        ("{op: test, path: /a, value: true}", "test /a: found 1 instead of True"),
        ("{op: test, path: /list, value: [1]}", "test /list: found [1, 2] instead of [1]"),
        ("{op: test, path: /a, value: '1'}", "test /a: found 1 instead of '1'"),
    ],
)
def test_what_it_cannot_do(patch: str, message: str) -> None:
    with pytest.raises(ValueError, match="operation 1: ") as caught:
        applied({"a": 1, "list": [1, 2], "map": {}}, operations(f"[{{op: test, path: /a, value: 1}}, {patch}]"))
    assert str(caught.value) == f"operation 1: {message}"
