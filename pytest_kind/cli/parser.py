"""The command line as a tree of parsers. Each module of commands adds its own branch."""

from __future__ import annotations

import argparse
import os
from importlib import metadata
from pathlib import Path

from pytest_kind.cli import create, delete, doctor, export, get, images, nodes, upkeep, warm
from pytest_kind.cli.terms import Commands

_DESCRIPTION = """Kubernetes clusters in containers: kind's commands without kind, over the same functions as the pytest fixtures.
What is made here is kept until it is deleted here; a test run attaches to it with `pytest --kind-keep --kind-name NAME`."""
_EPILOG = """examples:
  pytest-kind create cluster                   a cluster called kind, and kubectl's context kind-kind
  pytest-kind load docker-image app:dev        an image of the engine, onto its nodes
  pytest-kind export logs out/                 everything that its nodes can tell
  pytest-kind delete cluster                   gone, its kubectl context too

environment:
  KIND_CLUSTER_NAME       the cluster's name where --name is not given (default: kind)
  KUBECONFIG              the files that kubectl reads (default: ~/.kube/config)
  PYTEST_KIND_CACHE_DIR   as --cache-dir
  DOCKER_HOST             the engine, as for docker

exit codes:
  0    done
  1    an error of the cluster or the engine; with `export logs`: something could not be had
  2    wrong usage: a command line, a name, a file that cannot be used; no engine answers
  130  interrupted (143: terminated); what was half made is removed"""


def make_parser() -> argparse.ArgumentParser:
    """The whole of it."""
    parser = argparse.ArgumentParser(
        prog="pytest-kind",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {metadata.version('pytest-kind-native')}")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but results and errors")
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", default=_default_cache(), help="as --kind-cache-dir of pytest (default: %(default)s)"
    )
    commands: Commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (create, delete, get, export, images, nodes, warm, doctor, upkeep):
        module.add(commands)
    return parser


def _default_cache() -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415

    given = os.environ.get("PYTEST_KIND_CACHE_DIR")
    return Path(given) if given else user_cache_path("pytest-kind", appauthor=False)
