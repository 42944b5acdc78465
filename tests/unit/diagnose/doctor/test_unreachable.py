"""Why no engine answers, by what is at its address."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_kind.diagnose.doctor.collect.unreachable import why_unreachable


@pytest.fixture(autouse=True)
def _no_docker_of_the_users(own_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def state(host: str, said: str) -> str:
    return why_unreachable({"DOCKER_HOST": host}, None, f"no container engine answers at {host}: {said}; start an engine, or name one").state


def test_the_whole_command_says_it(cache: Path) -> None:
    """With the real library below it; in a process of its own, since that leaves connections open."""
    command = [sys.executable, "-m", "pytest_kind.cli", f"--cache-dir={cache}", "doctor", "--json"]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere.sock"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert (said["engine"], said["not_looked_at"]) == (None, ["the engine and its machine: no engine answers"])
    (found,) = (one for one in said["findings"] if one["severity"] == "error")
    assert (found["id"], found["found"]) == ("engine-socket", "unix:///nowhere.sock (DOCKER_HOST): no such socket")


@pytest.mark.parametrize(
    ("host", "words", "expected"),
    [
        ("unix:///nowhere.sock", "('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", "missing"),
        ("tcp://127.0.0.1:1", "Max retries exceeded with url: /version", "refused"),
        ("tcp://127.0.0.1:notaport", "Port could not be cast to integer value as 'notaport'", "unusable"),
        ("gopher://x", "Invalid bind address protocol: gopher://x", "unusable"),
        ("ssh://me@nobody.invalid", "Install paramiko package to enable ssh:// support", "unusable"),
        ("ssh://me@nobody.invalid", "Authentication failed.", "silent"),
        ("tcp://127.0.0.1:1", "Path to a certificate and key files must be provided through the client_cert param.", "tls"),
    ],
)
def test_what_an_address_and_the_librarys_words_come_to(host: str, words: str, expected: str) -> None:
    seen = why_unreachable({"DOCKER_HOST": host}, None, f"no container engine answers at {host}: {words}; start an engine, or name one")
    assert seen.state == expected
    assert seen.origin == "DOCKER_HOST"
    assert seen.said in {words, "no such socket", "connection refused"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('400 Client Error: Bad Request ("Client sent an HTTP request to an HTTPS server.")', "tls"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", "tls"),
        ("404 Client Error: Not Found", "silent"),
    ],
)
def test_what_answers_and_is_no_engine(words: str, expected: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert state(f"tcp://127.0.0.1:{server.getsockname()[1]}", words) == expected


def test_a_socket_that_nobody_has(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "sock"))
    assert state(f"unix://{tmp_path / 'sock'}", "words") == "refused"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (socket.gaierror(-2, "Name or service not known"), "unknown-host"),
        (PermissionError(13, "Permission denied"), "forbidden"),
        (TimeoutError(), "silent"),
        (OSError(113, "No route to host"), "silent"),
    ],
)
def test_what_a_connection_says(monkeypatch: pytest.MonkeyPatch, error: OSError, state: str) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "connect", refuse)
    seen = why_unreachable({}, None, "no container engine answers at x: words; start an engine, or name one")
    assert (seen.address, seen.state) == ("unix:///var/run/docker.sock", state)
    assert seen.origin == "docker's default; no DOCKER_HOST, no context"


def test_a_context_that_names_it_is_said() -> None:
    seen = why_unreachable({}, ("unix:///nowhere.sock", "context 'desktop', DOCKER_CONTEXT"), "words")
    assert (seen.address, seen.origin, seen.state) == ("unix:///nowhere.sock", "context 'desktop', DOCKER_CONTEXT", "missing")
