"""A suite's binary: what it is, and what it is asked without a cluster."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.images.names import full_name

_SECONDS = 60.0
_LAST_LINES = 15
# A suite builds its tree of some 7,000 specs with every start; with Go's own rate half of that time goes into collecting garbage.
_PACE = {"GOGC": "400", "GOMEMLIMIT": "192MiB"}
_GIT_VERSION = re.compile(r"v\d+\.\d+\.\d+[0-9A-Za-z.+-]*")


@dataclass(frozen=True)
class Suite:
    """An upstream ``e2e.test``, or another suite of ginkgo's version 2 that is built on its framework.

    Attributes:
        binary: the test binary.
        args: further arguments, the same for listing and for running (``-storage.testdriver=…`` adds specs).
        folder: where it runs: relative paths in ``args`` are of there.
    """

    binary: Path
    args: tuple[str, ...] = ()
    folder: Path = Path()

    @cached_property
    def digest(self) -> str:
        """Over the binary."""
        with self.binary.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    @cached_property
    def version(self) -> str:
        """The Kubernetes version that it says it is of, or nothing: suites of other projects have none."""
        found = _GIT_VERSION.search(self.ask("--version"))
        return found[0] if found else ""

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The images that its specs use, in full (``--list-images``); none of a suite that does not know that question."""
        try:
            return tuple(sorted({full_name(name) for name in self.ask("--list-images").split()}))
        except Refused:
            return ()

    def ask(self, *arguments: str) -> str:
        """Runs it for an answer that needs no cluster.

        Returns:
            Its standard output.

        Raises:
            UsageError: it cannot be run, or refuses.
        """
        # Whatever it does, it must not find a cluster of the user's.
        own = {name: value for name, value in environment().items() if name != "KUBECONFIG"}
        argv = [str(self.binary), *arguments]
        try:
            said = subprocess.run(
                argv, cwd=self.folder, env=own, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"--kind-suite: {self.binary} cannot be run: {error}") from error
        if said.returncode:
            raise Refused(self.binary, arguments, said.stderr + said.stdout)
        return said.stdout


class Refused(UsageError):
    """A suite's binary ended with an error of its own.

    Attributes:
        said: what it printed.
    """

    def __init__(self, binary: Path, arguments: Sequence[str], said: str) -> None:
        self.said = said
        super().__init__(f"--kind-suite: {binary} refuses `{' '.join(arguments)}`:\n{last_lines(said)}")


def environment() -> dict[str, str]:
    """In which a suite's binary runs: this process', whose own words on Go's memory count."""
    return {**_PACE, **os.environ, "GINKGO_NO_COLOR": "TRUE"}


def last_lines(text: str, count: int = _LAST_LINES) -> str:
    """The end of what a program said, without empty lines."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-count:])
