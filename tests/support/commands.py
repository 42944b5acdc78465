"""A command of this machine in place of one on a node, with which one speaks."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Sequence

from pytest_kind.errors import EngineError


class Spoken:
    """See :class:`~pytest_kind.provision.provider.Conversation`."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = subprocess.Popen(argv, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._in, self._out, self._error = self.process.stdin, self.process.stdout, self.process.stderr
        self._said = b""
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        self._said = self._error.read()

    def send(self, content: bytes) -> None:
        view = memoryview(content)
        try:
            while view:
                view = view[self._in.write(view) :]
        except (OSError, ValueError) as error:
            raise EngineError(str(error)) from error

    def receive(self) -> bytes:
        try:
            return self._out.read(1 << 18) or b""
        except (OSError, ValueError):  # closed, even as it is read
            return b""

    @property
    def complaints(self) -> str:
        self._listening.join(1)
        return self._said.decode().strip()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._in.close()
        self.process.wait()
        self._listening.join()
        self._error.close()
        with contextlib.suppress(ValueError):  # somebody receives, who will meet the end
            self._out.close()
