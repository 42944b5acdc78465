"""What a run was asked for, resolved: one frozen object, whatever each value came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """The options of a run (``options.py`` has their names, defaults and help).

    Compared by identity: a configuration may be a mapping, and pytest groups tests by parameters that it can hash.

    Attributes:
        artifacts: where a CI system collects.
        cache_dir: where parts of images, locks and sessions lie.
        config: a file, a mapping or a ``ClusterConfig``; nothing is one control-plane node.
        image: a node image.
        keep: whether the cluster outlives the session.
        keep_namespace: ``never`` or ``failed``.
        lease: seconds that nodes run without this process.
        name: of the cluster.
        network: of the engine, for the nodes.
        source: of Kubernetes: a path, a URL, or a release.
        timeout: seconds for boot and readiness.
        version: of Kubernetes.
        sources: option -> what gave its value, for messages.
    """

    artifacts: Path | None
    cache_dir: Path
    config: Any
    image: str | None
    keep: bool
    keep_namespace: str
    lease: int
    name: str | None
    network: str
    source: str | Path | None
    timeout: float
    version: str | None
    sources: dict[str, str] = field(default_factory=dict)
