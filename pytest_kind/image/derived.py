"""Which node image another one is made from: one that differs in a few of Kubernetes' programs, so that only those are put in anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.image.facts import facts_of

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.provision.provider import Image

# What a change replaces stays in the layers below: after so many, or with as many programs, an image is made from the ground.
_DEPTH = 8
_CHANGED = 4
_OURS = "pytest-kind/node:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an image is made of, as its label says it.

    Attributes:
        rest: over everything but Kubernetes' programs and images.
        programs: file -> digest, of those.
        depth: how many images it was made from, one from another.
    """

    rest: str
    programs: Mapping[str, str]
    depth: int = 0

    def as_facts(self) -> dict[str, object]:
        """For the label."""
        return {"rest": self.rest, "programs": dict(self.programs), "depth": self.depth}


@dataclass(frozen=True, slots=True)
class Start:
    """An image to begin with, and the files that differ."""

    image: Image
    changed: frozenset[str]
    depth: int


def recipe(inputs: Inputs, kubernetes: Path, others: Iterable[str]) -> Recipe:
    """What an image of these parts is.

    Args:
        kubernetes: the folder of Kubernetes' programs and images.
        others: the names of the other parts, which end with their digests.
    """
    programs = {}
    for file in sorted(kubernetes.iterdir()):
        with file.open("rb") as content:
            programs[file.name] = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    return Recipe(rest=inputs.digest_of(replace(inputs, source="").digest, *others), programs=programs)


def nearest(images: Iterable[Image], wanted: Recipe) -> Start | None:
    """The image to begin with: of the same rest and the same files, with the fewest that differ."""
    found = []
    for image in images:
        facts = facts_of(image)
        programs, depth = facts.get("programs"), facts.get("depth")
        if facts.get("rest") != wanted.rest or not isinstance(programs, dict) or not isinstance(depth, int) or set(programs) != set(wanted.programs):
            continue
        changed = frozenset(name for name, digest in wanted.programs.items() if programs[name] != digest)
        if len(changed) <= _CHANGED and depth < _DEPTH and any(tag.startswith(_OURS) for tag in image.tags):
            found.append(Start(image, changed, depth + 1))
    return min(found, key=lambda one: (len(one.changed), one.depth, one.image.id), default=None)
