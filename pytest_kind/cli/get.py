"""``get``: what is there, ours and the real kind's."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import yaml

from pytest_kind import labels
from pytest_kind.attach import kubeconfig_of, machines
from pytest_kind.cli.terms import Commands, add_name, add_output, cluster_name, leaf
from pytest_kind.cli.work import engine, show_json
from pytest_kind.provision.provider import Container, Provider

_MORE = """Without a command: all clusters, a line for each node: cluster, node, state, whose.

examples:
  pytest-kind get clusters
  pytest-kind get nodes --name dev -o json
  pytest-kind get kubeconfig --name dev > kubeconfig"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = leaf(commands, "get", "list clusters or nodes, kind's own too, or print a kubeconfig", _table, more=_MORE)
    add_output(parser)
    below: Commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=False)
    one = leaf(below, "clusters", "list the names of clusters", _clusters, aliases=("cluster",))
    add_output(one, argparse.SUPPRESS)  # `get -o json …` said it
    one = leaf(below, "nodes", "list the names of a cluster's nodes", _nodes, aliases=("node",))
    add_name(one)
    one.add_argument("--all-clusters", "-A", action="store_true", help="of all clusters")
    add_output(one, argparse.SUPPRESS)  # `get -o json …` said it
    one = leaf(below, "kubeconfig", "print a cluster's kubeconfig", _kubeconfig)
    add_name(one)
    one.add_argument("--internal", action="store_true", help="for containers on the nodes' network of the engine, not for this machine")


def _all(provider: Provider) -> list[Container]:
    return sorted(provider.containers({labels.CLUSTER: None}), key=lambda one: (one.labels[labels.CLUSTER], one.name))


def _whose(container: Container) -> str:
    return "kept" if labels.is_kept(container.labels) else "of a run" if labels.is_ours(container.labels) else "not ours"


def _node(container: Container) -> dict[str, Any]:
    return {"name": container.name, "role": container.labels.get(labels.ROLE), "state": container.state, "image": container.image}


def _by_cluster(containers: list[Container]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in containers:
        name = one.labels[labels.CLUSTER]
        found.setdefault(name, {"name": name, "whose": _whose(one), "nodes": []})["nodes"].append(_node(one))
    return list(found.values())


def _table(arguments: argparse.Namespace) -> None:
    with engine() as provider:
        containers = _all(provider)
    if arguments.output == "json":
        show_json(_by_cluster(containers))
        return
    for one in containers:
        print(f"{one.labels[labels.CLUSTER]}\t{one.name}\t{one.state}\t{_whose(one)}")


def _clusters(arguments: argparse.Namespace) -> None:
    with engine() as provider:
        clusters = _by_cluster(_all(provider))
    _show(arguments, clusters, "clusters")


def _nodes(arguments: argparse.Namespace) -> None:
    with engine() as provider:
        found = _all(provider) if arguments.all_clusters else machines(provider, cluster_name(arguments))
    _show(arguments, [_node(one) for one in found], "nodes")


def _show(arguments: argparse.Namespace, found: list[dict[str, Any]], what: str) -> None:
    if arguments.output == "json":
        show_json(found)
        return
    for one in found:
        print(one["name"])
    if not found and not arguments.quiet:
        print(f"no {what}", file=sys.stderr)


def _kubeconfig(arguments: argparse.Namespace) -> None:
    with engine() as provider:
        document = kubeconfig_of(provider, cluster_name(arguments), internal=arguments.internal)
    print(yaml.safe_dump(document, sort_keys=False), end="")
