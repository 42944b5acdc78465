"""One process of a suite."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pytest_kind.e2e import exchange
from pytest_kind.e2e.suite import Suite, environment, last_lines

_RUN = re.compile(r'Starting e2e run "([0-9a-f-]+)"')
_HEAD = 1 << 16
_TAIL = 1 << 14


class SuiteProcess:
    """A running test binary. It dies with the thread that started it, however that one dies."""

    def __init__(self, suite: Suite, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*_tie(), str(suite.binary.absolute()), *arguments, *suite.args],
                cwd=suite.folder,
                env={**environment(), **exchange.ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,  # a Ctrl-C is for us: we end it in order
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit status, or nothing while it runs on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def interrupt(self) -> None:
        """Asks it to break off its spec, clean up and end; once more: without clean-up."""
        if self.alive:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once, with what it started."""
        if self.alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def run(self) -> str | None:
        """The id that its namespaces carry as the label ``e2e-run``, once it has said it."""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            found = _RUN.search(file.read(_HEAD))
        return found[1] if found else None

    def last_words(self) -> str:
        """The end of its output."""
        size = self.log.stat().st_size
        with self.log.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            return last_lines(file.read().decode(errors="replace"))


def _tie() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()
