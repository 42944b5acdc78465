"""Specs on a cluster: the suite's processes, pointed at it, and what they leave removed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.api import kubeconfig
from pytest_kind.e2e.images.watch import PullFailure, PullWatch
from pytest_kind.e2e.numbering import numbered
from pytest_kind.e2e.outcome import Outcome
from pytest_kind.e2e.pool import Pool
from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import UsageError

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster
    from pytest_kind.progress import Progress

_SILENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How specs are run.

    Attributes:
        count: how many beside each other.
        seconds: that one may take.
        cache: where what a binary says of itself is kept.
        folder: private, for what the processes write.
        reports: where the suite's own JUnit files and ginkgo's reports are left, if anybody wants them.
        skips: whether a spec whose image cannot be pulled counts as skipped.
    """

    count: int
    seconds: float
    cache: Path
    folder: Path
    reports: Path | None = None
    skips: bool = False


class SpecRunner:
    """Runs specs of a suite on one cluster. Its processes start with the first spec that is wanted.

    Args:
        stand_ins: images that are not upstream's own, though they have their names.
        turn: where others run specs on the cluster, too: gives one its turn, beside those or ``alone``.
    """

    def __init__(
        self,
        cluster: KindCluster,
        suite: Suite,
        how: How,
        progress: Progress,
        stand_ins: Collection[str] = (),
        turn: Callable[..., AbstractContextManager[None]] | None = None,
    ) -> None:
        self._turn = turn
        self._cluster, self._how, self._progress, self._stand_ins = cluster, how, progress, frozenset(stand_ins)
        how.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with progress.step("asking the suite for the order of its specs"):
            numbering = numbered(suite, how.cache)
        self.pool = Pool(suite, numbering, self._arguments(how), count=how.count, seconds=how.seconds, folder=how.folder)
        credentials = kubeconfig.credentials(yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8")))
        self._watch = PullWatch(credentials, how.folder, suite.images, self._cannot_pull)

    def _cannot_pull(self, failure: PullFailure) -> None:
        """Upstream would wait five minutes for it."""
        stand_in = " (a stand-in of ours is served under that name)" if failure.image in self._stand_ins else ""
        reason = f"image {failure.image} cannot be pulled for pod {failure.pod}{stand_in}: {failure.reason}: {failure.message}"
        self.pool.break_off(failure.run, reason, skips=self._how.skips)

    def _arguments(self, how: How) -> list[str]:
        workers = [node for node in self._cluster.nodes if node.role == "worker"]
        arguments = {
            "provider": "skeleton",
            "kubeconfig": str(self._cluster.kubeconfig_path),
            "kubectl-path": str(self._kubectl(how.folder)),
            "num-nodes": str(len(workers or self._cluster.nodes)),
            "disable-log-dump": "true",  # over SSH; the nodes' logs are had otherwise
            **({"report-dir": str(how.reports)} if how.reports else {}),
        }
        return [f"--{name}={value}" for name, value in arguments.items()]

    def _kubectl(self, folder: Path) -> Path:
        """The cluster's own kubectl, for the specs that call one."""
        node = self._cluster._control_plane()  # noqa: SLF001 - of this package
        node.copy_out(node.exec("sh", "-c", "command -v kubectl").strip(), folder / "kubectl")
        return folder / "kubectl"

    def run(self, spec: Spec) -> Outcome:
        """Runs one at once, before all that is waiting, and again if it has run."""
        with nullcontext() if self._turn is None else self._turn(alone=self.pool.is_alone(spec)):
            self.want([spec], first=True)
            return self.take({spec.name})

    def want(self, specs: Iterable[Spec], *, first: bool = False) -> None:
        """See :meth:`Pool.want`."""
        self.pool.want(specs, first=first)

    def take(self, names: Collection[str]) -> Outcome:
        """Waits until one of these specs has run, and says meanwhile what is running."""
        begun = time.monotonic()
        with ExitStack() as stack:
            shown = False

            def tick(doing: str) -> None:
                nonlocal shown
                if not shown and time.monotonic() - begun > _SILENT_SECONDS:
                    stack.enter_context(self._progress.watch("upstream specs"))
                    shown = True
                if shown:
                    self._progress.tick(doing)

            return self.pool.take(names, tick)

    def close(self) -> list[str]:
        """Ends the processes, and removes what they could not on a cluster that goes on.

        Returns:
            What failed outside of specs.
        """
        with self._progress.watch("the suite cleans up"):
            try:
                self.pool.close()
            finally:
                self._watch.stop()
        if self._how.reports is not None:
            report = [{"SuiteDescription": "Kubernetes e2e suite", "SpecReports": self.pool.reports}]
            (self._how.reports / "ginkgo.json").write_text(json.dumps(report), encoding="utf-8")
        if self._cluster.kept and self.pool.runs:
            these = f"e2e-run in ({','.join(sorted(self.pool.runs))})"
            with self._progress.step("removing namespaces of specs"):
                # The cluster empties them by itself, and nobody needs to watch it.
                self._cluster.kubectl("delete", "namespaces", "-l", these, "--ignore-not-found", "--wait=false")
        return self.pool.suite_failures


def default_count() -> int:
    """How many specs run beside each other: most of them wait most of the time."""
    return 2 * (os.cpu_count() or 1)


def kubernetes_of(cluster: KindCluster) -> str:
    """The version that the cluster's API server says."""
    said: dict[str, Any] = json.loads(cluster.kubectl("version", "--output=json"))
    return str(said["serverVersion"]["gitVersion"])


def refuse_skew(suite: Suite, kubernetes: str) -> None:
    """Raises UsageError for a suite of another minor version than the cluster."""
    if suite.version and _minor(suite.version) != _minor(kubernetes):
        raise UsageError(
            f"--kind-suite: {suite.binary} is of Kubernetes {suite.version}, the cluster of {kubernetes}; "
            f"accepted is one of {'.'.join(_minor(kubernetes))}, whose specs say what that version does"
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
