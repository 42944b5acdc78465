"""A command that lasts, over a socket pair: the test is the engine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

import pytest

from pytest_kind.errors import EngineError
from pytest_kind.provision.docker_engine.streams import Attached
from support.credentials import PKI


def frame(content: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxL", stream, len(content)) + content


@pytest.fixture(params=["plain", "TLS"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the engine's."""
    ours, engines = socket.socketpair()
    if request.param == "TLS":
        serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        serving.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
        asking.load_verify_locations(PKI / "authority.crt")
        asking.check_hostname = False
        wrapped: list[socket.socket] = []
        shaking = threading.Thread(target=lambda: wrapped.append(serving.wrap_socket(engines, server_side=True)))
        shaking.start()
        ours = asking.wrap_socket(ours)
        shaking.join()
        (engines,) = wrapped
    with ours, engines:
        yield ours, engines


def test_standard_output_in_pieces_and_what_was_complained_of(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    attached = Attached(ours)
    whole = frame(b"hel") + frame(b"oops\n", 2) + frame(b"lo")
    for at in range(0, len(whole), 5):
        engines.sendall(whole[at : at + 5])
    got = b""
    while len(got) < 5:
        got += attached.receive()
    assert (got, attached.complaints) == (b"hello", "oops")
    attached.close()
    attached.close()


def test_both_directions_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    attached = Attached(ours)
    much = bytes(range(256)) * 8192

    def echo() -> None:
        left = len(much)
        while left:
            piece = engines.recv(1 << 16)
            left -= len(piece)
            engines.sendall(frame(piece))

    echoing = threading.Thread(target=echo)
    sending = threading.Thread(target=attached.send, args=(much,))
    echoing.start()
    sending.start()
    got = bytearray()
    while len(got) < len(much):
        got += attached.receive()
    sending.join()
    echoing.join()
    assert bytes(got) == much
    attached.close()


def test_closing_lets_go_of_whoever_receives_and_nothing_can_be_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    attached = Attached(ours)
    got: list[bytes] = []
    receiving = threading.Thread(target=lambda: got.append(attached.receive()))
    receiving.start()
    attached.close()
    receiving.join(20)
    assert got == [b""]
    with pytest.raises(EngineError, match="the command's connection is over"):
        attached.send(b"x" * (1 << 20))


def test_a_command_that_ends_ends_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, engines = pair
    attached = Attached(ours)
    engines.sendall(frame(b"last words"))
    with contextlib.suppress(OSError):
        engines.shutdown(socket.SHUT_RDWR)
    engines.close()
    assert attached.receive() == b"last words"
    assert attached.receive() == b""
    attached.close()
