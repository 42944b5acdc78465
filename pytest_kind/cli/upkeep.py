"""``gc``, ``version``, ``schema`` and ``completion``."""

from __future__ import annotations

import argparse
import json
import platform
from importlib import metadata
from pathlib import Path

from pytest_kind import errors
from pytest_kind.cli.terms import Commands, add_output, leaf
from pytest_kind.cli.work import engine, show_json
from pytest_kind.config.schema import json_schema
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.unused import unused_images
from pytest_kind.lease.sweep import Swept, sweep

_DAYS = 14.0
_COMPLETION = """examples:
  bash   source <(pytest-kind completion bash)
  zsh    source <(pytest-kind completion zsh)
  fish   pytest-kind completion fish > ~/.config/fish/completions/pytest-kind.fish"""


def add(commands: Commands) -> None:
    """Adds the commands."""
    parser = leaf(commands, "gc", "remove what dead runs left, and images that nothing needs any more", _gc)
    parser.add_argument("--images", action="store_true", help="remove node images and base layers of ours that this version would not use, too")
    parser.add_argument("--days", type=float, default=_DAYS, metavar="DAYS", help="only images older than that (default: %(default)g)")
    add_output(parser)
    add_output(leaf(commands, "version", "print versions: of this package, of the Kubernetes that it makes, of Python", _version))
    leaf(commands, "schema", "print the JSON schema of a cluster's configuration, for editors", _schema)
    parser = leaf(commands, "completion", "print a script that completes this command in a shell", _completion, more=_COMPLETION)
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def collect_garbage(cache: Path) -> None:
    """Removes what dead sessions left and says what."""
    swept = _swept(cache)
    _show(swept.removed, swept.left)


def _show(removed: list[str], left: list[str]) -> None:
    for line in removed:
        print(f"kind: removed {line}")
    for line in left:
        print(f"kind: left {line}")
    if not removed:
        print("kind: nothing to remove")


def _swept(cache: Path) -> Swept:
    with engine() as provider:
        return sweep(provider, cache)


def _images(days: float) -> Swept:
    """Removes what ``unused_images`` finds. An image that others are made of stays until they are gone."""
    result = Swept()
    with engine() as provider:
        for image in unused_images(provider, days):
            name = f"image {image.tags[0] if image.tags else image.id.removeprefix('sha256:')[:12]}"
            try:
                provider.remove_image(image.id)
            except errors.Conflict as conflict:
                result.left.append(f"{name}: {conflict}")
            else:
                result.removed.append(name)
    return result


def _gc(arguments: argparse.Namespace) -> None:
    results = [_swept(arguments.cache_dir), *([_images(arguments.days)] if arguments.images else [])]
    removed = [line for result in results for line in result.removed]
    left = [line for result in results for line in result.left]
    if arguments.output == "json":
        show_json({"removed": removed, "left": left})
    else:
        _show(removed, left)


def _version(arguments: argparse.Namespace) -> None:
    ours = metadata.version("pytest-kind-native")
    kubernetes = read_inputs("amd64").kubernetes  # the same for every architecture
    if arguments.output == "json":
        show_json({"version": ours, "kubernetes": kubernetes, "python": platform.python_version()})
    else:
        print(f"pytest-kind-native {ours} (Kubernetes {kubernetes}, Python {platform.python_version()})")


def _schema(_: argparse.Namespace) -> None:
    print(json.dumps(json_schema(), indent=2))


def _completion(arguments: argparse.Namespace) -> None:
    from pytest_kind.cli.completion import script  # noqa: PLC0415 - it looks at the whole tree, which has this in it
    from pytest_kind.cli.parser import make_parser  # noqa: PLC0415

    print(script(arguments.shell, make_parser()), end="")
