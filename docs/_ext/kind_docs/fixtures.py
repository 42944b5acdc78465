"""The fixtures: ``pytest_kind/fixtures.py``, with their scopes and docstrings."""

from __future__ import annotations

import inspect

from sphinx.ext.napoleon.docstring import GoogleDocstring

from pytest_kind import fixtures


def text() -> str:
    """Each fixture, in the order in which the code has them."""
    return "\n\n".join(_entry(name, scope, doc) for name, scope, doc in found())


def found() -> list[tuple[str, str, str]]:
    """Name, scope and docstring of every fixture."""
    made = [one for _, one in inspect.getmembers(fixtures) if hasattr(one, "_fixture_function_marker")]
    made.sort(key=lambda one: one._get_wrapped_function().__code__.co_firstlineno)
    return [(one.__name__, str(one._fixture_function_marker.scope), inspect.getdoc(one._get_wrapped_function()) or "") for one in made]


def _entry(name: str, scope: str, doc: str) -> str:
    # Docstrings are reStructuredText; what stands around them is Markdown.
    rest = str(GoogleDocstring(doc, what="function"))
    return f"::::{{fixture}} {name}\nScope: {scope}.\n\n```{{eval-rst}}\n{rest}\n```\n::::"
