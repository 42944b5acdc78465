"""What a node tells of its files (``boot/node/facts``). Pure."""

from __future__ import annotations

import base64


def told(printed: str) -> dict[str, str]:
    """The files by their names.

    Args:
        printed: a line for each, with its name and its text in base64.
    """
    return {name: base64.b64decode(text).decode() for name, text in (line.split(" ") for line in printed.splitlines())}
