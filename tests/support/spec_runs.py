"""pytest runs of upstream specs that drills watch while they go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

from pytest_kind.waiting import Deadline, NotYet, wait_for

_OUTCOME = re.compile(r"(?P<id>\S+\.go::.*) (?P<outcome>PASSED|FAILED|ERROR|SKIPPED)")


class Run:
    """pytest in an empty folder, watched line by line."""

    def __init__(self, folder: Path, cache: Path, *argv: str, **environ: str) -> None:
        environment = {**os.environ, "PYTEST_KIND_CACHE_DIR": str(cache), **environ}
        command = [sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider", "-v", *argv]
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._queue.put(line.rstrip())

    def until(self, pattern: str, seconds: float = 180) -> None:
        """Waits for a line."""

        def probe() -> bool | NotYet:
            try:
                while True:
                    self.lines.append(self._queue.get_nowait())
                    if re.search(pattern, self.lines[-1]):
                        return True
            except Empty:
                return NotYet("\n".join(self.lines[-5:]))

        wait_for(f"a line {pattern!r}", probe, Deadline(seconds))

    def end(self, seconds: float = 300) -> dict[str, str]:
        """Waits for its end; node id -> outcome."""
        self.process.wait(seconds)
        self.until("in [0-9.]+s")
        return self.outcomes()

    def outcomes(self) -> dict[str, str]:
        """Those that were seen; node id -> outcome."""
        found = (_OUTCOME.match(line) for line in self.lines)
        return {one["id"]: one["outcome"] for one in found if one}

    @property
    def cluster(self) -> str:
        """The name of its cluster."""
        return next(match[1] for match in (re.search(r"(?:creating|copying) cluster (\S+): done", line) for line in self.lines) if match)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def suites(run: Run) -> list[int]:
    """The suite's processes of a run."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "--ginkgo.parallel.process" in line and f"/{run.cluster}/" in line]
