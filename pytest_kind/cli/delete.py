"""``delete``: clusters of ours, and what the user's kubeconfig says of them."""

from __future__ import annotations

import argparse
import os

from pytest_kind import labels
from pytest_kind.api import kubeconfig_file
from pytest_kind.cli.terms import Commands, add_kubeconfig, cluster_name, leaf
from pytest_kind.cli.work import done, engine, warn
from pytest_kind.cluster import remove_cluster
from pytest_kind.errors import KindError, UsageError
from pytest_kind.lease.sweep import users
from pytest_kind.provision.provider import Provider

_MORE = """The word `cluster` may be left out where names are given. Clusters of the real kind are refused: `kind delete` removes them.

examples:
  pytest-kind delete cluster                   the one called $KIND_CLUSTER_NAME, or kind
  pytest-kind delete cluster dev staging
  pytest-kind delete dev
  pytest-kind delete cluster --all             all that are kept and that no test run uses"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = leaf(commands, "delete", "remove clusters, and their entries in the kubeconfig", _delete, more=_MORE)
    parser.usage = "pytest-kind delete [cluster] [-q] [--name NAME | --all] [--ignore-not-found] [--kubeconfig PATH] [NAME ...]"
    parser.add_argument("names", nargs="*", metavar="NAME", help="clusters")
    parser.add_argument("--name", "-n", metavar="NAME", help="as kind has it: one cluster")
    parser.add_argument("--all", "-A", action="store_true", help="all clusters that are kept, but those that a test run uses")
    parser.add_argument("--ignore-not-found", action="store_true", help="a cluster that is not there is no error")
    add_kubeconfig(parser)
    parser.set_defaults(parser=parser)


def _delete(arguments: argparse.Namespace) -> None:
    names = list(arguments.names)
    plain = names[:1] in (["cluster"], ["clusters"])
    if plain:
        del names[0]
    if arguments.all and (names or arguments.name):
        arguments.parser.error("--all: takes no names")
    if arguments.name or (plain and not names and not arguments.all):
        names.append(cluster_name(arguments))
    if not names and not arguments.all:
        arguments.parser.error("the following arguments are required: NAME (or --all)")
    with engine() as provider:
        chosen = _kept(arguments, provider) if arguments.all else _ours(provider, names, missing_ok=arguments.ignore_not_found)
        for name in chosen:
            remove_cluster(provider, name)
            done(arguments, f"removed cluster {name}")
    _forget(arguments, chosen if arguments.all else names)


def _ours(provider: Provider, names: list[str], *, missing_ok: bool) -> list[str]:
    there = {name: provider.containers({labels.CLUSTER: name}) for name in dict.fromkeys(names)}
    wrong = [name for name, nodes in there.items() if (nodes or not missing_ok) and not (nodes and labels.is_ours(nodes[0].labels))]
    if wrong:
        raise UsageError("\n".join(f"delete: there is no cluster {name!r} of ours" for name in wrong))
    return [name for name, nodes in there.items() if nodes]


def _kept(arguments: argparse.Namespace, provider: Provider) -> list[str]:
    kept = {one.labels[labels.CLUSTER] for one in provider.containers({labels.CLUSTER: None}) if labels.is_kept(one.labels)}
    chosen = []
    for name in sorted(kept):
        if users(arguments.cache_dir, name, ""):
            warn(f"left cluster {name}: a test run uses it")
        else:
            chosen.append(name)
    if not kept:
        done(arguments, "no cluster is kept")
    return chosen


def _forget(arguments: argparse.Namespace, names: list[str]) -> None:
    """Takes clusters out of every kubeconfig that kubectl reads, as kind does; one that is broken keeps none of the rest."""
    wrong: dict[str, KindError] = {}
    for path in kubeconfig_file.files(arguments.kubeconfig, os.environ):
        for name in names:
            try:
                if kubeconfig_file.remove(path, f"kind-{name}"):
                    done(arguments, f"removed context kind-{name} from {path}")
            except KindError as error:
                wrong[str(error)] = error
    if wrong:
        raise type(next(iter(wrong.values())))("\n".join(wrong))
