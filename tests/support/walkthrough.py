"""A page of the documentation as what its reader does: files to write and commands to give, in the page's order.

A block that begins with ``# name`` is that file. In a ``console`` block, lines that begin with ``$ pytest`` are given; what stands below such a
line is what it must print. Everything else is for the reader alone.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_PROGRAMS = {"pytest", "pytest-kind"}


@dataclass(frozen=True, slots=True)
class File:
    """To be written."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """To be given, and lines that it must print."""

    argv: tuple[str, ...]
    prints: tuple[str, ...]


def steps(page: Path) -> list[File | Command]:
    """What a page has its reader do."""
    found: list[File | Command] = []
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        name = _FILE.match(text)
        if language == "console":
            found += _commands(text)
        elif name:
            found.append(File(name[1], text[name.end() :]))
    return found


def _commands(text: str) -> list[Command]:
    given = [part.splitlines() for part in re.split(r"^\$ ", text, flags=re.MULTILINE) if part]
    read = [(shlex.split(lines[0], comments=True), tuple(lines[1:])) for lines in given]
    return [Command(tuple(argv), prints) for argv, prints in read if argv[0] in _PROGRAMS]
