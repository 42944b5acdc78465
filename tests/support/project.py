"""A user's project, run by the real plugin on the fake engine."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import pty
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

import pytest_kind
from support import plugin
from support.engine import FakeEngine

# A run in this process forgets the modules that it imports. What the plugin imports late is therefore imported here:
# else the second run would patch the first one's modules (they stay attributes of their package).
for _module in pkgutil.walk_packages(pytest_kind.__path__, "pytest_kind."):
    import_module(_module.name)


@dataclass
class Project:
    """A folder with tests, an engine and a cache."""

    pytester: pytest.Pytester
    engine: FakeEngine
    cache: Path

    def run(self, *args: str) -> pytest.RunResult:
        """Runs pytest in this process."""
        return self.pytester.runpytest_inprocess(*args, plugins=[plugin], no_reraise_ctrlc=True)

    def run_apart(self, *args: str) -> pytest.RunResult:
        """Runs pytest in a process of its own, and of workers: without hypothesis, which each would take 0.2 s to load."""
        return self.pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "support.plugin", *args)

    def on_a_terminal(self, *args: str) -> tuple[int, str]:
        """The same on a terminal of eighty columns: its exit code, and what it wrote."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "support.plugin", *args]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
        environment.pop("CI", None)
        with subprocess.Popen(command, cwd=self.pytester.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            said = b""
            with contextlib.suppress(OSError):  # there is nobody left to write
                while piece := os.read(ours, 4096):
                    said += piece
        os.close(ours)
        return process.returncode, said.decode()

    def tests(self, text: str) -> None:
        """The project's only test file; some modules are imported."""
        self.pytester.makepyfile(test_it=f"import os, pytest, signal\n\n{text}")

    def conftest(self, text: str) -> None:
        """The project's conftest.py; some modules are imported."""
        self.pytester.makeconftest(f"import os, pytest, signal\n\n{text}")

    @property
    def lives(self) -> list[str]:
        """What was created and removed, in order."""
        return [call for call in self.engine.calls if call.split()[0] in {"create", "remove"}]

    @property
    def left(self) -> list[str]:
        """What runs left: containers, volumes, folders of sessions."""
        sessions = self.cache / "sessions"
        return [
            *self.engine.names,
            *(volume.name for volume in self.engine.volumes({})),
            *(sorted(one.name for one in sessions.iterdir()) if sessions.exists() else ()),
        ]
