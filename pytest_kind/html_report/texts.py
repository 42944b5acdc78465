"""The one place where text enters the page: every string that is shown comes through it."""

from __future__ import annotations

import re
from typing import Any

from pytest_kind.diagnose.redact import redacted

_MOST = 1 << 16  # characters of a text: of a longer one its end, which has the last words
_SHORT = 1 << 11
_BUDGET = 24_000_000  # characters in all; what comes after that is short
# Colours of terminals; what HTML cannot have, and what makes a text look like another one (Unicode's bidirectional controls).
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Texts:
    """Texts without secrets and control characters, as much of them as a page can carry."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._left = budget

    def clean(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """The same document, with every string in it cleaned."""
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, dict):
            return {self.text(key): self.clean(value) for key, value in document.items()}
        if isinstance(document, list | tuple):
            return [self.clean(one) for one in document]
        return document

    def text(self, text: str) -> str:
        """A text that can be shown."""
        if text.isalnum() and len(text) < 16:  # noqa: PLR2004 - no secret is that short; most of what there is, is
            return text
        shown = _CONTROLS.sub("\ufffd", _ESCAPES.sub("", redacted(text).replace("\r\n", "\n")))
        most = _MOST if self._left > 0 else _SHORT
        if len(shown) > most:
            shown = f"[{len(shown) - most:,} characters before this are left out]\n{shown[-most:]}"
        self._left -= len(shown)
        return shown
