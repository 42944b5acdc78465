"""What every test of this folder has."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _hermetic(own_environment: None) -> None:
    """See ``own_environment``."""
