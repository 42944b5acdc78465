"""What several commands have in common on the command line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pytest_kind.naming import check_cluster_name
from pytest_kind.options import preflight

Run = Callable[[argparse.Namespace], int | None]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse names its type nowhere else

NAME = "KIND_CLUSTER_NAME"
DEFAULT_NAME = "kind"  # kind's own
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def leaf(commands: Commands, name: str, summary: str, run: Run, *, more: str = "", aliases: tuple[str, ...] = ()) -> argparse.ArgumentParser:
    """A command that does something.

    Args:
        more: what ``--help`` says below the options: examples.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=more,
        aliases=aliases,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # Here as well as before the command, whose value stays where it is not given here.
    parser.add_argument("-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="say nothing but results and errors")
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def group(commands: Commands, name: str, summary: str) -> Commands:
    """A command that only has commands."""
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_name(parser: argparse.ArgumentParser) -> None:
    """``--name``."""
    parser.add_argument("--name", "-n", metavar="NAME", help=f"the cluster (default: ${NAME}, else {DEFAULT_NAME})")


def add_output(parser: argparse.ArgumentParser, default: str = "text") -> None:
    """``-o``."""
    parser.add_argument("--output", "-o", choices=["text", "json"], default=default, help="json: for scripts (default: text)")


def add_preflight(parser: argparse.ArgumentParser) -> None:
    """``--preflight``."""

    def words(value: str) -> str:
        try:
            return preflight(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value!r} is not accepted; accepted is {error}") from error

    told = "the look at the machine before anything is made: on, off, or without some findings (no-memory,no-cpus; default: %(default)s)"
    parser.add_argument("--preflight", type=words, metavar="WHAT", default="on", help=told)


def add_kubeconfig(parser: argparse.ArgumentParser) -> None:
    """``--kubeconfig``."""
    parser.add_argument("--kubeconfig", type=Path, metavar="PATH", help="the file instead of $KUBECONFIG or ~/.kube/config")


def given_name(arguments: argparse.Namespace) -> str | None:
    """The name that the command line or the environment says, as kind has it.

    Raises:
        UsageError: it cannot be one.
    """
    for source, name in (("--name", arguments.name), (NAME, os.environ.get(NAME))):
        if name:
            return check_cluster_name(name, source)
    return None


def cluster_name(arguments: argparse.Namespace) -> str:
    """The name of the cluster that is meant."""
    return given_name(arguments) or DEFAULT_NAME


def duration(text: str) -> float:
    """Seconds from what kind takes, Go's notation (``1m30s``), or from a plain number."""
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; accepted is the form 5m, 1m30s or 90") from None
