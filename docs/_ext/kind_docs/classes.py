"""The classes that ``import pytest_kind`` offers, as their users see them."""

from __future__ import annotations

import inspect
import re

import pytest_kind
from pytest_kind import errors

_HEAD = "Attributes:"


def text() -> str:
    """An entry for each public class but the errors, which are on the page anyway: the cluster first."""
    names = sorted((name for name in pytest_kind.__all__ if not hasattr(errors, name)), key=lambda name: (name != "KindCluster", name))
    return "\n\n".join(_entry(name) for name in names)


def _entry(name: str) -> str:
    # What the parents of an error have is Python's.
    more = "   :show-inheritance:" if issubclass(getattr(pytest_kind, name), Exception) else "   :inherited-members:"
    hidden = "   :exclude-members: of, reached_by, release, publish_kubeconfig, lease_failure"
    return f"```{{eval-rst}}\n.. autoclass:: pytest_kind.{name}\n   :members:\n{hidden}\n{more}\n```"


def hide_private(
    app: object, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str, None] | None:
    """A class whose signature has private arguments is not made by its users: it has none here."""
    del app, name, obj, options, returns
    return ("", None) if what == "class" and re.search(r"\b_\w+:", signature or "") else None


def add_attributes(app: object, what: str, name: str, obj: type, options: object, lines: list[str]) -> None:
    """Adds the ``Attributes`` of a class's parents to its own: ``KindCluster`` is the handle, and what PyPI's pytest-kind has."""
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
