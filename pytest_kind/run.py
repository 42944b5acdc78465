"""One pytest process that uses clusters: its session, its clusters, and their end, however the process ends."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.cluster import Maker, Request
from pytest_kind.errors import KindError
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.lease.sweep import sweep
from pytest_kind.options import kubeconfig_file, progress_form
from pytest_kind.peer import KindCluster
from pytest_kind.progress import PlainProgress, Progress, TerminalProgress
from pytest_kind.provision import docker_engine
from pytest_kind.toolbox import kubeconfigs, registry


class Run:
    """Opened by the first test that asks for a cluster; closed by whichever of pytest's ends comes first."""

    def __init__(self, config: pytest.Config, cache: Path) -> None:
        self._config = config
        with contextlib.ExitStack() as undoing:
            self.provider = docker_engine.connect()
            undoing.callback(self.provider.close)
            self.session = Session.open(cache)
            undoing.callback(self.session.close)
            swept = sweep(self.provider, cache, self.session.id)
            undoing.pop_all()  # from here on it is close() that undoes
        self._closed = False
        self.clusters: list[KindCluster] = []
        self.registries: list[registry.Registry] = []
        self.last_lines: list[str] = []
        self._names: dict[str, str] = {}
        self._kubeconfig = kubeconfig_file(config)  # for the first cluster
        atexit.register(self.close_for_good)
        self._catch_sigterm()
        self.progress = make_progress(config)
        if swept.removed:
            self.progress.note(f"removed what a dead run left: {', '.join(swept.removed)}")
        self._maker = Maker(
            connect=docker_engine.connect,
            provider=self.provider,
            session=self.session,
            cache=cache,
            progress=self.progress,
            extra_actions=lambda cluster: [
                action for actions in config.hook.pytest_kind_boot_actions(cluster_config=cluster) for action in actions or ()
            ],
            failed=lambda name, evidence: config.hook.pytest_kind_cluster_failed(name=name, evidence=evidence),
        )

    def make(self, request: Request) -> KindCluster:
        """A ready cluster that this run lets go of at its end, at the latest."""
        name = request.name or request.config.name
        taken = any(cluster.name == name for cluster in self.clusters)
        if name is not None and (taken or self._names.setdefault(name, request.config.digest) != request.config.digest):
            # A name is for the first that asks for it; a marker's other cluster gets a name of its own, then and later.
            request = replace(request, name=None, config=replace(request.config, name=None))
        if self._kubeconfig is not None:
            kubeconfigs.check(self._kubeconfig, "--kubeconfig")
        cluster = KindCluster.of(self._maker.make(request))
        self.clusters.append(cluster)
        for one in self.registries:
            self._attach(one, cluster)
        if self._kubeconfig is not None:
            cluster.publish_kubeconfig(self._kubeconfig, "--kubeconfig")
            self._kubeconfig = None
        self._config.hook.pytest_kind_cluster_ready(cluster=cluster)
        return cluster

    def drop(self, cluster: KindCluster) -> None:
        """Removes a cluster, or lets go of a kept one."""
        try:
            self._config.hook.pytest_kind_cluster_ends(cluster=cluster)
        finally:
            self._remove(cluster)

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

    def serve_registry(self, request: Request) -> registry.Registry:
        """A registry from which the run's clusters pull, those to come too. It goes at the run's end, at the latest."""
        made = registry.serve(self.workshop(request.lease), request, docker_engine.connect)
        self.registries.append(made)
        for cluster in self.clusters:
            self._attach(made, cluster)
        return made

    def workshop(self, lease: int) -> Workshop:
        """Where this run builds what it needs."""
        marks = self.session.labels(lease=lease)
        return Workshop(provider=self.provider, cache=self._maker.cache, scratch=self.session.folder, labels=marks, progress=self.progress)

    def _attach(self, one: registry.Registry, cluster: KindCluster) -> None:
        if one.reaches(cluster):
            one.attach(cluster)
        else:
            self.progress.note(f"cluster {cluster.name} is on another network of the engine than the registry: it cannot pull from {one.name}")

    def drop_registry(self, one: registry.Registry) -> None:
        """Removes a registry."""
        if one.lease_failure:
            self.last_lines.append(f"the lease of registry {one.address} could not be renewed at last: {one.lease_failure}")
        one.stop()
        self.registries.remove(one)

    def close(self) -> None:
        """Removes everything that this process made and does not keep. What an interrupt breaks off, the next end repeats."""
        if self._closed:
            return
        for cluster in list(self.clusters):
            self.drop(cluster)
        mine = {labels.SESSION: self.session.id}
        for container in self.provider.containers(mine):
            if not labels.is_kept(container.labels):
                self.provider.remove(container.id)
        self._closed = True
        self.session.close()
        self.provider.close()
        atexit.unregister(self.close_for_good)

    def close_for_good(self) -> None:
        """Closes; an engine that refuses is told of in the run's last lines, not raised."""
        try:
            self.close()
        except KindError as error:
            line = f"not everything is removed: {str(error).splitlines()[0]}; the next run does it, or `pytest --kind-gc`"
            if line not in self.last_lines:
                self.last_lines.append(line)

    def _catch_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return

        def on_sigterm(number: int, frame: FrameType | None) -> None:
            del number, frame
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the clean-up
            pytest.exit("terminated by SIGTERM", returncode=128 + signal.SIGTERM)

        signal.signal(signal.SIGTERM, on_sigterm)


_PROGRESSES: pytest.StashKey[list[Progress]] = pytest.StashKey()


def progresses(config: pytest.Config) -> list[Progress]:
    """Every progress of this process: they know what took how long."""
    return config.stash.setdefault(_PROGRESSES, [])


def make_progress(config: pytest.Config) -> Progress:
    """Progress in the form that the run's terminal and options ask for."""
    made = _progress(config, progress_form(config))
    progresses(config).append(made)
    return made


def _progress(config: pytest.Config, form: str) -> Progress:
    if form == "none":
        return Progress()
    capture = config.pluginmanager.getplugin("capturemanager")
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")

    def write(text: str) -> None:
        def put() -> None:
            if reporter is None:
                sys.stderr.write(text)
                return
            # Progress begins on a line of its own, after the dots of the tests so far.
            if not getattr(write, "fresh", False):
                reporter.ensure_newline()
            reporter.write(text, flush=True)
            write.fresh = True  # type: ignore[attr-defined]
            if text.endswith("\n"):
                write.fresh = False  # type: ignore[attr-defined]
                reporter.currentfspath = None

        if capture is None:
            put()
        else:
            with capture.global_and_fixture_disabled():
                put()

    if form == "plain":
        return PlainProgress(write=write)
    return TerminalProgress(write=write, width=reporter.screen_width if reporter else 80)
