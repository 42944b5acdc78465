"""Why no engine answers, by what is at its address."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.diagnose.doctor.collect.unreachable import why_unreachable


@pytest.fixture(autouse=True)
def _no_docker_of_the_users(own_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def rude() -> Iterator[int]:
    """A port of loopback where whoever comes is told something that no engine says."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def found(cache: Path) -> list[tuple[str, str]]:
    """What the whole command says, with the real library below it: in a process of its own, since that leaves connections open."""
    command = [sys.executable, "-m", "pytest_kind.cli", f"--cache-dir={cache}", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert (said["engine"], said["not_looked_at"]) == (None, ["the engine and its machine: no engine answers"])
    return [(one["id"], one["found"]) for one in said["findings"] if one["id"].startswith("engine")]


@pytest.mark.parametrize(
    ("host", "rule", "said"),
    [
        ("unix:///nowhere.sock", "engine-socket", "unix:///nowhere.sock (DOCKER_HOST): no such socket"),
        ("tcp://127.0.0.1:1", "engine-refused", "tcp://127.0.0.1:1 (DOCKER_HOST): connection refused"),
        ("tcp://127.0.0.1:notaport", "engine-address", "tcp://127.0.0.1:notaport (DOCKER_HOST): Port could not be cast"),
        ("tcp://nobody.invalid:2375", "engine-address", "tcp://nobody.invalid:2375 (DOCKER_HOST): Error while fetching"),
        ("gopher://x", "engine-address", "gopher://x (DOCKER_HOST): Invalid bind address protocol: gopher://x"),
        ("ssh://me@nobody.invalid", "engine-address", "ssh://me@nobody.invalid (DOCKER_HOST): Install paramiko package"),
    ],
)
def test_a_wrong_address(cache: Path, monkeypatch: pytest.MonkeyPatch, host: str, rule: str, said: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    ((name, words),) = found(cache)
    assert (name, words[: len(said)]) == (rule, said)


def test_what_is_no_engine(cache: Path, monkeypatch: pytest.MonkeyPatch, rude: int) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{rude}")
    ((name, words),) = found(cache)
    assert name == "engine-tls"
    assert "HTTPS server" in words


def test_certificates_that_are_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    ((name, words),) = found(cache)
    assert name == "engine-tls"
    assert "client_cert" in words


def test_a_socket_that_nobody_has(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'sock'}")
    assert found(cache) == [("engine-refused", f"unix://{tmp_path / 'sock'} (DOCKER_HOST): connection refused")]


@pytest.mark.parametrize(
    ("error", "state"),
    [(PermissionError(13, "Permission denied"), "forbidden"), (TimeoutError(), "silent"), (OSError(113, "No route to host"), "silent")],
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
