"""What a run was asked for, resolved: one frozen object, whatever each value came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Settings:
    """The options of a run (``options.py`` has their names, defaults and help).

    Compared by identity: a configuration may be a mapping, and pytest groups tests by parameters that it can hash. Shown, as
    reporters do with parameters, by its markers alone: a test is the same one on another machine, with other options.

    Attributes:
        ahead: whether the cluster is begun before it is known which tests there are.
        artifacts: where a CI system collects.
        audit: whether the API server writes an audit log.
        cache_dir: where parts of images, locks and sessions lie.
        cold: whether clusters are neither copied nor frozen.
        config: a file, a mapping or a ``ClusterConfig``; nothing is one control-plane node.
        focus, skip, label_filter: which upstream specs, in ginkgo's words.
        forensics: ``auto`` or ``off``: whether a failed test's report has what its cluster tells.
        forensics_lines: of each section of that, at most.
        forensics_timeout: seconds for asking the cluster.
        image: a node image.
        keep: whether the cluster outlives the session.
        keep_namespace: ``never`` or ``failed``.
        lease: seconds that nodes run without this process.
        leftovers: ``no``, ``warn`` or ``fail``: what becomes of a test that leaves something outside of its namespace.
        max_clusters: how many clusters of workers' own there may be, if it was said.
        missing_image: ``fail`` or ``skip``: what becomes of a spec whose image cannot be pulled.
        name: of the cluster.
        network: of the engine, for the nodes.
        per_worker: whether each worker of xdist has a cluster of its own.
        preflight: ``on``, ``off``, or findings that it leaves out: ``no-memory,no-cpus``.
        procs: how many specs run beside each other, if it was said.
        report: the folder of a page about the run, if one is wanted.
        source: of Kubernetes: a path, a URL, or a release.
        spec_timeout: seconds for a spec.
        stand_ins: whether images of ours are served under upstream's names.
        static_pods: whether the control plane runs as static pods where it need not.
        suite: the binary with the specs, if one was named.
        suite_args: further arguments for it, if any.
        timeline: the file of a picture of every boot, if one is wanted.
        timeout: seconds for boot and readiness.
        version: of Kubernetes.
        warm: how many clusters are left for the next run.
        sources: option -> what gave its value, for messages.
        apart: whether it is of tests that want a cluster as it was, where several workers share the others.
        marks: what a test's markers say, if it is a test's.
    """

    ahead: bool
    artifacts: Path | None
    audit: bool
    cache_dir: Path
    cold: bool
    config: Any
    focus: str | None
    forensics: str
    forensics_lines: int
    forensics_timeout: float
    image: str | None
    keep: bool
    keep_namespace: str
    label_filter: str | None
    lease: int
    leftovers: str
    max_clusters: int | None
    missing_image: str
    name: str | None
    network: str
    per_worker: bool
    preflight: str
    procs: int | None
    report: Path | None
    skip: str | None
    source: str | Path | None
    spec_timeout: float
    stand_ins: bool
    static_pods: bool
    suite: Path | None
    suite_args: tuple[str, ...] | None
    timeline: Path | None
    timeout: float
    version: str | None
    warm: int
    sources: dict[str, str] = field(default_factory=dict)
    apart: bool = False
    marks: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Its marker, or what a cluster without one is."""
        said = ", ".join(f"{name}={value!r}" for name, value in sorted(self.marks.items()))
        return f"kind({said})" if said else "the run's cluster"
