"""The command ``pytest-kind``, from its own parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from kind_docs.options import sentence
from pytest_kind.cli.parser import make_parser

_WIDTH = 100


def text() -> str:
    """What goes before a command, a section for each command that does something, the environment and the exit codes."""
    parser = make_parser()
    _, _, ends = (parser.epilog or "").partition("\n\n")
    return "\n\n".join(["## All commands", _options(parser), *map(_section, leaves(parser)), "## Environment and exit codes", _block(ends)])


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands below a parser that have none of their own; each once, whatever aliases it has."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for one in dict.fromkeys(action.choices.values()):
            yield from leaves(one)


def _section(parser: argparse.ArgumentParser) -> str:
    usage = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    usage.add_usage(None, parser._actions, parser._mutually_exclusive_groups)
    name = parser.prog.partition(" ")[2]
    parts = [f"## {name}", parser.description or "", _block(usage.format_help()), _options(parser), _block(parser.epilog or "")]
    return "\n\n".join(part for part in parts if part)


def _options(parser: argparse.ArgumentParser) -> str:
    hidden = (argparse._SubParsersAction, argparse._HelpAction)
    said = [one for one in parser._actions if one.help not in {None, argparse.SUPPRESS} and not isinstance(one, hidden)]
    shown = [one for one in said if one.default is not argparse.SUPPRESS or one.dest == "version"]  # what each command repeats is said once
    flags = [_option(parser, one) for one in shown if one.option_strings]
    words = [f"{_metavar(one)}\n: {_help(parser, one)}" for one in shown if not one.option_strings]
    return "\n\n".join([f":::{{program}} {parser.prog}\n:::", *words, *flags])


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    takes = "" if action.nargs == 0 else f" {_metavar(action)}"
    return f":::{{option}} {', '.join(flag + takes for flag in action.option_strings)}\n{_help(parser, action)}\n:::"


def _metavar(action: argparse.Action) -> str:
    name = f"{{{','.join(action.choices)}}}" if action.choices else str(action.metavar or action.dest.upper())
    return f"{name} …" if action.nargs in {"+", "*"} else name


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    words = (action.help or "") % {**vars(action), "prog": parser.prog}
    return sentence(words.replace(str(Path.home()), "~"))


def _block(words: str) -> str:
    return f"```text\n{words.strip()}\n```" if words.strip() else ""
