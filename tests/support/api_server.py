"""An API server on loopback: TLS with client certificates, and the answers that a test gives it."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.credentials import PKI

Answer = tuple[int, Any]
"""Status and body: JSON, text, or an iterator of pieces of text, each of which is sent when it comes."""


@dataclass(slots=True)
class ApiServer:
    """What was asked of it, and what it answers: 404 to everything that no test told it of.

    Attributes:
        behind: what knows the answers that no test has given, such as :class:`support.kube.Kube`.
    """

    port: int
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    behind: Callable[[str, str, Any], Answer] | None = None
    _answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        """Gives the answers, status and body, one after the other; the last one stays. ``*`` is every other path."""
        self._answers[method, path] = list(answers)

    def take(self, method: str, path: str, content: str | None, body: Any) -> Answer:
        """Records a request and picks its answer."""
        self.requests.append((method, path, body))
        self.content_types.append(content)
        nothing = [(404, {"kind": "Status", "message": f"nothing at {path}", "code": 404})]
        answers = self._answers.get((method, path)) or self._answers.get((method, "*"), nothing)
        if answers is nothing and self.behind is not None:
            return self.behind(method, path, body)
        return answers[0] if len(answers) == 1 else answers.pop(0)


@contextmanager
def serving() -> Iterator[ApiServer]:
    """One that runs in a thread of this process until the block ends."""
    server: ApiServer

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keeps standard error clean."""

        def _respond(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = server.take(self.command, self.path, self.headers.get("Content-Type"), body)
            if isinstance(answer, Iterator):
                self.send_response(status)
                self.end_headers()
                with suppress(OSError):  # whoever listened has enough
                    for piece in answer:
                        self.wfile.write(piece.encode())
                return
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _respond  # noqa: N815 - http.server's names

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
    context.load_verify_locations(PKI / "authority.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        server = ApiServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, name="api-server")
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
