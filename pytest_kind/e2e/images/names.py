"""Which images a suite's specs use: what the suite says, less those that specs expect not to get. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_kind.toolbox.images.names import full_name

# What specs want to see fail: a registry that does not exist, and one that asks for a password (test/utils/image/manifest.go).
_EXPECTED_TO_FAIL = ("invalid.registry.k8s.io/", "gcr.io/k8s-authenticated-test/", "gcr.io/authenticated-image-pulling/")


def expected_to_fail(image: str) -> bool:
    """Whether specs use the image to see its pull fail."""
    return full_name(image).startswith(_EXPECTED_TO_FAIL)


def wanted(images: Iterable[str]) -> tuple[str, ...]:
    """Those that specs need, in full, each once."""
    return tuple(sorted({full_name(image) for image in images if not expected_to_fail(image)}))


def repository(image: str) -> str:
    """The name without its tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def split(image: str) -> tuple[str, str, str]:
    """Registry, path and tag of a full name."""
    name = repository(image)
    host, _, path = name.partition("/")
    return host, path, image.partition("@")[0].removeprefix(name).removeprefix(":")
