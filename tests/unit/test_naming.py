"""Names of clusters and nodes."""

from __future__ import annotations

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.naming import check_cluster_name, node_name, random_cluster_name


@pytest.mark.parametrize("name", ["a", "7", "kind", "a-b.c", "pytest-kind-0a1b2c3d", "x" * 49])
def test_a_good_name_is_returned_as_it_is(name: str) -> None:
    assert check_cluster_name(name, "--kind-name") == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", ".a", "a.", "a b", "ä", "a\n"])
def test_a_name_with_other_characters_is_refused_with_its_source(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_cluster_name(name, "--kind-name")
    assert str(caught.value) == (
        f"--kind-name: {name!r} is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last"
    )


def test_a_name_too_long_for_a_host_name_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        check_cluster_name("x" * 50, "name")
    assert str(caught.value) == f"name: '{'x' * 50}' has 50 characters, at most 49 are accepted"


def test_random_names_are_good_names_and_differ() -> None:
    names = {random_cluster_name() for _ in range(50)}
    assert len(names) == 50
    assert all(check_cluster_name(name, "") == name and name.startswith("pytest-kind-") for name in names)


@pytest.mark.parametrize(
    ("role", "index", "expected"),
    [("control-plane", 0, "c-control-plane"), ("control-plane", 1, "c-control-plane2"), ("worker", 0, "c-worker"), ("worker", 2, "c-worker3")],
)
def test_nodes_are_named_as_kind_names_them(role: str, index: int, expected: str) -> None:
    assert node_name("c", role, index) == expected
