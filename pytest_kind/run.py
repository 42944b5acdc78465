"""One pytest process that uses clusters: its session, its clusters, and their end, however the process ends."""

from __future__ import annotations

import atexit
import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_kind import attach, hooks, labels, sigterm
from pytest_kind.begun import Begun
from pytest_kind.cluster import Maker, Request
from pytest_kind.errors import KindError, NotFound
from pytest_kind.fitness import Fitness
from pytest_kind.image.workshop import Workshop
from pytest_kind.invocation import kubeconfig_file, worker_of
from pytest_kind.keys import RUN, WORKERINPUT
from pytest_kind.lease import spares
from pytest_kind.lease.session import Session
from pytest_kind.lease.sweep import Swept, sweep
from pytest_kind.progress import Progress
from pytest_kind.provision import docker_engine
from pytest_kind.registries import Registries
from pytest_kind.shown import hold, make_progress
from pytest_kind.toolbox import kubeconfigs
from pytest_kind.warming import Warming

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pytest_kind.boot.actions import Action
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.peer import KindCluster
    from pytest_kind.provision.provider import Provider
    from pytest_kind.workers.lessee import Lessee


class Run:
    """Opened by the first test that asks for a cluster; closed by whichever of pytest's ends comes first.

    On a worker of xdist it leases its clusters from the controller's, which makes them.

    Attributes:
        lessee: of a worker, the way to the controller.
    """

    def __init__(self, config: pytest.Config, cache: Path) -> None:
        self._config = config
        self.lessee = lessee(config)
        with contextlib.ExitStack() as undoing:
            self.provider = docker_engine.connect()
            undoing.callback(self.provider.close)
            self.session = Session.open(cache)
            undoing.callback(self.session.close)
            swept = sweep(self.provider, cache, self.session.id) if self.lessee is None else Swept()
            undoing.pop_all()  # from here on it is close() that undoes
        self._closed = False
        self.clusters: list[KindCluster] = []
        self.last_lines: list[str] = []
        self._unready: list[KindCluster] = []
        self._lock = threading.Lock()  # a controller makes clusters for several workers at once
        self._names: dict[str, str] = {}
        self._leases: dict[int, int] = {}  # of a worker: id of the cluster's handle -> lease; two may be of the same cluster
        self._others: list[Provider] = []
        self._begun: Begun | None = None
        self._warming: Warming | None = None
        self._fitness = Fitness(config, cache)
        self._kubeconfig = kubeconfig_file(config)  # for the first cluster
        atexit.register(self.close_for_good)
        sigterm.catch(config)
        self.progress = make_progress(config)
        self.registries = Registries(lambda: self.living, self.progress.note, self.last_lines)
        if swept.removed:
            self.progress.note(f"removed what a dead run left: {', '.join(swept.removed)}")
        self._maker = Maker(
            connect=docker_engine.connect,
            provider=self.provider,
            session=self.session,
            cache=cache,
            progress=self.progress,
            extra_actions=self._extra_actions,
            failed=lambda name, evidence: hooks.call(config.hook.pytest_kind_cluster_failed, name=name, evidence=evidence),
            fit=lambda request: self.last_lines.extend(self._fitness.verdict(request)),
            meanwhile=_peer,
        )

    def make(self, request: Request, progress: Progress | None = None) -> KindCluster:
        """A ready cluster that this run lets go of at its end, at the latest.

        Args:
            progress: where it shows, where several are made at once: each then has a connection of its own to the engine.
        """
        for cluster in self.take_unready():
            self.drop(cluster)
        begun = None if self._begun is None else self._begun.take(self._key(request), progress or self.progress)
        cluster = begun or self._made(request, progress)
        try:
            hooks.call(self._config.hook.pytest_kind_cluster_ready, cluster=cluster)
        except BaseException:
            self._unready.append(cluster)
            raise
        return cluster

    def take_unready(self) -> list[KindCluster]:
        """The clusters of which a hook said that they are not ready, for the caller to drop.

        Until the next one is made they are there: the report of the test that wanted such a one tells what it sees in them.
        """
        with self._lock:
            unready, self._unready = self._unready, []
        return unready

    def begin(self, request: Request) -> None:
        """Begins the cluster of the first who asks for such a one."""
        progress = hold(self._config)
        self._begun = Begun(self._key(request), progress, lambda: self._made(request, progress))

    def _key(self, request: Request) -> Hashable:
        """A folder's conftest.py, which is loaded with its tests, may bring steps of a boot along."""
        return request, *self._config.hook.pytest_kind_boot_actions.get_hookimpls()

    def end_begun(self) -> None:
        """Removes what was begun and nobody has asked for, and breaks it off where it is not ready."""
        if self._begun is None:
            return
        line, cluster = self._begun.end(self.remove_unfinished), self._begun.cluster
        if line is not None:
            self.last_lines.append(line)
        if line is not None and cluster in self.clusters:
            self._remove(cluster)  # no hook has heard of it

    def _made(self, request: Request, progress: Progress | None) -> KindCluster:
        with self._lock:
            request = self._with_its_name(request)
        if not request.keep:  # which is there already, as a rule
            self._fitness.begin(request)
        with self._published() as path:
            made = (self._maker if progress is None else self._maker_beside(progress)).make(request)
            cluster = _peer().of(made)
            self._have(cluster, path)
        self._warm(request)
        return cluster

    def _extra_actions(self, config: ClusterConfig) -> list[Action]:
        hook = self._config.hook.pytest_kind_boot_actions
        with hooks.named(hook):  # also while one that yields is read
            return [action for actions in hook(cluster_config=config) for action in actions or ()]

    def _warm(self, request: Request) -> None:
        """Begins, once, to make what the next run wants to find."""
        if not request.warm or self._warming is not None or request.keep or request.name or request.config.name:
            return  # a kept one is there anyway, and a name is one cluster's
        maker = self._maker_beside(Progress())
        self._warming = Warming(maker, request, request.warm, maker.provider.close)

    def _end_warming(self, *, wait: bool) -> None:
        warming, self._warming = self._warming, None
        if warming is None:
            return
        warming.stop()
        if not wait:
            return
        warming.wait()
        if warming.failure:
            self.last_lines.append(f"no cluster could be made for the next run: {warming.failure}")
        elif warming.made:
            self.last_lines.append(f"ready for the next run, for an hour: {', '.join(warming.made)}")

    def lease(self, request: Request, own: str) -> KindCluster:
        """On a worker: the cluster that the controller makes, or has made, for those who ask for this.

        Args:
            own: what makes it this worker's own; empty for one that all workers share.
        """
        assert self.lessee is not None  # noqa: S101 - its callers look
        leased = self.lessee.lease(request, own)
        try:
            with self._published() as path:
                found = attach.attach(self.provider, leased.name, self.session.folder, self.progress)
                found.phases = leased.phases
                found._site.shared = not own  # noqa: SLF001 - faults are refused there
                cluster = _peer().of(found)
                self._leases[id(cluster)] = leased.number
                self._have(cluster, path)
        except BaseException:
            # What is no cluster of ours must not be removed as one at our end.
            self.clusters = [one for one in self.clusters if self._leases.get(id(one)) != leased.number]
            self.lessee.release(leased.number)
            raise
        return cluster

    @contextlib.contextmanager
    def _published(self) -> Iterator[Path | None]:
        """Where the kubeconfig of the first cluster is to be written; of the next one, where this one fails."""
        with self._lock:
            path, self._kubeconfig = self._kubeconfig, None
        try:
            if path is not None:
                kubeconfigs.check(path, "--kubeconfig")
            yield path
        except BaseException:
            self._kubeconfig = path
            raise

    def _have(self, cluster: KindCluster, path: Path | None) -> None:
        self.clusters.append(cluster)
        self.registries.attach(cluster)
        if path is not None:
            cluster.publish_kubeconfig(path, "--kubeconfig")

    def _with_its_name(self, request: Request) -> Request:
        """A name is for the first that asks for it; a marker's other cluster gets a name of its own, then and later."""
        name = request.name or request.config.name
        taken = any(cluster.name == name for cluster in self.clusters)
        if name is None or (not taken and self._names.setdefault(name, request.config.digest) == request.config.digest):
            return request
        return replace(request, name=None, config=replace(request.config, name=None))

    def _maker_beside(self, progress: Progress) -> Maker:
        provider = docker_engine.connect()
        self._others.append(provider)
        return replace(self._maker, provider=provider, progress=progress)

    def drop(self, cluster: KindCluster) -> None:
        """Removes a cluster, or lets go of a kept one."""
        lease = self._leases.pop(id(cluster), None)
        if lease is not None:
            self._release(cluster, lease)
            return
        try:
            hooks.call(self._config.hook.pytest_kind_cluster_ends, cluster=cluster)
        finally:
            self._remove(cluster)

    def _release(self, cluster: KindCluster, lease: int) -> None:
        assert self.lessee is not None  # noqa: S101 - who gave it
        cluster.release()
        self.clusters = [one for one in self.clusters if one is not cluster]
        self.lessee.release(lease, deleted=cluster.deleted)

    def _remove(self, cluster: KindCluster) -> None:
        if cluster.lease_failure:
            self.last_lines.append(f"the lease of cluster {cluster.name} could not be renewed at last: {cluster.lease_failure}")
        if cluster.kept:
            cluster.release()
            self.last_lines.append(f"cluster {cluster.name} is kept: --kind-keep attaches to it, `pytest-kind delete {cluster.name}` removes it")
        else:
            cluster.delete()
        if cluster in self.clusters:
            self.clusters.remove(cluster)

    @property
    def living(self) -> list[KindCluster]:
        """Its clusters but for those that their own test has deleted."""
        return [one for one in self.clusters if not one.deleted]

    def workshop(self, lease: int) -> Workshop:
        """Where this run builds what it needs."""
        marks = self.session.labels(lease=lease)
        return Workshop(provider=self.provider, cache=self._maker.cache, scratch=self.session.folder, labels=marks, progress=self.progress)

    def close(self) -> None:
        """Removes everything that this process made and does not keep. What an interrupt breaks off, the next end repeats."""
        if self._closed:
            return
        self.end_begun()
        for cluster in list(self.clusters):
            self.drop(cluster)
        self._end_warming(wait=True)
        self.remove_unfinished()
        self._closed = True
        self.session.close()
        for provider in (self.provider, *self._others):
            provider.close()
        if self.lessee is not None:
            self.lessee.close()
        atexit.unregister(self.close_for_good)

    def remove_unfinished(self) -> None:
        """Removes what this process made and that is no cluster yet, or no more."""
        there = {cluster.name for cluster in self.clusters}
        for container in self.provider.containers({labels.SESSION: self.session.id}):
            if labels.is_kept(container.labels) or spares.handed_over(self._maker.cache, container.labels):
                continue
            if container.labels.get(labels.CLUSTER) not in there:
                with contextlib.suppress(NotFound):  # whoever made it may have removed it
                    self.provider.remove(container.id)

    def close_for_good(self) -> None:
        """Closes; an engine that refuses is told of in the run's last lines, not raised."""
        try:
            self.close()
        except KindError as error:
            line = f"not everything is removed: {str(error).splitlines()[0]}; the next run does it, or `pytest --kind-gc`"
            if line not in self.last_lines:
                self.last_lines.append(line)


def opened(config: pytest.Config, cache: Path) -> Run:
    """The run of this process, opened when it is first wanted."""
    run = config.stash.get(RUN, None)
    if run is None:
        run = config.stash[RUN] = Run(config, cache)
    return run


def lessee(config: pytest.Config) -> Lessee | None:
    """On a worker whose controller can be reached, the way to it."""
    given = getattr(config, "workerinput", {}).get(WORKERINPUT)
    if given is None:
        return None
    from pytest_kind.workers.lessee import Lessee  # noqa: PLC0415 - and multiprocessing

    port, key = given
    return Lessee(port, key, worker_of(config))


def _peer() -> type[KindCluster]:
    """What tests do with a cluster. Nothing of it is needed while one is made: it is loaded when its machines start."""
    from pytest_kind.peer import KindCluster  # noqa: PLC0415 - as it says

    return KindCluster
