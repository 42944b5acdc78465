"""``export kubeconfig`` and ``export logs``."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from pytest_kind.api import kubeconfig_file
from pytest_kind.attach import kubeconfig_of, machines
from pytest_kind.cli.terms import Commands, add_kubeconfig, add_name, cluster_name, group, leaf
from pytest_kind.cli.work import done, engine, make_progress, warn
from pytest_kind.diagnose.logs import FAILURES, export_logs
from pytest_kind.provision import docker_engine

_LOGS = """Per node, in kind's layout: serial.log (the console), journal.log, kubelet.log, containerd.log, images.log,
kubernetes-version.txt, inspect.json, pods/ and containers/ (from /var/log); beside them engine.json and versions.json.
What cannot be had is said, is in failures.txt, and makes the exit code 1; the rest is there. The folder's path is printed.

examples:
  pytest-kind export logs
  pytest-kind export logs --name dev artifacts/"""


def add(commands: Commands) -> None:
    """Adds the commands."""
    below = group(commands, "export", "write a cluster's kubeconfig or logs to files")
    parser = leaf(below, "kubeconfig", "put a cluster's context into the kubeconfig, and make it the current one", _kubeconfig)
    add_name(parser)
    add_kubeconfig(parser)
    parser.add_argument("--internal", action="store_true", help="for containers on the nodes' network of the engine, not for this machine")
    parser = leaf(below, "logs", "write everything that a cluster's nodes can tell", _logs, more=_LOGS)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where to (default: a new folder for temporary files)")
    add_name(parser)


def _kubeconfig(arguments: argparse.Namespace) -> None:
    name = cluster_name(arguments)
    file = kubeconfig_file.target(kubeconfig_file.files(arguments.kubeconfig, os.environ))
    with engine() as provider:
        kubeconfig_file.merge(file, kubeconfig_of(provider, name, internal=arguments.internal))
    done(arguments, f"context kind-{name} is the current one in {file}")


def _logs(arguments: argparse.Namespace) -> int:
    name = cluster_name(arguments)
    with engine() as provider:
        found = machines(provider, name)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix=f"pytest-kind-{name}-"))
    with make_progress(arguments).step(f"exporting the logs of cluster {name}"):
        failed = export_logs(docker_engine.connect, found, folder)
    for line in failed:
        warn(f"export logs: {line}")
    if failed:
        warn(f"export logs: {len(failed)} not to be had, listed in {folder / FAILURES}; the rest is there")
    print(folder)
    return 1 if failed else 0
