"""The labels: the constants of ``pytest_kind/labels.py`` that name a key, with the words below each."""

from __future__ import annotations

from sphinx.pycode import ModuleAnalyzer

from pytest_kind import labels


def text() -> str:
    """A table: key, and what it says."""
    rows = [f"| `{key}` | {words} |" for key, words in found().items()]
    return "\n".join(["| label | what |", "|---|---|", *rows])


def found() -> dict[str, str]:
    """What each label says, by its key."""
    words = ModuleAnalyzer.for_module(labels.__name__).find_attr_docs()
    keys = {name: value for name, value in vars(labels).items() if isinstance(value, str) and value.startswith("io.")}
    return {key: " ".join(" ".join(words[("", name)]).split()).replace("``", "`") for name, key in keys.items()}
