"""Ginkgo's focus for exactly some specs."""

from __future__ import annotations

import re

import pytest

from pytest_kind.e2e.focus import exactly
from pytest_kind.e2e.listing import text_of

SUITE = "Kubernetes e2e suite"


@pytest.mark.parametrize(
    "texts",
    [
        ["[sig-storage] Volumes", "should (not) lose a+b.c"],
        ["snapshottable", "controller", "", "should check"],  # upstream has a container without a text
        ["snapshottable ", "should check"],  # and may have one that ends with a space
    ],
)
def test_it_fits_the_text_in_which_ginkgo_looks(texts: list[str]) -> None:
    name = text_of({"ContainerHierarchyTexts": texts[:-1], "LeafNodeText": texts[-1]})
    looked_in = f"{SUITE} {' '.join(text for text in texts if text)}"  # ginkgo's Spec.Text
    assert re.search(exactly(["another", name]), looked_in)
    assert not re.search(exactly([name]), f"{looked_in} again")
    assert not re.search(exactly([name]), looked_in.replace("should", "shouldn't"))
