"""What a failed test's report has beside its sections, for reporters that do not show those: pytest-html's extras, Allure's attachments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

Shown = tuple[str, str]
"""A section as pytest's reports have it: title and text."""


def attach(item: pytest.Item, report: pytest.TestReport, why: Sequence[Shown], others: Sequence[Shown], folders: Sequence[Path]) -> None:
    """Gives it to those of them that this run has.

    Args:
        why: the sections that say why the test failed.
        others: what the clusters tell beside that; pytest-html has them with pytest's own.
        folders: of the test's artifacts.
    """
    plugins = item.config.pluginmanager
    if plugins.hasplugin("html"):
        from pytest_html import extras  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415

        links = [extras.text(text, name=title) for title, text in why]
        links += [extras.url(one.as_uri(), name="kind: artifacts") for one in folders]
        report.extras = [*getattr(report, "extras", []), *links]  # type: ignore[attr-defined]  # pytest-html's
    if plugins.hasplugin("allure_listener"):
        import allure  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        for title, text in (*why, *others):
            allure.attach(text, title, allure.attachment_type.TEXT)
        for folder in folders:
            allure.attach(f"{folder.as_uri()}\n", "kind: artifacts", allure.attachment_type.URI_LIST)
