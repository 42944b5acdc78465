"""What this plugin keeps in pytest's configuration, and the names under which its parts are registered there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_kind.door import Door
    from pytest_kind.run import Run
    from pytest_kind.tidy import Tidy

RUN: pytest.StashKey[Run] = pytest.StashKey()
DOOR: pytest.StashKey[Door] = pytest.StashKey()
TIDY: pytest.StashKey[Tidy] = pytest.StashKey()
FAILED: pytest.StashKey[dict[str, frozenset[str]]] = pytest.StashKey()
"""Of a test, and of all collectors above it: tests whose last turn failed, by their ids, and the fixtures that they use."""
BEGAN: pytest.StashKey[float] = pytest.StashKey()
"""When the setup of a test began, by ``time.time()``."""
SPECS = "kind-specs"
WORKERINPUT = "kind_door"
"""Under which a worker of xdist is told how to reach its controller: a port on loopback, and the key that opens."""
