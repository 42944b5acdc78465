"""An HTTP server on loopback that serves a folder, and goes wrong when a test says so."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path


@dataclass
class FilesServer:
    """A folder and its URL.

    Attributes:
        answered: path and status of each answer so far.
        truncate: send no more than so many bytes of a file, whatever length was announced.
        refuse: the status of every answer from now on.
    """

    folder: Path
    url: str = ""
    answered: list[tuple[str, int]] = field(default_factory=list)
    truncate: int | None = None
    refuse: int | None = None


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, state: FilesServer) -> None:
        self._state = state
        super().__init__(*arguments, directory=str(state.folder))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self._state.refuse is not None:
            self.send_error(self._state.refuse)
        else:
            super().do_GET()

    def copyfile(self, source: object, outputfile: object) -> None:
        limit = self._state.truncate
        outputfile.write(source.read(-1 if limit is None else limit))  # type: ignore[attr-defined]

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del size
        self._state.answered.append((self.path, int(code)))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class' name
        """Says nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[FilesServer]:
    """Serves a folder until the end."""
    state = FilesServer(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, state=state)) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
