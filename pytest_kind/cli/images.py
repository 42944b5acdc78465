"""``load`` and ``build``: images onto nodes, and the images of nodes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pytest_kind.cli.stand_ins import build_stand_ins
from pytest_kind.cli.terms import Commands, add_name, add_output, cluster_name, group, leaf
from pytest_kind.cli.work import Work, done, show_json, working
from pytest_kind.errors import UsageError
from pytest_kind.handle import KindCluster
from pytest_kind.image import store, suite
from pytest_kind.image.workshop import Workshop

_LEASE = 7200
_NODES = "these nodes alone, with commas between (default: all)"


def add(commands: Commands) -> None:
    """Adds the commands."""
    below = group(commands, "load", "put images onto a cluster's nodes")
    parser = leaf(
        below,
        "docker-image",
        "put images of the engine onto a cluster's nodes",
        _load_images,
        more="examples:\n  pytest-kind load docker-image app:dev sidecar:dev --name dev",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="as the engine calls it")
    add_name(parser)
    parser.add_argument("--nodes", metavar="NODE", help=_NODES)
    parser = leaf(
        below,
        "image-archive",
        "put the images of archives (`docker save`, OCI) onto a cluster's nodes",
        _load_archives,
        more="examples:\n  pytest-kind load image-archive images.tar --name dev",
    )
    parser.add_argument("archives", nargs="+", type=Path, metavar="FILE", help="a tar archive")
    add_name(parser)
    parser.add_argument("--nodes", metavar="NODE", help=_NODES)
    parser = leaf(
        commands,
        "build",
        "build the node image, or what the upstream specs take, or find that it is there",
        _build,
        more="examples:\n  pytest-kind build node-image --version v1.36.4\n  pytest-kind build -o json",
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=["node-image", "stand-ins"],
        default="node-image",
        help="stand-ins: for the images of the upstream specs, where no registry is (default: %(default)s)",
    )
    parser.add_argument("--version", metavar="VERSION", help="a Kubernetes version, such as v1.37.1")
    parser.add_argument("--source", metavar="SOURCE", help="a checkout, a server tarball by path or URL, or release:v1.37.1; instead of --version")
    parser.add_argument("--suite", action="store_true", help="build the upstream specs instead: e2e.test, ginkgo and agnhost of that version")
    add_output(parser)


def _load_images(arguments: argparse.Namespace) -> None:
    with working(arguments) as work:
        cluster = _target(arguments, work)
        for image in arguments.images:
            with work.progress.step(f"loading {image}"):
                cluster.load_image(image)
            done(arguments, f"{image} is on {_where(cluster)}")


def _load_archives(arguments: argparse.Namespace) -> None:
    missing = [str(path) for path in arguments.archives if not path.is_file()]
    if missing:
        raise UsageError("\n".join(f"load image-archive: {path}: there is no such file" for path in missing))
    with working(arguments) as work:
        cluster = _target(arguments, work)
        for path in arguments.archives:
            with work.progress.step(f"loading {path}"):
                cluster.load_archive(path)
            done(arguments, f"{path} is on {_where(cluster)}")


def _target(arguments: argparse.Namespace, work: Work) -> KindCluster:
    cluster = work.attach(cluster_name(arguments))
    if arguments.nodes is None:
        return cluster
    wanted = [name.strip() for name in arguments.nodes.split(",") if name.strip()]
    there = [node.name for node in cluster.nodes]
    wrong = [name for name in wanted if name not in there]
    if wrong or not wanted:
        raise UsageError(f"--nodes: cluster {cluster.name} has no {', '.join(wrong) or 'node of no name'}; its nodes are {', '.join(there)}")
    return replace(cluster, _machines=tuple(one for one in cluster._machines if one.name in wanted))  # noqa: SLF001 - a handle on a part


def _where(cluster: KindCluster) -> str:
    return ", ".join(node.name for node in cluster.nodes)


def _build(arguments: argparse.Namespace) -> None:
    with working(arguments) as work:
        marks = work.session.labels(lease=_LEASE)
        workshop = Workshop(provider=work.provider, cache=work.cache, scratch=work.session.folder, labels=marks, progress=work.progress)
        if arguments.what == "stand-ins":
            build_stand_ins(arguments, workshop)
            return
        if arguments.suite:
            if arguments.source is not None and arguments.version is not None:
                raise UsageError(f"--source {arguments.source}: given together with --version {arguments.version}; only one can say what is built")
            specs = suite.suite_for(workshop, kubernetes=arguments.version, source=arguments.source)
            programs = {"e2e.test": specs.binary, **suite.companions(workshop, specs.kubernetes)}
            found = {"kubernetes": specs.kubernetes, "suite": str(specs.binary.parent), **{name: str(path) for name, path in programs.items()}}
            text = f"upstream suite of Kubernetes {specs.kubernetes}: {', '.join(map(str, programs.values()))}"
        else:
            image = store.resolve(workshop, kubernetes=arguments.version, source=arguments.source)
            found = {"kubernetes": image.kubernetes or "", "image": image.reference, "id": image.id}
            text = f"node image {image.reference} ({image.id.removeprefix('sha256:')[:12]})"
    if arguments.output == "json":
        show_json(found)
    else:
        print(f"kind: {text}")
