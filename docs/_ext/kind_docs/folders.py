"""Links to folders of the repository, which the site does not have: their words remain. Files become downloads by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform


class Folders(SphinxPostTransform):
    """Has its turn before MyST looks for a page of that name."""

    default_priority = 8

    def run(self, **kwargs: Any) -> None:  # noqa: ANN401 - Sphinx' signature
        """Replaces the links of this page."""
        del kwargs
        for link in list(self.document.findall(addnodes.pending_xref)):
            _, path = self.env.relfn2path(link.get("reftarget", ""), self.env.docname)
            if link.get("reftype") == "myst" and Path(path).is_dir():
                link.replace_self(nodes.literal(text=link.astext()))
