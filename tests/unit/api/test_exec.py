"""Commands in containers, as the API server carries them."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.api.exec import Broken, Ran, Refused, run
from pytest_kind.api.http import tls_context
from pytest_kind.waiting import Deadline
from support.credentials import credentials
from support.pods import Pods, serving

PATH = "/api/v1/namespaces/mine/pods/a/exec?container=main&command=x&stdout=true&stderr=true"
WELL = b"\x03" + json.dumps({"status": "Success"}).encode()


def failure(**more: object) -> bytes:
    return b"\x03" + json.dumps({"status": "Failure", **more}).encode()


@pytest.fixture
def pods() -> Iterator[Pods]:
    with serving() as server:
        yield server


def ran(pods: Pods, scratch: Path, given: bytes | None = None, seconds: float = 10) -> Ran:
    flag = "true" if given is not None else "false"
    return run(pods.url, f"{PATH}&stdin={flag}", tls_context(credentials(pods.url), scratch), given, Deadline(seconds))


def test_both_streams_and_the_end(pods: Pods, tmp_path: Path) -> None:
    pods.says = [b"\x01ou", b"\x02err", b"\x01t", b"\x04ignored", WELL]
    result = ran(pods, tmp_path)
    assert (bytes(result.stdout), bytes(result.stderr), result.code) == (b"out", b"err", 0)


def test_input_is_sent_to_its_end(pods: Pods, tmp_path: Path) -> None:
    pods.says = [WELL]
    given = os.urandom(200_000)
    assert ran(pods, tmp_path, given).code == 0
    assert pods.heard == given
    pods.heard = b""
    assert ran(pods, tmp_path, b"").code == 0


def test_a_command_that_ends_before_its_input_does(pods: Pods, tmp_path: Path) -> None:
    pods.says = [WELL]
    result = run(pods.url, f"{PATH}&stdin=false", tls_context(credentials(pods.url), tmp_path), bytes(5_000_000), Deadline(10))
    assert result.code == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (failure(reason="NonZeroExitCode", details={"causes": [{"reason": "ExitCode", "message": "3"}]}), 3),
        (failure(reason="InternalError", message="no such file"), None),
    ],
)
def test_how_it_failed(pods: Pods, tmp_path: Path, message: bytes, code: int | None) -> None:
    pods.says = [message]
    result = ran(pods, tmp_path)
    assert result.code == code
    assert result.status is not None


def test_one_that_does_not_end_in_time_has_what_it_wrote(pods: Pods, tmp_path: Path) -> None:
    pods.says, pods.patience = [b"\x01begun"], threading.Event()
    result = ran(pods, tmp_path, seconds=0.5)
    pods.patience.set()
    assert (bytes(result.stdout), result.status) == (b"begun", None)


def test_an_end_without_a_word_and_a_refusal(pods: Pods, tmp_path: Path) -> None:
    with pytest.raises(Broken, match="ended before the command did"):
        ran(pods, tmp_path)
    pods.script = ["404"]
    with pytest.raises(Refused, match=r'^404 Not Found: pods "web" not found \(GET /\S+\)$'):
        ran(pods, tmp_path)


def test_in_an_event_loop(pods: Pods, tmp_path: Path) -> None:
    pods.says = [WELL]

    async def test() -> int | None:
        return ran(pods, tmp_path).code

    assert asyncio.run(test()) == 0
