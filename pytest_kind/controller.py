"""The controller of a run of pytest-xdist: the process whose workers lease its clusters."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_kind import options
from pytest_kind.keys import SPECS
from pytest_kind.run import opened
from pytest_kind.shown import make_stoppable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_kind.peer import KindCluster
    from pytest_kind.run import Run
    from pytest_kind.specs import UpstreamSpecs
    from pytest_kind.wanted import Request
    from pytest_kind.workers.progress import StoppableProgress

# What a node takes while tests run on it, with what they start: a share of the engine's memory, and of its processors.
_NODE_BYTES = 900 << 20
_NODES_PER_CPU = 2


class Home:
    """See :class:`~pytest_kind.workers.broker.Home`."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._lock = config, threading.RLock()

    def run(self) -> Run:
        """The controller's own, so that pytest's hooks close it and say its last lines."""
        with self._lock:
            return opened(self._config, options.resolve(self._config).cache_dir)

    def serve_stand_ins(self, cluster: KindCluster, run: Run) -> Mapping[str, str]:
        """The run's specs know which images they are of."""
        with self._lock:
            specs: UpstreamSpecs | None = self._config.pluginmanager.get_plugin(SPECS)
            assert specs is not None  # noqa: S101 - a worker that has specs asks
            images = specs.serve(cluster, run)
        line = f"specs ran beside stand-ins of ours for {len(images)} of upstream's images"
        if line not in run.last_lines:  # of a worker nobody sees any
            run.last_lines.append(line)
        return images

    def limit(self, request: Request, run: Run) -> int:
        """What was said, or what the engine's machine carries."""
        given: int | None = options.resolve(self._config).max_clusters
        if given is not None:
            return given
        engine, nodes = run.provider.info(), len(request.config.nodes)
        return max(1, min(engine.memory // (_NODE_BYTES * nodes), engine.cpus * _NODES_PER_CPU // nodes))

    def progress(self, prefix: str) -> StoppableProgress:
        """On the controller's terminal."""
        return make_stoppable(self._config, prefix)
