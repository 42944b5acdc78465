"""What is followed of a cluster while it comes, goes, and says nothing that can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_kind.api import kubeconfig
from pytest_kind.html_report import follow
from pytest_kind.html_report.follow import Events, Follower, Pods
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.api_server import ApiServer
from support.credentials import admin_conf

Start = Callable[[type[Follower]], Follower]


def watch_of(path: str, version: str = "5") -> str:
    return f"{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true"


def pod(uid: str, phase: str | None = "Running") -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "status": {"phase": phase} if phase else {}}


def event(uid: str, version: str = "1") -> dict[str, Any]:
    meta = {"uid": uid, "resourceVersion": version, "creationTimestamp": "2026-11-28T15:00:00Z"}
    return {"metadata": meta, "involvedObject": {"kind": "Pod"}, "reason": uid}


def listed(*items: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"metadata": {"resourceVersion": "5"}, "items": list(items)}


def changes(*told: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    return 200, "".join(f"{json.dumps({'type': kind, 'object': document})}\n" for kind, document in told)


@pytest.fixture
def file(api_server: ApiServer, tmp_path: Path) -> Path:
    """The kubeconfig of the server."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig.outside(admin_conf(), "c", api_server.url)), encoding="utf-8")
    return path


@pytest.fixture
def start(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts one that asks again at once."""
    monkeypatch.setattr(follow, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(follow, "_END_SECONDS", 60)
    started: list[Follower] = []

    def begin(kind: type[Follower]) -> Follower:
        started.append(kind("c", file))
        started[-1].start()
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def until(what: str, true: Callable[[], object]) -> None:
    wait_for(what, lambda: True if true() else NotYet("not yet"), Deadline(30), every=0.01)


def test_events_are_those_of_the_list_and_what_comes_after(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", "/version", (200, {"gitVersion": "v9.8.7"}))
    api_server.answer("GET", follow.EVENTS, listed(event("old")))
    api_server.answer(
        "GET", watch_of(follow.EVENTS), changes(("ADDED", event("new")), ("MODIFIED", event("new", "2")), ("DELETED", event("old")), ("BOOKMARK", {}))
    )
    events = start(Events)
    assert isinstance(events, Events)
    until("it was listed again", lambda: len([1 for _, path, _ in api_server.requests if path == follow.EVENTS]) > 2)
    events.stop()
    assert [one.reason for one in events.known] == ["old", "new", "new"]  # each once, however often it is listed
    assert events.known[0].at < 1_795_878_001 < events.known[1].at
    assert (events.count, events.kubernetes, events.problem, events.silent) == (3, "v9.8.7", None, [])
    assert len([1 for _, path, _ in api_server.requests if path == "/version"]) == 1


def test_one_that_ends_at_once_has_listed(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, listed(pod("a")))
    pods = start(Pods)
    pods.stop()
    assert isinstance(pods, Pods)
    assert [one.phases for one in pods.counts.known] == [{"Running": 1}]
    assert [path for _, path, _ in api_server.requests] == [follow.PODS]


def test_only_the_latest_events_are_kept(api_server: ApiServer, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_MOST_EVENTS", 3)
    api_server.answer("GET", "/version", (200, {"gitVersion": "v9.8.7"}))
    api_server.answer("GET", follow.EVENTS, listed(*(event(str(number)) for number in range(10))))
    events = start(Events)
    assert isinstance(events, Events)
    until("all came", lambda: events.count == 10)
    assert [one.reason for one in events.known] == ["7", "8", "9"]


def test_pods_are_counted(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, listed(pod("a"), pod("b", None)), (500, {"message": "no"}))
    api_server.answer("GET", watch_of(follow.PODS), changes(("ADDED", pod("c", "Pending")), ("MODIFIED", pod("b", "Failed")), ("DELETED", pod("a"))))
    pods = start(Pods)
    assert isinstance(pods, Pods)
    until("all came", lambda: pods.counts.known and pods.counts.known[-1].phases == {"Failed": 1, "Pending": 1})


def test_an_api_that_never_answered_is_a_problem(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, (403, {"message": "not you\nand nobody"}))
    pods = start(Pods)
    until("it asked", lambda: pods.problem)
    assert pods.problem == "403 Forbidden: not you (GET /api/v1/pods)"


def test_an_api_that_is_silent_for_a_while_is_none_and_that_is_told(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, listed(), *[(500, {"message": "no"})] * 20, listed())
    api_server.answer("GET", watch_of(follow.PODS), changes())
    pods = start(Pods)
    until("it was back", lambda: pods.silent)
    (begin, end) = pods.silent[0]
    assert begin < end
    assert pods.problem is None


def test_a_watch_whose_version_is_too_old_is_no_silence(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, listed())
    api_server.answer("GET", watch_of(follow.PODS), changes(("ERROR", {"code": 410, "message": "too old"})))
    pods = start(Pods)
    until("it was listed again", lambda: len([1 for _, path, _ in api_server.requests if path == follow.PODS]) > 2)
    pods.stop()
    assert pods.silent == []


def test_one_that_is_silent_at_the_end_was_so_until_then(api_server: ApiServer, start: Start) -> None:
    api_server.answer("GET", follow.PODS, listed(), (500, {"message": "no"}))
    api_server.answer("GET", watch_of(follow.PODS), changes())
    pods = start(Pods)
    until("it was silent", lambda: pods._quiet_since)
    pods.stop()
    assert len(pods.silent) == 1


@pytest.mark.parametrize(
    "answer", [(200, {"items": [{}], "metadata": {"resourceVersion": "5"}}), (200, {"items": []}), (200, "no json"), (200, "[]")]
)
def test_what_cannot_be_read_is_a_problem_and_no_end(api_server: ApiServer, start: Start, answer: tuple[int, Any]) -> None:
    api_server.answer("GET", follow.PODS, answer, answer, listed())
    api_server.answer("GET", watch_of(follow.PODS), changes())
    pods = start(Pods)
    until("it was read", lambda: pods._listed)
    assert pods.problem is None


@pytest.mark.parametrize("text", ["", "clusters: []", "\t", "a: [", "5"])
def test_a_kubeconfig_that_is_none(file: Path, start: Start, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    pods = start(Pods)
    until("it looked", lambda: pods.problem)


def test_a_kubeconfig_that_is_gone(file: Path, start: Start) -> None:
    file.unlink()
    pods = start(Pods)
    until("it looked", lambda: pods.problem)
    assert "No such file" in str(pods.problem)
