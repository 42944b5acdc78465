"""References in full."""

from __future__ import annotations

import pytest

from pytest_kind.toolbox.images.names import full_name


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1", "docker.io/library/busybox:1"),
        ("me/app", "docker.io/me/app:latest"),
        ("docker.io/app:1", "docker.io/library/app:1"),
        ("index.docker.io/me/app:1", "docker.io/me/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry.example/a/b/app:1", "registry.example/a/b/app:1"),
        ("UPPER/app:1", "UPPER/app:1"),
        ("app@sha256:" + "a" * 64, "docker.io/library/app@sha256:" + "a" * 64),
        ("sha256:" + "a" * 64, "docker.io/library/sha256:" + "a" * 64),
    ],
)
def test_a_reference_in_full(short: str, full: str) -> None:
    assert full_name(short) == full
    assert full_name(full) == full
