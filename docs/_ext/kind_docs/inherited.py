"""``KindCluster`` is the handle and what PyPI's pytest-kind has: its page has the attributes of both."""

from __future__ import annotations

import inspect

_HEAD = "Attributes:"


def add_attributes(app: object, what: str, name: str, obj: type, options: object, lines: list[str]) -> None:
    """Adds the ``Attributes`` of a class's parents to its own."""
    del app, name, options
    if what != "class" or _HEAD not in lines:
        return
    at = lines.index(_HEAD) + 1
    lines[at:at] = [line for parent in obj.__mro__[1:] if parent.__module__.startswith("pytest_kind.") for line in _attributes(parent)]


def _attributes(parent: type) -> list[str]:
    lines = inspect.cleandoc(parent.__doc__ or "").splitlines()
    if _HEAD not in lines:
        return []
    after = lines[lines.index(_HEAD) + 1 :]
    return [line for line in after if line.startswith("    ")]
