"""What commands work with: the engine, a session, progress; and how they say what they did."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_kind import labels
from pytest_kind.attach import attach, machines
from pytest_kind.cluster import Maker, Request
from pytest_kind.diagnose.doctor.facts import Wanted
from pytest_kind.diagnose.doctor.preflight import Preflight, ignored
from pytest_kind.errors import UsageError
from pytest_kind.handle import KindCluster
from pytest_kind.lease import spares
from pytest_kind.lease.session import Session
from pytest_kind.lease.sweep import sweep
from pytest_kind.progress import PlainProgress, Progress, TerminalProgress
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Provider


@contextlib.contextmanager
def engine() -> Iterator[Provider]:
    """A connection to the engine."""
    provider = docker_engine.connect()
    try:
        yield provider
    finally:
        provider.close()


@dataclass(frozen=True, slots=True)
class Work:
    """For commands that make something or hold a cluster."""

    provider: Provider
    session: Session
    cache: Path
    progress: Progress

    def maker(
        self,
        arguments: argparse.Namespace,
        request: Request,
        *,
        clusters: int = 1,
        retain: bool = False,
        failed: Callable[[str, str], object] = lambda *_: None,
    ) -> Maker:
        """Who makes such clusters, after a look at the machine.

        Args:
            clusters: how many of them.
            retain: as with the maker.
            failed: as with the maker.
        """
        return Maker(
            connect=docker_engine.connect,
            provider=self.provider,
            session=self.session,
            cache=self.cache,
            progress=self.progress,
            retain=retain,
            failed=failed,
            fit=fitness(arguments, request, clusters),
        )

    def attach(self, name: str) -> KindCluster:
        """A handle on a cluster of ours.

        Raises:
            UsageError: there is none of that name, or it is not ours to change.
        """
        if not labels.is_ours(machines(self.provider, name)[0].labels):
            raise UsageError(f"cluster {name!r} is not ours to change; the tool that made it can")
        return attach(self.provider, name, self.session.folder, self.progress)


@contextlib.contextmanager
def working(arguments: argparse.Namespace) -> Iterator[Work]:
    """The engine and a session; what a dead process left is removed first, what this one made and does not keep, last."""
    with engine() as provider:
        session = Session.open(arguments.cache_dir)
        try:
            sweep(provider, arguments.cache_dir, session.id)
            yield Work(provider, session, arguments.cache_dir, make_progress(arguments))
        finally:
            for container in provider.containers({labels.SESSION: session.id}):
                if not labels.is_kept(container.labels) and not spares.handed_over(arguments.cache_dir, container.labels):
                    provider.remove(container.id)
            session.close()


def fitness(arguments: argparse.Namespace, request: Request, clusters: int = 1) -> Callable[[Request], None]:
    """Begins the preflight; returns what a maker asks before it makes a cluster. Warnings go to standard error."""
    ignore = ignored(arguments.preflight)
    if ignore is None:
        return lambda _: None
    wanted = Wanted(
        config=request.config,
        name=request.name,
        network=request.network,
        clusters=clusters,
        clusters_from=f"--count={clusters}" if clusters > 1 else "",
    )
    preflight = Preflight(docker_engine.connect, arguments.cache_dir, wanted, ignore, option="--preflight")
    told: set[str] = set()

    def fit(_: Request) -> None:
        for line in preflight.verdict():
            if line not in told:
                warn(f"preflight: {line}")
                told.add(line)

    return fit


def make_progress(arguments: argparse.Namespace) -> Progress:
    """Progress on standard error: a line that moves on a terminal, plain lines elsewhere, nothing with ``-q``."""
    if arguments.quiet:
        return Progress()

    def write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        return TerminalProgress(write=write, width=shutil.get_terminal_size().columns)
    return PlainProgress(write=write)


def done(arguments: argparse.Namespace, text: str) -> None:
    """Says what was done."""
    if not arguments.quiet:
        print(f"kind: {text}")


def warn(text: str) -> None:
    """Says what went not as it should, whatever was asked to be quiet."""
    print(f"pytest-kind: {text}", file=sys.stderr)


def show_json(content: object) -> None:
    """What ``-o json`` prints."""
    print(json.dumps(content, indent=2))
