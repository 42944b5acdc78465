"""The options of pytest: ``pytest_kind/options.py`` is their table."""

from __future__ import annotations

import re

from pytest_kind.options import GC_HELP, LEGACY, MARKER, OPTIONS, Option

_DEFAULT = re.compile(r" \(default: (.*)\)$")
_FLAG = re.compile(r"(?<![`\w-])--[a-z][a-z-]+(?:=[A-Z]+)?")


def text() -> str:
    """Each option with its environment variable, its ini key and its default."""
    return "\n\n".join([*(_entry(option) for option in OPTIONS), _written("--kind-gc", None, GC_HELP)])


def legacy() -> str:
    """The names of PyPI's pytest-kind."""
    return "\n\n".join(_written(flag, metavar, words) for flag, _, metavar, words in LEGACY)


def marker() -> str:
    """The marker's signature, and what it says."""
    signature, _, words = MARKER.partition("): ")
    return f"```python\n@pytest.mark.{signature})\n```\n\n{sentence(words)}"


def default_of(option: Option) -> str:
    """As it is read: ``off``, a value, or the words of the option's help."""
    found = _DEFAULT.search(option.help)
    if found:
        return found[1]
    if option.default is None:
        return "none"
    if option.default is False:
        return "off"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


def _entry(option: Option) -> str:
    fields = (
        f":environment: `{option.environment}`\n:ini: `{option.ini}`\n:default: {default_of(option)}\n"
        # What is no flag takes a value; a flag's, in environment and ini, is one of these.
        + ("" if option.metavar else ":values: `1`, `true`, `yes`, `on`; `0`, `false`, `no`, `off`\n")
    )
    return _written(option.flag, option.metavar, _DEFAULT.sub("", option.help), fields)


def _written(flag: str, metavar: str | None, words: str, fields: str = "") -> str:
    head = f"{flag}={metavar}" if metavar else flag
    return f":::{{option}} {head}\n{sentence(words)}\n\n{fields}:::"


def sentence(words: str) -> str:
    """The words of a help as a sentence, with flags as code."""
    return _FLAG.sub(r"`\g<0>`", f"{words[0].upper()}{words[1:]}.")
