"""An attached command's two directions, over a socket pair: the test is the engine."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from pytest_kind.provision.docker_engine.streams import talk


def frame(content: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxL", stream, len(content)) + content


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, engines = socket.socketpair()
    with ours, engines:
        yield ours, engines


@contextlib.contextmanager
def command(engines: socket.socket, work: Callable[[socket.socket], None]) -> Iterator[None]:
    """What the engine does at its end, which it closes afterwards."""

    def run() -> None:
        with engines:
            work(engines)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()


def read_all(engines: socket.socket) -> bytes:
    found = bytearray()
    while piece := engines.recv(1 << 16):
        found += piece
    return bytes(found)


def test_input_ends_and_output_comes_after_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair

    def work(end: socket.socket) -> None:
        got = read_all(end)  # returns only when our direction is closed
        end.sendall(frame(f"{len(got)}".encode()) + frame(b"warned", 2))

    with command(engines, work):
        assert talk(ours, [b"x" * 1000] * 3000, 30) == (b"3000000", b"3000000warned")


def test_a_command_that_writes_much_before_it_reads(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    much = b"y" * 3_000_000

    def work(end: socket.socket) -> None:
        end.sendall(frame(much))
        assert len(read_all(end)) == 3_000_000

    with command(engines, work):
        assert talk(ours, [b"x" * 1000] * 3000, 30)[0] == much


def test_a_command_that_ends_early_gets_no_more(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 65536

    with command(engines, lambda end: end.sendall(frame(b"no thanks", 2))):
        assert talk(ours, endless(), 30) == (b"", b"no thanks")
    assert len(taken) < 1000


def test_chunks_that_break_off_end_the_input_and_are_raised(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    got = []

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("the disk is gone")

    with command(engines, lambda end: got.append(read_all(end))), pytest.raises(ValueError, match="the disk is gone"):
        talk(ours, broken(), 30)
    assert got == [b"half"]


@pytest.mark.parametrize(("sent", "said"), [(b"\x01\0\0", "within a header"), (frame(b"whole")[:-1], "within a piece")])
def test_an_answer_that_breaks_off(pair: tuple[socket.socket, socket.socket], sent: bytes, said: str) -> None:
    ours, engines = pair
    with command(engines, lambda end: end.sendall(sent)), pytest.raises(ConnectionError, match=said):
        talk(ours, [], 30)


def test_an_engine_that_goes_silent(pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_kind.provision.docker_engine.streams._GRACE_SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        talk(pair[0], [b"x" * (1 << 24)], 0)
    for one in threading.enumerate():
        if one.name == "pytest-kind-stdin":
            one.join(30)
            assert not one.is_alive()


def test_what_came_with_the_engines_answer_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    engines.sendall(b"HTTP/1.1 101 UPGRADED\r\n\r\n" + frame(b"at once"))
    with engines:
        reader = ours.makefile("rb")
        assert [reader.readline(), reader.readline()] == [b"HTTP/1.1 101 UPGRADED\r\n", b"\r\n"]  # takes the frame into its buffer
        answer = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=reader)))
        engines.shutdown(socket.SHUT_WR)
        assert talk(SimpleNamespace(_sock=ours, _response=answer), [], 30) == (b"at once", b"at once")
        reader.close()
