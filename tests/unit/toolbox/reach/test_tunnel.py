"""From a relay, which runs on this machine here, to a server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from pytest_kind.errors import EngineError, KindError
from pytest_kind.toolbox.reach.relay import Post, Relay
from pytest_kind.toolbox.reach.tunnel import Tunnel, tunnelling
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.commands import Spoken
from support.credentials import PKI

POST = Post(node="n", container="c", addresses=("127.0.0.1",), word="a-word")
WHOLE = 3 << 20
PIECE = 1 << 14


class Provider:
    """As much of one as a relay takes; ``instead`` runs in its place."""

    def __init__(self, *instead: str) -> None:
        self._instead = instead
        self.spoken: list[Spoken] = []

    def converse(self, container: str, argv: Sequence[str]) -> Spoken:
        assert container == "c"
        self.spoken.append(Spoken(self._instead or argv))
        return self.spoken[-1]


def opened(provider: Provider, post: Post = POST) -> Relay:
    return Relay.open(provider, post)  # type: ignore[arg-type]


@contextlib.contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """Answers each connection in a thread, until the block ends."""
    threads: list[threading.Thread] = []

    def work(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            answer(client)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=work, args=(client,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for thread in threads:
        thread.join()


def echo(client: socket.socket) -> None:
    while piece := client.recv(1 << 16):
        client.sendall(piece)


def digest(client: socket.socket) -> None:
    client.sendall(hashlib.sha256(read(client)).digest())


def read(client: socket.socket, size: int = 1 << 40) -> bytes:
    whole = bytearray()
    while len(whole) < size and (piece := client.recv(1 << 16)):
        whole += piece
    return bytes(whole)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


@contextlib.contextmanager
def tunnel(address: tuple[str, int], provider: Provider | None = None, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, Tunnel]]:
    engine = provider or Provider()
    relay = opened(engine)
    one = Tunnel(relay, lambda: opened(engine, POST.at(relay.port)), address, context)
    with tunnelling(one):
        yield relay.port, one


def test_before_it_is_told_to_go_it_says_its_word() -> None:
    relay = opened(Provider())
    with connect(relay.port) as client:
        assert read(client) == b"a-word\n"
    relay.close()
    with pytest.raises(ConnectionRefusedError):
        connect(relay.port)


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (("sh", "-c", "echo no perl here >&2"), "the relay on n did not start: no perl here"),
        (("echo", "OCI runtime exec failed"), "the relay said 'OCI runtime exec failed'"),
    ],
)
def test_a_relay_that_does_not_start_is_told(instead: tuple[str, ...], said: str) -> None:
    with pytest.raises(KindError, match=said):
        opened(Provider(*instead))


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(KindError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            opened(Provider(), POST.at(port))


def test_two_hundred_at_once() -> None:
    with server(echo) as address, tunnel(address) as (port, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(f"{number:03}".encode())
        assert [read(client, 3) for client in clients] == [f"{number:03}".encode() for number in range(200)]


def test_one_that_nobody_reads_holds_up_no_other() -> None:
    data = os.urandom(WHOLE)
    with server(echo) as address, tunnel(address) as (port, _), connect(port) as stuck, connect(port) as other:
        stuck.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                stuck.send(data)
        sending = threading.Thread(target=other.sendall, args=(data,))
        sending.start()
        assert read(other, len(data)) == data
        sending.join()


def test_one_direction_ends_before_the_other() -> None:
    data = os.urandom(WHOLE)
    with server(digest) as address, tunnel(address) as (port, _), connect(port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read(client) == hashlib.sha256(data).digest()


def test_a_client_that_breaks_off_breaks_the_servers_connection() -> None:
    broken = threading.Event()

    def notice(client: socket.socket) -> None:
        try:
            client.sendall(b"x")
            read(client)
        except ConnectionResetError:
            broken.set()

    with server(notice) as address, tunnel(address) as (port, _):
        with connect(port) as client:
            assert read(client, 1) == b"x"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert broken.wait(20)


def test_a_server_that_breaks_off_breaks_the_clients_connection() -> None:
    def abort(client: socket.socket) -> None:
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with server(abort) as address, tunnel(address) as (port, _), connect(port) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_where_nobody_listens_clients_are_reset_and_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    with tunnel(address) as (port, one), connect(port) as client:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert "nobody takes it here" in str(one.failure)
    assert "expose: a connection of 127.0.0.1: nobody takes it here" in caplog.text


def test_tls_ends_before_the_server() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
    believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believing.load_verify_locations(PKI / "authority.crt")
    believing.check_hostname = False
    data = os.urandom(WHOLE)
    with server(echo) as address, tunnel(address, context=context) as (port, one):
        with believing.wrap_socket(connect(port)) as client:
            # One thread: OpenSSL's connections are not for two at a time.
            for at in range(0, len(data), PIECE):
                client.sendall(data[at : at + PIECE])
                assert read(client, PIECE) == data[at : at + PIECE]
        with pytest.raises(ssl.SSLError), ssl.create_default_context().wrap_socket(connect(port), server_hostname="localhost"):
            pass
        wait_for("it is told", lambda: "TLS failed" in str(one.failure) or NotYet(str(one.failure)), Deadline(10))


def test_when_the_relay_ends_another_takes_its_place_at_the_same_port(caplog: pytest.LogCaptureFixture) -> None:
    provider = Provider()
    with server(echo) as address, tunnel(address, provider) as (port, one), connect(port) as client:
        client.sendall(b"x")
        assert read(client, 1) == b"x"
        provider.spoken[0].process.kill()

        def again() -> bytes | NotYet:
            try:
                with connect(port) as other:
                    other.sendall(b"y")
                    said = other.recv(100)
                    return said if said == b"y" else NotYet(f"it said {said!r}")  # its word, before it goes
            except OSError as error:
                return NotYet(str(error))

        assert wait_for("an answer", again, Deadline(20)) == b"y"
        assert "the relay on n ended" in str(one.failure)
    assert "nothing is passed on until it runs again" in caplog.text
    assert len(provider.spoken) == 2


def test_while_none_can_be_started_it_goes_on_trying_and_the_end_ends_it() -> None:
    provider = Provider()
    relay = opened(provider)
    tries: list[int] = []

    def refuse() -> Relay:
        tries.append(1)
        raise EngineError("the container is not running")

    one = Tunnel(relay, refuse, ("127.0.0.1", 9))
    with tunnelling(one):
        provider.spoken[0].process.kill()
        wait_for("it has tried", lambda: len(tries) > 1 or NotYet("not yet"), Deadline(20))
        assert one.failure == "the container is not running"


def test_the_end_cuts_connections_and_leaves_nothing() -> None:
    provider = Provider()
    with server(echo) as address:
        with tunnel(address, provider) as (port, _):
            client = connect(port)
            client.sendall(b"x")
            assert read(client, 1) == b"x"
        with client, pytest.raises(ConnectionResetError):
            client.recv(1)
    assert provider.spoken[0].process.returncode == 0
    assert "pytest-kind-expose" not in {thread.name for thread in threading.enumerate()}
