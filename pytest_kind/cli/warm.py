"""``warm``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_kind.cli.terms import Commands, add_output, add_preflight, duration, leaf
from pytest_kind.cli.work import done, show_json, working
from pytest_kind.cluster import Request
from pytest_kind.config.load import from_file
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import UsageError
from pytest_kind.warming import SPARE_SECONDS

_SHORTEST, _LONGEST = 60.0, 86400.0
_MOST = 8
_MORE = """A test run that wants such a cluster takes it instead of making one; only one run gets it, and it goes with that run.

examples:
  pytest-kind warm
  pytest-kind warm --config kind.yaml --count 2 --for 8h"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = leaf(commands, "warm", "make clusters that are ready when a test run wants them", _warm, more=_MORE)
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration in kind's v1alpha4 format")
    parser.add_argument("--image", metavar="REF", help="a node image, in the engine or to be pulled")
    parser.add_argument("--version", metavar="VERSION", help="a Kubernetes version for the node image, such as v1.37.1")
    parser.add_argument("--source", metavar="SOURCE", help="a checkout, a server tarball by path or URL, or release:v1.37.1; instead of --version")
    parser.add_argument("--network", metavar="NETWORK", default="bridge", help="the engine's network for the nodes (default: %(default)s)")
    parser.add_argument("--count", type=int, metavar="N", default=1, help="how many (default: %(default)s)")
    parser.add_argument(
        "--for", dest="seconds", type=duration, metavar="DURATION", default=float(SPARE_SECONDS), help="how long they wait to be taken (default: 1h)"
    )
    add_preflight(parser)
    add_output(parser)


def _warm(arguments: argparse.Namespace) -> None:
    wrong = []
    if not 1 <= arguments.count <= _MOST:
        wrong.append(f"--count: {arguments.count} is not accepted; accepted is a whole number from 1 to {_MOST}")
    if not _SHORTEST <= arguments.seconds <= _LONGEST:
        wrong.append(f"--for: {arguments.seconds:g} s is not accepted; accepted is a duration from 1m to 24h")
    if wrong:
        raise UsageError("\n".join(wrong))
    config = from_file(arguments.config) if arguments.config else ClusterConfig()
    request = Request(
        config=config,
        image=arguments.image,
        version=arguments.version,
        source=arguments.source,
        network=arguments.network,
        lease=int(arguments.seconds),
    )
    with working(arguments) as work:
        maker = work.maker(arguments, request, clusters=arguments.count)
        names = [maker.warm(request) for _ in range(arguments.count)]
    if arguments.output == "json":
        show_json({"clusters": names, "seconds": int(arguments.seconds)})
    else:
        done(arguments, f"ready to be taken by a test run: {', '.join(names)}")
