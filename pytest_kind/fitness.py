"""Whether the machine carries what a run wants: one preflight, before the first cluster that the run makes itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_kind import options
from pytest_kind.diagnose.doctor.facts import Wanted
from pytest_kind.diagnose.doctor.preflight import Preflight, ignored
from pytest_kind.provision import docker_engine

if TYPE_CHECKING:
    import pytest

    from pytest_kind.config.settings import Settings
    from pytest_kind.wanted import Request


class Fitness:
    """Begun with a run's first wish, so that it goes on beside what is done before anything is made; for several threads."""

    def __init__(self, config: pytest.Config, cache: Path) -> None:
        self._config, self._cache = config, cache
        self._settings: Settings = options.resolve(config)
        self._lock = threading.Lock()
        self._preflight: Preflight | None = None
        self._told = False

    def begin(self, request: Request) -> None:
        """Begins, unless it has."""
        with self._lock:
            if self._preflight is None and (ignore := ignored(self._settings.preflight)) is not None:
                self._preflight = Preflight(docker_engine.connect, self._cache, self._wanted(request), ignore)

    def verdict(self, request: Request) -> list[str]:
        """The warnings, a line each; once.

        Raises:
            UnfitMachine: a cluster would not come up; all reasons.
        """
        self.begin(request)
        if self._preflight is None:
            return []
        lines = self._preflight.verdict()
        with self._lock:
            told, self._told = self._told, True
        return [] if told else [f"preflight: {line}" for line in lines]

    def _wanted(self, request: Request) -> Wanted:
        settings, most = self._settings, self._settings.max_clusters
        # How many workers' clusters there are beside each other follows from the machine, unless somebody says it.
        clusters = min(most, _workers(self._config)) if settings.per_worker and most is not None else 1
        said = f"{settings.sources['max_clusters']}={most}" if clusters > 1 else ""
        return Wanted(config=request.config, name=request.name, network=request.network, clusters=clusters, clusters_from=said)


def _workers(config: Any) -> int:  # noqa: ANN401 - xdist's options
    """How many workers xdist has; one without it."""
    return max(1, len(config.getoption("tx", None) or ()), int(config.getoption("numprocesses", None) or 0))
