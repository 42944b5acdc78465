"""The site as it is built: every link in it leads somewhere, every page is reached, and nothing is lost on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@dataclass
class Page:
    """What a page links to, what of it can be linked to, and its text."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.page = Page()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.page.anchors.add(found.get("id") or "")
        if tag == "a":
            self.page.links.append(found.get("href") or "")
        self.page.sources += [found[name] or "" for name in ("src", "srcset") if name in found]
        if tag == "link":
            self.page.sources.append(found.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.page.text.append(data)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """All pages by their files."""
    return {path: Reader(path).page for path in sorted(site.rglob("*.html"))}


def test_every_document_is_a_page(pages: dict[Path, Page]) -> None:
    assert {path.stem for path in pages} >= {path.stem for path in DOCS.glob("*.md")}


def test_every_link_leads_to_a_page_and_a_place_on_it(pages: dict[Path, Page], site: Path) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or not link:
                continue
            target, anchor = urldefrag(link)
            file = (path.parent / unquote(target)).resolve() if target else path
            if not file.exists() or (anchor and file.suffix == ".html" and unquote(anchor) not in pages[file].anchors):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert lost == []


def test_pages_load_nothing_from_elsewhere(pages: dict[Path, Page], site: Path) -> None:
    """Who reads the site is nobody else's business, and it is read offline."""
    loaded = {(str(path.relative_to(site)), source) for path, page in pages.items() for source in page.sources}
    assert [(name, source) for name, source in loaded if urlsplit(source).netloc] == []


def test_no_flag_became_a_dash(pages: dict[Path, Page], site: Path) -> None:
    text = {str(path.relative_to(site)): "".join(page.text) for path, page in pages.items()}
    assert [name for name, words in text.items() if re.search("[\\N{EN DASH}\\N{EM DASH}]kind", words)] == []
