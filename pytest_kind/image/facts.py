"""What a node image's label says of how it was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_kind import labels

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Image


def facts_of(image: Image) -> dict[str, Any]:
    """The facts, or none where the label is not there or not ours: such an image is one that says nothing."""
    try:
        facts = json.loads(image.labels.get(labels.FACTS) or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
