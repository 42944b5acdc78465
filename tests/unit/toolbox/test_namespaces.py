"""Namespaces for tests: names that tell whose they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.toolbox.namespaces import name_for


@pytest.mark.parametrize(
    ("test", "readable"),
    [
        ("test_pods", "test-pods"),
        ("test_pods[a/b-C]", "test-pods-a-b-c"),
        ("Test Ünïcode", "test-n-code"),
        ("__", "test"),
        ("", "test"),
        ("x" * 100, "x" * 54),
        ("x" * 53 + "_y", "x" * 53),
    ],
)
def test_a_name_begins_with_the_tests(test: str, readable: str) -> None:
    assert re.fullmatch(re.escape(readable) + "-[0-9a-f]{8}", name_for(test))


def test_the_same_test_gets_another_name_each_time() -> None:
    assert len({name_for("test_pods") for _ in range(50)}) == 50


@given(st.text(max_size=80))
def test_any_tests_name_makes_a_dns_label(test: str) -> None:
    name = name_for(test)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 63
