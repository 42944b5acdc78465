"""This machine in Go's words: the suite runs here, whatever the engine's machine is."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Host:
    """A machine as Go names it: ``linux`` and ``amd64``."""

    system: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.system}/{self.architecture}"


def this_machine() -> Host:
    """The machine that this process runs on."""
    machine = platform.machine().lower()
    return Host(sys.platform, _ARCHITECTURES.get(machine, machine))
