"""Ginkgo's server for parallel processes, in its HTTP form: what the ``ginkgo`` command is to the processes of a suite.

Each process asks for the index of the next spec, runs it, and posts its report. Here whoever listens decides which index comes
next, and a process that asks waits until there is one. Source: ginkgo v2, ``internal/parallel_support`` (its client; the same
since 2.0).
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

# The environment that makes a suite's processes speak HTTP.
ENVIRONMENT = {"GINKGO_PARALLEL_PROTOCOL": "HTTP"}


class Listener(Protocol):
    """Who is told, and asked. Called from several threads; ``process`` is counted from 1."""

    def next_index(self, process: int) -> int:
        """The index of the next group of specs; beyond the last one the process ends. May take as long as it likes."""

    def did_run(self, process: int, report: dict[str, Any]) -> None:
        """A spec, or a node of the whole suite such as BeforeSuite, was run."""

    def others_ended(self, process: int) -> bool:
        """Whether all processes but this one are gone."""

    def others_report(self, process: int) -> dict[str, Any]:
        """What the others ran, as one report of ginkgo's."""


class Exchange:
    """The server: on loopback, at an address that nobody can guess, so that only the suite's processes speak to it."""

    def __init__(self, listener: Listener) -> None:
        self._secret = secrets.token_urlsafe(16)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.exchange = self
        self.listener = listener
        self.suite_states: dict[str, dict[str, Any] | int] = {}  # what process 1 told of its BeforeSuite, for the others
        self._thread = threading.Thread(target=self._server.serve_forever, name="kind-ginkgo-exchange", daemon=True)
        self._thread.start()

    def address(self, process: int) -> str:
        """Where one process finds us: its number is in the path, for ginkgo's requests do not carry it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/{self._secret}/{process}"

    def process_of(self, path: str) -> tuple[int, str] | None:
        """Which process asks for what, if it is one of ours."""
        parts = path.split("/")
        if len(parts) != 4 or not secrets.compare_digest(parts[1], self._secret) or not parts[2].isdigit():  # noqa: PLR2004 - "", secret, process, what
            return None
        return int(parts[2]), parts[3]

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a process that is gone may have left a question
    exchange: Exchange

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's
        """A process that was killed cuts its connection: no news, its end is seen elsewhere."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Says nothing: a request a spec is no news."""

    def do_GET(self) -> None:
        exchange, asked = self.server.exchange, self._asked()
        if asked is None:
            return
        process, what = asked
        if what in {"up", "abort"}:  # an abort is a signal of ours to the process
            self._answer(HTTPStatus.OK)
        elif what == "counter":
            self._answer(HTTPStatus.OK, {"Index": exchange.listener.next_index(process)})
        elif what in {"before-suite-state", "report-before-suite-state"}:
            state = exchange.suite_states.get(what)
            self._answer(HTTPStatus.TOO_EARLY if state is None else HTTPStatus.OK, state)
        elif what == "have-nonprimary-procs-finished":
            self._answer(HTTPStatus.OK if exchange.listener.others_ended(process) else HTTPStatus.TOO_EARLY)
        elif what == "aggregated-nonprimary-procs-report":
            ended = exchange.listener.others_ended(process)
            self._answer(HTTPStatus.OK if ended else HTTPStatus.TOO_EARLY, exchange.listener.others_report(process) if ended else None)
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        exchange, asked = self.server.exchange, self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if asked is None:
            return
        process, what = asked
        if what == "did-run":
            exchange.listener.did_run(process, json.loads(body))
        elif what in {"before-suite-completed", "report-before-suite-completed"}:
            exchange.suite_states[what.replace("completed", "state")] = json.loads(body)
        elif what not in {"suite-will-begin", "suite-did-end", "emit-output", "progress-report", "abort"}:  # whose news are in the reports, too
            self._answer(HTTPStatus.NOT_FOUND)
            return
        self._answer(HTTPStatus.OK)

    def _asked(self) -> tuple[int, str] | None:
        asked = self.server.exchange.process_of(self.path)
        if asked is None:
            self.close_connection = True
            self._answer(HTTPStatus.NOT_FOUND)
        return asked

    def _answer(self, status: HTTPStatus, content: object = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # whoever asked was killed; that is seen where its end is
