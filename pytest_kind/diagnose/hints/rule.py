"""What a hint is, and how rules find some. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pytest_kind.diagnose.scene import Said, Scene

_SEEN = 400  # characters of what was seen


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, and what it was told by.

    Attributes:
        seen: the words themselves, and whose they are.
        remedy: where there is a better one than the rule's.
        namespace: of what it is about.
    """

    cause: str
    seen: str
    remedy: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A known signature: a row of the table in docs/forensics.md.

    Attributes:
        name: what is wrong.
        sign: by what it is told.
        remedy: what to do, where a finding does not know it better.
    """

    name: str
    sign: str
    remedy: str
    find: Callable[[Scene], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Hint:
    """What was seen, why, and what to do."""

    rule: str
    cause: str
    seen: str
    remedy: str

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.cause}"
        yield f"  seen: {self.seen}"
        yield f"  remedy: {self.remedy}"


def words(pattern: str, by: tuple[str, ...], cause: str) -> Callable[[Scene], Iterator[Finding]]:
    """What finds a pattern in what these say.

    Args:
        cause: with the pattern's groups in braces; ``{where}`` is whose the words are.
    """
    compiled = re.compile(pattern)

    def find(scene: Scene) -> Iterator[Finding]:
        for said in scene.said(*by):
            for match in compiled.finditer(said.text):
                groups = {name: (value or "").strip().rstrip(".,") for name, value in match.groupdict().items()}
                yield Finding(" ".join(cause.format(where=said.where, **groups).split()).rstrip(" :"), quote(said, match), namespace=said.namespace)

    return find


def line_of(said: Said, match: re.Match[str]) -> str:
    """The whole line of a match."""
    begin, end = said.text.rfind("\n", 0, match.start()) + 1, said.text.find("\n", match.end())
    return said.text[begin : len(said.text) if end < 0 else end]


def quote(said: Said, match: re.Match[str]) -> str:
    """The line of a match, as much of it as is good to read, and whose it is."""
    begin, line = said.text.rfind("\n", 0, match.start()) + 1, line_of(said, match)
    ahead = match.start() - begin if match.start() - begin > _SEEN // 4 else 0
    return tell(said.where, f"{'…' if ahead else ''}{line[ahead:]}")


def tell(where: str, text: str) -> str:
    """Words, and whose they are, in a line of its own."""
    line = " ".join(text.split())
    return f"{where}: {line[:_SEEN]}{'…' if len(line) > _SEEN else ''}"
