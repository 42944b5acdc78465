"""Ginkgo's focus and skip for exactly some specs: Go's regular expressions, on the suite's description, a space and the text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_kind.e2e.numbering import Numbering


def exactly(names: Iterable[str]) -> str:
    """What fits specs of these names alone."""
    return f" (?:{'|'.join(re.escape(name) for name in names)})$"


def all_serial(numbering: Numbering) -> str:
    """What fits all serial specs and no other: upstream's mark in their names, or else those names."""
    marked = all("[Serial]" in name for name in numbering.serial) and not any("[Serial]" in name for name in numbering.index)
    return r"\[Serial\]" if marked else exactly(numbering.serial)
