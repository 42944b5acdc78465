"""The pages that are written from the code, by name."""

from __future__ import annotations

from collections.abc import Callable

from kind_docs import classes, commands, fixtures, labels, options, schema

PAGES: dict[str, Callable[[], str]] = {
    "classes": classes.text,
    "command": commands.text,
    "fixtures": fixtures.text,
    "labels": labels.text,
    "legacy-options": options.legacy,
    "marker": options.marker,
    "options": options.text,
    "schema": schema.text,
}
