"""Answers that go on: lines until a deadline, and watches made of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.stream import Late, Lines
from pytest_kind.api.watch import watched
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.credentials import credentials

PODS = "/api/v1/namespaces/mine/pods"


@pytest.fixture
def api(api_server: ApiServer, tmp_path: Path) -> Iterator[Api]:
    made = Api(credentials(api_server.url), tmp_path)
    yield made
    made.close()


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """Set at the end, for answers that go on until then."""
    event = threading.Event()
    yield event
    event.set()


def lines(api: Api, path: str, seconds: float = 10) -> Lines:
    return Lines(api.server, path, api.context, Deadline(seconds))


def going_on(end: threading.Event, *pieces: str) -> Iterator[str]:
    yield from pieces
    end.wait(30)


def test_lines_come_when_they_are_there(api: Api, api_server: ApiServer, end: threading.Event) -> None:
    api_server.answer("GET", "/log", (200, going_on(end, "one\ntw", "o\n", "\n")))
    with lines(api, "/log") as found:
        reading = iter(found)
        assert [next(reading) for _ in range(3)] == ["one", "two", ""]


def test_the_last_line_needs_no_end(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", "/log", (200, "one\ntwo"))
    with lines(api, "/log") as found:
        assert list(found) == ["one", "two"]


@pytest.mark.parametrize("pieces", [(), ("one\n",)])
def test_what_does_not_come_in_time_is_late(api: Api, api_server: ApiServer, end: threading.Event, pieces: tuple[str, ...]) -> None:
    api_server.answer("GET", "/log", (200, going_on(end, *pieces)))
    with lines(api, "/log", 0.5) as found:
        seen = []
        with pytest.raises(Late):
            seen += list(found)


def test_a_server_that_says_nothing_at_all_is_late(api: Api, api_server: ApiServer, end: threading.Event) -> None:
    def silent(_method: str, _path: str, _body: Any) -> tuple[int, Any]:
        end.wait(30)
        return 200, ""

    api_server.behind = silent
    with lines(api, "/log", 0.2) as found, pytest.raises(Late):
        list(found)


def test_a_refusal_is_told(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", "/log", (400, {"message": "container is waiting to start"}))
    with lines(api, "/log") as found, pytest.raises(ApiError, match=r"^400 Bad Request: container is waiting to start \(GET /log\)$") as caught:
        list(found)
    assert caught.value.status == 400


def test_a_server_that_is_not_there_is_told(tmp_path: Path, api: Api) -> None:
    with pytest.raises(ApiError, match=r"^connection refused \(GET https://127\.0\.0\.1:1/log\)$") as caught:
        Lines("https://127.0.0.1:1", "/log", api.context, Deadline(5))
    assert caught.value.status == 0


def test_another_thread_ends_it(api: Api, api_server: ApiServer, end: threading.Event) -> None:
    api_server.answer("GET", "/log", (200, going_on(end, "one\n")))
    with lines(api, "/log", 30) as found:
        reading = iter(found)
        assert next(reading) == "one"
        cutting = threading.Timer(0.05, found.cut)
        cutting.start()
        assert list(reading) == []
        cutting.join()


def event(what: str, name: str, **more: Any) -> str:
    return json.dumps({"type": what, "object": {"metadata": {"name": name, "namespace": "mine"}, **more}}) + "\n"


def test_objects_as_they_are_and_as_they_become(api: Api, api_server: ApiServer) -> None:
    listed = {
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": "7"},
        "items": [{"metadata": {"name": "a", "namespace": "mine"}}],
    }
    events = [event("ADDED", "b"), event("MODIFIED", "b", kind="Pod", status=1), event("BOOKMARK", "x"), event("DELETED", "a")]

    def behind(_method: str, path: str, _body: Any) -> tuple[int, Any]:
        return 200, "".join(events) if "watch=1" in path else listed

    api_server.behind = behind
    seen = [sorted(name for _, name in objects) for objects in watched(api, PODS, Deadline(9.5), fields="metadata.name=a", labels="x in (y)")]
    assert seen == [["a"], ["a", "b"], ["a", "b"], ["a", "b"], ["b"]]
    query = "&fieldSelector=metadata.name%3Da&labelSelector=x%20in%20%28y%29"
    assert [path for _, path, _ in api_server.requests] == [
        f"{PODS}?{query[1:]}",
        f"{PODS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=10&resourceVersion=7{query}",
    ]


def test_objects_of_a_list_are_told_what_they_are(api: Api, api_server: ApiServer) -> None:
    api_server.answer("GET", PODS, (200, {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]}))
    assert next(iter(watched(api, PODS, Deadline(5)))) == {("", "a"): {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}}


@pytest.mark.parametrize("code", [410, 500])
def test_what_is_forgotten_ends_a_watch_and_other_errors_are_told(api: Api, api_server: ApiServer, code: int) -> None:
    error = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "too old"}}) + "\n"
    api_server.answer("GET", PODS, (200, {"items": []}))
    api_server.answer("GET", "*", (200, error))
    seeing = watched(api, PODS, Deadline(5))
    assert next(seeing) == {}
    if code == 410:
        assert list(seeing) == []
    else:
        with pytest.raises(ApiError, match=rf"^500 Internal Server Error: too old \(watching {PODS}\)$"):
            list(seeing)
