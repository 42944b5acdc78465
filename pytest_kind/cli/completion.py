"""Scripts that complete the command in a shell, made from its parsers: nothing here has to follow a new option.

What a value is, its metavar says: ``NAME`` is a cluster, ``NODE`` a node, ``FILE``, ``PATH`` and ``DIR`` are files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

_CLUSTERS = "pytest-kind get clusters 2>/dev/null"
_NODES = "pytest-kind get nodes --all-clusters 2>/dev/null"
_FILES = {"FILE", "PATH", "DIR"}


@dataclass(frozen=True, slots=True)
class Value:
    """What can follow: an option's value or a command's argument. ``flags`` is empty for arguments."""

    flags: tuple[str, ...]
    takes: bool
    choices: tuple[str, ...]
    metavar: str
    help: str

    @property
    def asks(self) -> str:
        """The shell command that prints the candidates, where there is one."""
        return {"NAME": _CLUSTERS, "NODE": _NODES}.get(self.metavar, "")


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the command line: the commands so far, and what may come next."""

    path: str
    commands: tuple[tuple[str, str], ...]
    values: tuple[Value, ...]

    @property
    def options(self) -> tuple[Value, ...]:
        """Those with flags."""
        return tuple(one for one in self.values if one.flags)

    @property
    def arguments(self) -> tuple[Value, ...]:
        """Those without."""
        return tuple(one for one in self.values if not one.flags)


def places(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Place]:
    """Every point of the tree, the root first."""
    commands: list[tuple[str, str]] = []
    values: list[Value] = []
    below: list[Place] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask, and every generator does
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for one in action._choices_actions:  # noqa: SLF001
                commands.append((one.dest, one.help or ""))
                below += places(action.choices[one.dest], f"{path} {one.dest}".strip())
        elif action.help != argparse.SUPPRESS:
            metavar = action.metavar if isinstance(action.metavar, str) else ""
            choices = tuple(str(one) for one in action.choices or ())
            values.append(Value(tuple(action.option_strings), action.nargs != 0, choices, metavar, (action.help or "").split(" (")[0]))
    yield Place(path, tuple(commands), tuple(values))
    yield from below


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    found = list(places(parser))
    if shell == "fish":
        return _fish(found)
    if shell == "zsh":  # which runs bash's completions itself
        return "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n" + _bash(found)
    return _bash(found)


def _bash(found: list[Place]) -> str:
    values, words = [], []
    for place in found:
        for option in place.options:
            if option.takes:
                values += [f'    "{place.path}|{flag}") {_bash_candidates(option)} return ;;' for flag in option.flags]
        flags = " ".join(flag for option in place.options for flag in option.flags)
        names = " ".join(name for name, _ in place.commands)
        lines = [f'COMPREPLY=($(compgen -W "{f"{names} {flags}".strip()}" -- "$cur"));']
        lines += [_bash_candidates(one, "+=") for one in place.arguments]
        words.append(f'    "{place.path}") {" ".join(filter(None, lines))} ;;')
    paths = "|".join(f'"{place.path}"' for place in found if place.path)
    return "\n".join(
        [
            "_pytest_kind() {",
            "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= next i",
            "  for ((i = 1; i < COMP_CWORD; i++)); do",
            '    next="${path:+$path }${COMP_WORDS[i]}"',
            f'    case "$next" in {paths}) path=$next ;; esac',
            "  done",
            "  COMPREPLY=()",
            '  case "$path|$prev" in',
            *values,
            "  esac",
            '  case "$path" in',
            *words,
            "  esac",
            "}",
            "complete -F _pytest_kind pytest-kind",
            "",
        ]
    )


def _bash_candidates(value: Value, assign: str = "=") -> str:
    if value.metavar in _FILES:
        return f'COMPREPLY{assign}($(compgen -f -- "$cur"));'
    if value.choices or value.asks:
        source = f"$({value.asks})" if value.asks else " ".join(value.choices)
        return f'COMPREPLY{assign}($(compgen -W "{source}" -- "$cur"));'
    return ""


def _fish(found: list[Place]) -> str:
    paths = " ".join(f'"{place.path}"' for place in found if place.path)
    lines = [
        "function __pytest_kind_at",
        "  set -l path",
        "  for word in (commandline -opc)[2..]",
        '    set -l next (string trim "$path $word")',
        f'    contains -- "$next" {paths}; and set path $next',
        "  end",
        '  test "$path" = "$argv[1]"',
        "end",
        "complete -c pytest-kind -f",
    ]
    for place in found:
        at = f"complete -c pytest-kind -n '__pytest_kind_at \"{place.path}\"'"
        lines += [f"{at} -a {name} -d {_fish_text(text)}" for name, text in place.commands]
        for value in place.values:
            if value.metavar in _FILES:
                takes = "-r -F" if value.flags else "-F"
            elif value.choices or value.asks:
                takes = f"{'-x ' if value.flags else ''}-a {_fish_text(f'({value.asks})' if value.asks else ' '.join(value.choices))}"
            else:
                takes = "-x" if value.takes and value.flags else ""
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in value.flags)
            if flags or takes:
                lines.append(" ".join(part for part in (at, flags, takes, f"-d {_fish_text(value.help)}") if part))
    return "\n".join([*lines, ""])


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
