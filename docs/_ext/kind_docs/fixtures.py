"""The fixtures of the plugin's modules, with their scopes and docstrings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sphinx.ext.napoleon.docstring import GoogleDocstring

import pytest_kind


def text() -> str:
    """Each fixture, in the order in which the code has them."""
    return "\n\n".join(_entry(name, scope, doc) for name, scope, doc in found())


def found() -> list[tuple[str, str, str]]:
    """Name, scope and docstring of every fixture."""
    return [entry for module in _modules() for entry in _of(module)]


def _modules() -> Iterator[ModuleType]:
    """Those that have some; no other one is imported."""
    paths = sorted(Path(str(pytest_kind.__file__)).parent.glob("*.py"), key=lambda path: (path.stem != "fixtures", path.stem))
    return (importlib.import_module(f"pytest_kind.{path.stem}") for path in paths if "@pytest.fixture" in path.read_text(encoding="utf-8"))


def _of(module: ModuleType) -> list[tuple[str, str, str]]:
    made = [
        one for one in vars(module).values() if hasattr(one, "_fixture_function_marker") and one._get_wrapped_function().__module__ == module.__name__
    ]
    made.sort(key=lambda one: one._get_wrapped_function().__code__.co_firstlineno)
    return [(one.__name__, str(one._fixture_function_marker.scope), inspect.getdoc(one._get_wrapped_function()) or "") for one in made]


def _entry(name: str, scope: str, doc: str) -> str:
    # Docstrings are reStructuredText; what stands around them is Markdown.
    rest = str(GoogleDocstring(doc, what="function"))
    return f"::::{{fixture}} {name}\nScope: {scope}.\n\n```{{eval-rst}}\n{rest}\n```\n::::"
