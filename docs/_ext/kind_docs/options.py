"""The options of pytest: ``pytest_kind/options.py`` is their table."""

from __future__ import annotations

import re

from pytest_kind.options import GC_HELP, LEGACY, MARKER, OPTIONS, Option

_DEFAULT = re.compile(r" \(default: (.*)\)$")
_FLAG = re.compile(r"(?<![`\w-])--[a-z][a-z-]+(?:=[A-Z]+)?")


def text() -> str:
    """Each option with its environment variable, its ini key and its default."""
    return "\n\n".join([*(_entry(option) for option in OPTIONS), _written("--kind-gc", None, sentence(GC_HELP))])


def legacy() -> str:
    """The names of PyPI's pytest-kind."""
    return "\n\n".join(_written(flag, metavar, sentence(words)) for flag, _, metavar, words in LEGACY)


def marker() -> str:
    """The marker's signature, and what it says."""
    signature, _, words = MARKER.partition("): ")
    return f"```python\n@pytest.mark.{signature})\n```\n\n{sentence(words)}"


def default_of(option: Option) -> str:
    """As it is read: ``off``, a value, or the words of the option's help."""
    found = _DEFAULT.search(option.help)
    if found:
        return _FLAG.sub(r"`\g<0>`", found[1])
    if option.default is None:
        return "none"
    if option.default is False:
        return "off"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


def _entry(option: Option) -> str:
    places = f"Environment `{option.environment}`, ini `{option.ini}`, default: {default_of(option)}."
    # What is no flag takes a value; a flag's, in environment and ini, is one of these.
    values = "" if option.metavar else " Values there: `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off`."
    return _written(option.flag, option.metavar, f"{sentence(_DEFAULT.sub('', option.help))}\n\n{places}{values}")


def _written(flag: str, metavar: str | None, words: str) -> str:
    return f":::{{option}} {flag}{'=' if metavar else ''}{metavar or ''}\n{words}\n:::"


def sentence(words: str) -> str:
    """The words of a help as a sentence, with flags as code."""
    return _FLAG.sub(r"`\g<0>`", f"{words[0].upper()}{words[1:]}.")
