"""The suite's own list of images."""

from __future__ import annotations

import pytest

from pytest_kind.e2e.images import names


def test_images_that_specs_expect_not_to_get_are_not_wanted() -> None:
    images = ["invalid.registry.k8s.io/invalid/alpine:3.1", "gcr.io/k8s-authenticated-test/agnhost:2.6", "registry.k8s.io/pause:3", "b", "b:latest"]
    assert names.wanted(images) == ("docker.io/library/b:latest", "registry.k8s.io/pause:3")


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("registry.k8s.io/a/b:1.2", ("registry.k8s.io", "a/b", "1.2")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1")),
        ("registry.k8s.io/a@sha256:abc", ("registry.k8s.io", "a", "")),
        ("registry.k8s.io/a:1@sha256:abc", ("registry.k8s.io", "a", "1")),
    ],
)
def test_a_name_in_its_parts(image: str, parts: tuple[str, str, str]) -> None:
    assert names.split(image) == parts
    assert names.repository(image) == "/".join(parts[:2])
