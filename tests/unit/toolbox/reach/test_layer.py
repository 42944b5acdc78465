"""TLS that ends in the tunnel, without a connection: both sides' bytes are carried by hand."""

from __future__ import annotations

import ssl

import pytest

from pytest_kind.toolbox.reach.layer import Nothing, ServerTls
from support.credentials import PKI


@pytest.fixture
def server() -> ServerTls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
    return ServerTls(context)


class Client:
    def __init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(PKI / "authority.crt")
        context.check_hostname = False
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)

    def shake_hands(self, server: ServerTls) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                server.decode(self.outgoing.read())
                self.incoming.write(taken(server))
            else:
                assert server.decode(self.outgoing.read()) == b""
                return


def taken(server: ServerTls) -> bytes:
    found = bytearray()
    while piece := server.take(100):
        found += piece
    return bytes(found)


def test_both_directions_and_the_end(server: ServerTls) -> None:
    client = Client()
    assert not server.ready
    client.shake_hands(server)
    assert server.ready
    client.tls.write(b"question" * 10_000)
    assert server.decode(client.outgoing.read()) == b"question" * 10_000
    server.encode(b"answer")
    server.end()
    client.incoming.write(taken(server))
    assert client.tls.read() == b"answer"
    assert client.tls.read() == b""  # the server's goodbye
    client.tls.unwrap()
    assert server.decode(client.outgoing.read()) == b""  # the client's


def test_who_does_not_speak_tls_is_refused(server: ServerTls) -> None:
    with pytest.raises(ssl.SSLError):
        server.decode(b"GET / HTTP/1.1\r\n\r\n")
    server.end()  # and that is no error of ours


def test_bytes_as_they_are() -> None:
    layer = Nothing()
    assert layer.ready
    assert layer.decode(b"x") == b"x"
    layer.encode(b"abc")
    layer.end()
    assert [layer.take(2), layer.take(2), layer.take(2)] == [b"ab", b"c", b""]
