"""Quantities of memory, as Kubernetes writes them."""

from __future__ import annotations

import pytest

from pytest_kind.config.quantity import megabytes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1Mi", 1),
        ("2Gi", 2048),
        ("1.5Gi", 1536),
        ("1Ti", 1 << 20),
        ("1024Ki", 1),
        ("1023Ki", 0),
        ("1048576", 1),
        ("1500M", 1430),
        ("1G", 953),
        ("1T", 953674),
        ("1049k", 1),
        ("0", 0),
    ],
)
def test_whole_mebibytes_rounded_down(text: str, found: int) -> None:
    assert megabytes(text) == found


@pytest.mark.parametrize("text", ["", "Gi", "2 Gi", "2GB", "2gi", "2K", "-1Gi", "1.Gi", ".5Gi", "1e3", "two", "2Gi\n", " 2Gi", "1,5Gi", "NaN"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no quantity of memory such as 2Gi or 1500M$"):
        megabytes(text)
