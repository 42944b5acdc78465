"""What the site adds to Sphinx: reference pages that are written from the code when the site is built.

A page says ``{from-code} options``; ``pages.py`` has what can be said. What comes is MyST, as a page's own text is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from kind_docs import classes, folders, pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class FromCode(SphinxDirective):
    """``{from-code} options``: the text of that page."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The page's text, parsed as if it stood there."""
        page = self.arguments[0]
        if page not in pages.PAGES:
            raise self.error(f"from-code: no page {page!r}; there are {', '.join(pages.PAGES)}")
        return self.parse_text_to_nodes(pages.PAGES[page](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Is called by Sphinx."""
    app.add_object_type("fixture", "fixture", objname="fixture", indextemplate="pair: %s; fixture")
    app.add_directive("from-code", FromCode)
    app.add_post_transform(folders.Folders)
    app.connect("autodoc-process-docstring", classes.add_attributes, priority=100)  # before napoleon reads it
    app.connect("autodoc-process-signature", classes.hide_private)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
