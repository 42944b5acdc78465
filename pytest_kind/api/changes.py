"""The changes of a collection as the API tells them, for a thread that waits for nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Generator
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from pytest_kind.api.http import ApiError, Document, tls_context
from pytest_kind.api.kubeconfig import Credentials
from pytest_kind.api.reasons import failure, refusal

_CONNECT_SECONDS = 5.0
# A server tells a bookmark every minute (k8s.io/apiserver, cacher.go: bookmarkFrequency), so that one that is quiet for longer is gone.
_QUIET_SECONDS = 90.0
_OK = 300


class Watch:
    """A connection for one watch. One thread reads it, and any other may end it."""

    def __init__(self, credentials: Credentials, scratch: Path) -> None:
        place = urlsplit(credentials.server)
        context = tls_context(credentials, scratch)
        self._server = credentials.server
        self._connection = HTTPSConnection(place.hostname or "", place.port, timeout=_CONNECT_SECONDS, context=context)
        self._socket: socket.socket | None = None
        self._closed = False

    def changes(self, path: str, version: str) -> Generator[tuple[str, Document]]:
        """What happens to the objects of a collection: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``, and the object.

        Args:
            version: the ``resourceVersion`` of the list after which it begins.

        Raises:
            ApiError: the API refused (410: that version is too old, list again), or the connection broke.
        """
        query = urlencode({"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"})
        try:
            self._connection.connect()
            self._socket = self._connection.sock
            if self._closed:
                return
            self._connection.request("GET", f"{path}?{query}", headers={"Accept": "application/json"})
            with self._connection.getresponse() as answer:
                if answer.status >= _OK:
                    raise ApiError(answer.status, refusal(answer.status, answer.read()), f"watching {path}")
                self._socket.settimeout(_QUIET_SECONDS)
                while line := answer.readline():
                    yield _change(path, json.loads(line))
        except (OSError, HTTPException, ValueError, LookupError) as error:
            if not self._closed:
                raise ApiError(0, failure(error), f"watching {self._server}{path}") from error
        finally:
            self._connection.close()

    def close(self) -> None:
        """Ends it, whoever waits for it."""
        self._closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                # The plain socket's: TLS would first take leave of the other side, with what the reading thread is using.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _change(path: str, told: Document) -> tuple[str, Document]:
    kind, about = told["type"], told["object"]
    if kind == "ERROR":
        raise ApiError(code := int(about.get("code", 0)), refusal(code, json.dumps(about).encode()), f"watching {path}")
    return kind, about
