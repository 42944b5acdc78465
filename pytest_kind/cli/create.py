"""``create cluster``."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from pytest_kind import labels
from pytest_kind.api import kubeconfig_file
from pytest_kind.cli.terms import DEFAULT_NAME, Commands, add_kubeconfig, add_output, add_preflight, duration, given_name, group, leaf
from pytest_kind.cli.work import done, show_json, warn, working
from pytest_kind.cluster import Request
from pytest_kind.config.load import from_file
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import UsageError
from pytest_kind.provision.provider import Provider
from pytest_kind.timeline.record import Record, check

_SECONDS = 120.0
_LONGEST = 3600.0
_SHORTEST = 5.0
_LEASE = 7200  # of what builds its image; the cluster itself has none
_MORE = """A cluster is handed over when it is ready: API, nodes, cluster DNS, default service account and storage class.

examples:
  pytest-kind create cluster --name dev
  pytest-kind create cluster --config kind.yaml --wait 5m
  pytest-kind create cluster --version v1.36.4 --kubeconfig ./kubeconfig
  pytest-kind create cluster --config - < kind.yaml"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = leaf(group(commands, "create", "make a cluster"), "cluster", "make a cluster that is kept until it is deleted", _create, more=_MORE)
    parser.add_argument("--name", "-n", metavar="NAME", help=f"its name (default: $KIND_CLUSTER_NAME, else the configuration's, else {DEFAULT_NAME})")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration in kind's v1alpha4 format; - is standard input")
    parser.add_argument("--image", metavar="REF", help="a node image for all nodes, in the engine or to be pulled")
    parser.add_argument("--version", metavar="VERSION", help="a Kubernetes version for the node image, such as v1.37.1")
    parser.add_argument("--source", metavar="SOURCE", help="a checkout, a server tarball by path or URL, or release:v1.37.1; instead of --version")
    parser.add_argument("--network", metavar="NETWORK", default="bridge", help="the engine's network for the nodes (default: %(default)s)")
    parser.add_argument(
        "--wait",
        "--timeout",
        type=duration,
        metavar="DURATION",
        default=_SECONDS,
        help="how long it may take to become ready, its image not included: 90, 90s, 5m; 0 is the default (default: 2m)",
    )
    parser.add_argument("--cold", action="store_true", help="make it from the ground: no copy of a frozen cluster, and none is frozen")
    parser.add_argument(
        "--static-pods", action="store_true", help="run the control plane as static pods also where it could run as units of its node"
    )
    parser.add_argument("--retain", action="store_true", help="leave the nodes of a cluster that did not come up, to be looked at")
    parser.add_argument("--timeline", type=Path, metavar="FILE", help="a picture of how it booted, .svg or .html, with a trace beside it")
    parser.add_argument("--no-export", action="store_true", help="leave the kubeconfig alone; `get kubeconfig` prints one")
    add_kubeconfig(parser)
    add_preflight(parser)
    add_output(parser)


def _create(arguments: argparse.Namespace) -> None:
    config = from_file(Path("/dev/stdin") if str(arguments.config) == "-" else arguments.config) if arguments.config else ClusterConfig()
    name = given_name(arguments) or config.name or DEFAULT_NAME
    if arguments.image is not None:  # as kind's: for all nodes, whatever the configuration says
        config = replace(config, nodes=tuple(replace(node, image=None) for node in config.nodes))
    file = None if arguments.no_export else kubeconfig_file.target(kubeconfig_file.files(arguments.kubeconfig, os.environ))
    if file is not None:
        kubeconfig_file.check(file)  # rather than when the cluster is there
    with _recording(arguments.timeline) as record, working(arguments) as work:

        def failed(cluster: str, _: str) -> None:
            if record is not None:
                record.failed(cluster)

        _refuse_taken(work.provider, name)
        request = Request(
            config=config,
            name=name,
            image=arguments.image,
            version=arguments.version,
            source=arguments.source,
            keep=True,
            network=arguments.network,
            timeout=_seconds(arguments.wait),
            lease=_LEASE,
            cold=arguments.cold,
            static_pods=arguments.static_pods,
        )
        cluster = work.maker(arguments, request, retain=arguments.retain, failed=failed).make(request)
        if record is not None:
            record.ready(cluster)
        if file is not None:
            kubeconfig_file.merge(file, yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8")))
        cluster.release()
    context = f"kind-{name}"
    if arguments.output == "json":
        nodes = [{"name": node.name, "role": node.role} for node in cluster.nodes]
        seconds = {phase: round(spent, 3) for phase, spent in cluster.phases}
        show_json({"name": name, "context": context, "kubeconfig": file and str(file.absolute()), "nodes": nodes, "seconds": seconds})
    else:
        done(arguments, f"cluster {name} is ready{f'; context {context} in {file}' if file else ''}")


@contextlib.contextmanager
def _recording(path: Path | None) -> Iterator[Record | None]:
    """Writes the timeline, where one is wanted, whether the cluster comes up or not."""
    if path is None:
        yield None
        return
    check(path, "--timeline")
    record = Record()
    try:
        yield record
    finally:
        record.write(path)
        for problem in record.problems:
            warn(f"--timeline: {problem}")


def _seconds(asked: float) -> float:
    if asked == 0:  # kind's word for "do not wait"; here a cluster is ready when it is handed over
        return _SECONDS
    if not _SHORTEST <= asked <= _LONGEST:
        raise UsageError(f"--wait: {asked:g} s is not accepted; accepted is from {_SHORTEST:g} s to {_LONGEST / 60:g} min, or 0 for the default")
    return asked


def _refuse_taken(provider: Provider, name: str) -> None:
    there = provider.containers({labels.CLUSTER: name})
    if there:
        whose = "" if labels.is_ours(there[0].labels) else " that is not ours"
        what = f"`pytest-kind delete cluster {name}` removes it, or " if not whose else ""
        raise UsageError(f"--name: there is a cluster {name!r} already{whose} (node {there[0].name}); {what}choose another name")
