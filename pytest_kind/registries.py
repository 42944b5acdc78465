"""The registries of a run, from which its clusters pull, those to come too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_kind.provision import docker_engine

if TYPE_CHECKING:
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.peer import KindCluster
    from pytest_kind.toolbox.registry import Registry
    from pytest_kind.wanted import Request


class Registries:
    """Begins with none.

    Args:
        living: the run's clusters.
        note: says a line at once.
        last_lines: what is said at the run's end.
    """

    def __init__(self, living: Callable[[], list[KindCluster]], note: Callable[[str], None], last_lines: list[str]) -> None:
        self._living, self._note, self._last_lines = living, note, last_lines
        self._there: list[Registry] = []

    def serve(self, workshop: Workshop, request: Request) -> Registry:
        """One more. It goes at the run's end, at the latest."""
        from pytest_kind.toolbox import registry  # noqa: PLC0415 - and what builds one, for those who want one

        made = registry.serve(workshop, request, docker_engine.connect)
        self._there.append(made)
        for cluster in self._living():
            self._attach(made, cluster)
        return made

    def attach(self, cluster: KindCluster) -> None:
        """Has a new cluster pull from those that are there."""
        for one in self._there:
            self._attach(one, cluster)

    def _attach(self, one: Registry, cluster: KindCluster) -> None:
        if one.reaches(cluster):
            one.attach(cluster)
        else:
            self._note(f"cluster {cluster.name} is on another network of the engine than the registry: it cannot pull from {one.name}")

    def drop(self, one: Registry) -> None:
        """Removes one."""
        if one.lease_failure:
            self._last_lines.append(f"the lease of registry {one.address} could not be renewed at last: {one.lease_failure}")
        one.stop()
        self._there.remove(one)
