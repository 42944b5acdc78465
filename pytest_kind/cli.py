"""``pytest-kind``: a small command over the same functions, to look after clusters and images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_kind import labels
from pytest_kind.cluster import remove_cluster
from pytest_kind.errors import KindError, UsageError
from pytest_kind.image import go_modules, inputs, store
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.lease.sweep import sweep
from pytest_kind.progress import PlainProgress
from pytest_kind.provision import docker_engine

_LEASE = 7200


def collect_garbage(cache: Path) -> None:
    """Removes what dead sessions left and says what."""
    provider = docker_engine.connect()
    try:
        swept = sweep(provider, cache)
    finally:
        provider.close()
    for line in swept.removed:
        print(f"kind: removed {line}")
    for line in swept.left:
        print(f"kind: left {line}")
    if not swept.removed:
        print("kind: nothing to remove")


def _get(_: argparse.Namespace) -> None:
    provider = docker_engine.connect()
    try:
        for container in sorted(provider.containers({labels.CLUSTER: None}), key=lambda one: one.name):
            ours = "kept" if labels.is_kept(container.labels) else "of a run" if labels.is_ours(container.labels) else "not ours"
            print(f"{container.labels[labels.CLUSTER]}\t{container.name}\t{container.state}\t{ours}")
    finally:
        provider.close()


def _delete(arguments: argparse.Namespace) -> None:
    provider = docker_engine.connect()
    try:
        for name in arguments.name:
            nodes = provider.containers({labels.CLUSTER: name})
            if not nodes or not labels.is_ours(nodes[0].labels):
                raise UsageError(f"delete: there is no cluster {name!r} of ours")
            remove_cluster(provider, name)
            print(f"kind: removed cluster {name}")
    finally:
        provider.close()


def _build(arguments: argparse.Namespace) -> None:
    provider = docker_engine.connect()
    session = Session.open(arguments.cache_dir)
    progress = PlainProgress(write=lambda text: print(text, end="", flush=True))
    try:
        sweep(provider, arguments.cache_dir, session.id)
        workshop = Workshop(
            provider=provider, cache=arguments.cache_dir, scratch=session.folder, labels=session.labels(lease=_LEASE), progress=progress
        )
        if arguments.suite:
            wanted = inputs.read_inputs(provider.info().architecture, arguments.version)
            print(f"kind: upstream suite in {go_modules.build(workshop, wanted, go_modules.SUITE, 'suite')}")
        else:
            image = store.resolve(workshop, kubernetes=arguments.version)
            print(f"kind: node image {image.reference} ({image.id.removeprefix('sha256:')[:12]})")
    finally:
        for container in provider.containers({labels.SESSION: session.id}):
            provider.remove(container.id)
        session.close()
        provider.close()


def _parser() -> argparse.ArgumentParser:
    from platformdirs import user_cache_path  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="pytest-kind", description="Looks after the clusters and node images of pytest-kind-native.")
    parser.add_argument("--cache-dir", type=Path, default=user_cache_path("pytest-kind", appauthor=False), help="as --kind-cache-dir of pytest")
    commands = parser.add_subparsers(dest="command", required=True)
    get = commands.add_parser("get", help="list clusters, kind's own too: name, node, state, whose")
    get.set_defaults(run=_get)
    delete = commands.add_parser("delete", help="remove clusters of ours")
    delete.add_argument("name", nargs="+")
    delete.set_defaults(run=_delete)
    build = commands.add_parser("build", help="build the node image, or find that it is there")
    build.add_argument("--version", help="a Kubernetes version, such as v1.37.1")
    build.add_argument("--suite", action="store_true", help="build the upstream specs instead: e2e.test, ginkgo and agnhost of that version")
    build.set_defaults(run=_build)
    gc = commands.add_parser("gc", help="remove what dead runs left")
    gc.set_defaults(run=lambda arguments: collect_garbage(arguments.cache_dir))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; 0: done, 1: an error of the cluster or the engine, 2: wrong usage."""
    arguments = _parser().parse_args(argv)
    arguments.cache_dir = arguments.cache_dir.expanduser().absolute()
    try:
        arguments.run(arguments)
    except UsageError as error:
        print(f"pytest-kind: {error}", file=sys.stderr)
        return 2
    except KindError as error:
        print(f"pytest-kind: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
