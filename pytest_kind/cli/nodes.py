"""Commands that change a cluster's machines: ``add-node``, ``remove-node``, ``stop``, ``start``, ``pause``, ``unpause``."""

from __future__ import annotations

import argparse
import os

from pytest_kind import labels
from pytest_kind.api import kubeconfig_file
from pytest_kind.attach import kubeconfig_of
from pytest_kind.cli.terms import Commands, add_name, add_output, cluster_name, leaf
from pytest_kind.cli.work import Work, done, show_json, warn, working
from pytest_kind.errors import UsageError
from pytest_kind.handle import KindCluster

_WHOLE = {
    "stop": ("stop a cluster's machines; `start` brings it back as it was", "is stopped"),
    "start": ("start the machines of a stopped cluster, and wait until it is ready", "runs"),
    "pause": ("freeze a cluster: it takes no processor time", "is paused"),
    "unpause": ("let a paused cluster go on", "goes on"),
}


def add(commands: Commands) -> None:
    """Adds the commands."""
    parser = leaf(commands, "add-node", "add a node to a cluster that runs", _add_node, more="examples:\n  pytest-kind add-node --name dev")
    parser.add_argument("--role", choices=[labels.ROLE_WORKER, labels.ROLE_CONTROL_PLANE], default=labels.ROLE_WORKER, help="default: %(default)s")
    add_name(parser)
    add_output(parser)
    parser = leaf(commands, "remove-node", "take a node out of its cluster", _remove_node, more="examples:\n  pytest-kind remove-node dev-worker2")
    parser.add_argument("node", metavar="NODE", help="its name (`pytest-kind get nodes`)")
    for name, (summary, _) in _WHOLE.items():
        parser = leaf(commands, name, summary, _whole)
        add_name(parser)
        parser.set_defaults(verb=name)


def _kept(work: Work, name: str) -> KindCluster:
    """A handle on a cluster that is no test run's: under a run's feet nothing changes."""
    cluster = work.attach(name)
    if not cluster.kept:
        raise UsageError(f"cluster {name!r} belongs to a test run, which may be using it; only clusters that are kept can be changed")
    return cluster


def _add_node(arguments: argparse.Namespace) -> None:
    name = cluster_name(arguments)
    with working(arguments) as work:
        node = _kept(work, name).add_node(arguments.role)
    if arguments.output == "json":
        show_json({"name": node.name, "role": node.role})
    else:
        done(arguments, f"added node {node.name}")


def _remove_node(arguments: argparse.Namespace) -> None:
    with working(arguments) as work:
        container = work.provider.container(arguments.node)
        if container is None or labels.CLUSTER not in container.labels:
            raise UsageError(f"remove-node: there is no node {arguments.node!r}; `pytest-kind get` lists them")
        _kept(work, container.labels[labels.CLUSTER]).remove_node(arguments.node)
    done(arguments, f"removed node {arguments.node}")


def _whole(arguments: argparse.Namespace) -> None:
    name = cluster_name(arguments)
    with working(arguments) as work:
        cluster = _kept(work, name)
        with work.progress.step(f"{arguments.verb} of cluster {name}"):
            getattr(cluster, arguments.verb)()
        if arguments.verb == "start":
            _follow(arguments, work, name)
    done(arguments, f"cluster {name} {_WHOLE[arguments.verb][1]}")


def _follow(arguments: argparse.Namespace, work: Work, name: str) -> None:
    """An engine may publish the API at another port than before: a kubeconfig that has the cluster is told."""
    entry = kubeconfig_of(work.provider, name)
    for path in kubeconfig_file.files(None, os.environ):
        try:
            if kubeconfig_file.update(path, entry):
                done(arguments, f"the API's new address is in {path}")
        except UsageError as error:  # the cluster runs all the same
            warn(str(error))
