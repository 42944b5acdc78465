"""Ginkgo's focus and skip for exactly some specs: Go's regular expressions, on the suite's description, a space and the text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_kind.e2e.numbering import Numbering


def exactly(names: Iterable[str]) -> str:
    """What fits specs of these names alone."""
    return f" (?:{'|'.join(_quoted(name) for name in names)})$"


def _quoted(name: str) -> str:
    # A container without a text leaves two spaces in ginkgo's reports, and one in the text in which it looks for a focus.
    return re.sub(r"(?:\\ ){2,}", r"\\ +", re.escape(name))


def all_serial(numbering: Numbering) -> str:
    """What fits all serial specs and no other: upstream's mark in their names, or else those names."""
    marked = all("[Serial]" in name for name in numbering.serial) and not any("[Serial]" in name for name in numbering.index)
    return r"\[Serial\]" if marked else exactly(numbering.serial)
