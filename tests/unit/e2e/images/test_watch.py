"""Pods whose image cannot be pulled, by an API server on loopback."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.e2e.images.watch import PullFailure, PullWatch, pull_failures
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.api_server import ApiServer
from support.credentials import credentials

PODS = "/api/v1/pods?resourceVersion=0"
LISTED = "registry.k8s.io/e2e-test-images/busybox:1"
INVALID = "invalid.registry.k8s.io/invalid/alpine:3.1"
SECONDS = 10.0


def pod(name: str = "p", image: str = LISTED, reason: str = "ErrImagePull", namespace: str = "n", kind: str = "container") -> dict[str, Any]:
    waiting = {"waiting": {"reason": reason, "message": "not found"}}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {f"{kind}s": [{"name": "c", "image": image}]},
        "status": {f"{kind}Statuses": [{"name": "c", "image": "as-the-runtime-says", "state": waiting}]},
    }


class Watched:
    """A watch and what it reported."""

    def __init__(self, server: ApiServer, scratch: Path, on_failure: Callable[[PullFailure], None] | None = None) -> None:
        self.reported: queue.Queue[PullFailure] = queue.Queue()
        self.watch = PullWatch(credentials(server.url), scratch, [LISTED, INVALID], on_failure or self.reported.put, patience=0, every=0.01)

    def next(self) -> PullFailure:
        return self.reported.get(timeout=SECONDS)


@pytest.fixture
def server(api_server: ApiServer) -> ApiServer:
    api_server.answer("GET", "/api/v1/namespaces/n", (200, {"metadata": {"labels": {"e2e-run": "run-7"}}}))
    api_server.answer("GET", PODS, (200, {"items": []}))
    return api_server


@pytest.fixture
def watched(server: ApiServer, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(server, tmp_path)
    yield made
    made.watch.stop()


def looked(server: ApiServer, times: int) -> None:
    """Waits until the pods were listed so many times more."""
    before = len(server.requests)

    def probe() -> NotYet | None:
        seen = sum(1 for _, path, _ in server.requests[before:] if path == PODS)
        return None if seen >= times else NotYet(f"listed {seen} times")

    wait_for("looks", probe, Deadline(SECONDS))


def test_a_spec_has_a_while_to_do_without(server: ApiServer, tmp_path: Path) -> None:
    now, reported = [1000.0], queue.Queue[PullFailure]()
    server.answer("GET", PODS, (200, {"items": [pod("a")]}))
    watch = PullWatch(credentials(server.url), tmp_path, [LISTED], reported.put, patience=60, every=0.01, clock=lambda: now[0])
    try:
        looked(server, 3)
        now[0] += 59.9
        looked(server, 3)
        assert reported.empty()
        now[0] += 0.2
        assert reported.get(timeout=SECONDS).pod == "a"
    finally:
        watch.stop()


def test_a_failure_is_reported_once_for_its_namespace(server: ApiServer, watched: Watched) -> None:
    server.answer("GET", PODS, (200, {"items": [pod("a"), pod("b", reason="ImagePullBackOff")]}))
    expected = PullFailure(namespace="n", pod="a", image=LISTED, reason="ErrImagePull", message="not found", run="run-7")
    assert watched.next() == expected
    looked(server, 3)
    server.answer("GET", PODS, (200, {"items": [pod("a"), pod("c", namespace="m")]}))
    later = watched.next()
    assert (later.namespace, later.pod, later.run) == ("m", "c", "")  # a namespace that is gone when it is asked for
    looked(server, 3)
    assert watched.reported.empty()


@pytest.mark.parametrize("kind", ["initContainer", "container", "ephemeralContainer"])
@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"])
def test_every_kind_of_container_and_every_word_of_the_kubelet(kind: str, reason: str) -> None:
    assert list(pull_failures(pod(image="busybox", reason=reason, kind=kind))) == [("docker.io/library/busybox:latest", reason, "not found")]


@pytest.mark.parametrize(
    "other",
    [
        pod(reason="ContainerCreating"),
        pod(reason="InvalidImageName"),
        {"metadata": {}, "spec": {"containers": []}, "status": {}},
        {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
        {"metadata": {}, "spec": {"containers": []}, "status": {"containerStatuses": [{"name": "c", "image": "x", "state": {"running": {}}}]}},
    ],
)
def test_what_is_no_failure_to_pull(other: dict[str, Any]) -> None:
    assert list(pull_failures(other)) == []


def test_images_that_shall_fail_and_those_of_nobody_are_passed_over(server: ApiServer, watched: Watched) -> None:
    server.answer("GET", PODS, (200, {"items": [pod("a", INVALID), pod("b", "quay.io/nobody/lists:it"), pod("c")]}))
    assert watched.next().pod == "c"
    looked(server, 2)
    assert watched.reported.empty()


def test_an_api_that_is_away_is_asked_again(server: ApiServer, watched: Watched) -> None:
    away = (503, {"message": "etcd is not there"})
    server.answer("GET", PODS, away)
    looked(server, 2)
    assert watched.watch.last_failure == f"503 Service Unavailable: etcd is not there (GET {PODS})"
    server.answer("GET", PODS, (200, {"items": [pod()]}))
    server.answer("GET", "/api/v1/namespaces/n", away, (200, {"metadata": {"labels": {"e2e-run": "run-8"}}}))
    assert watched.next().run == "run-8"
    looked(server, 2)
    assert watched.watch.last_failure is None


def test_what_the_callback_raises_ends_it_and_is_not_lost(server: ApiServer, tmp_path: Path) -> None:
    raised = threading.Event()

    def broken(_: PullFailure) -> None:
        raised.set()
        raise LookupError("no such run")

    server.answer("GET", PODS, (200, {"items": [pod()]}))
    watched = Watched(server, tmp_path, broken)
    assert raised.wait(SECONDS)
    with pytest.raises(LookupError, match="no such run"):
        watched.watch.stop()
    watched.watch.stop()


def test_the_end_of_it(server: ApiServer, tmp_path: Path) -> None:
    watched = Watched(server, tmp_path)
    looked(server, 1)
    watched.watch.stop()
    asked = len(server.requests)
    assert not [one for one in threading.enumerate() if one.name == "pytest-kind-pulls"]
    assert len(server.requests) == asked
