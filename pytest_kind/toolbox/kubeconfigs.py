"""A kubeconfig file at a place that the user named, and the variable that tools read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from pytest_kind.api.kubeconfig import write_private
from pytest_kind.errors import UsageError


def check(path: Path, source: str) -> None:
    """Refuses a file that has more than a cluster of the plugin: it would be lost.

    Raises:
        UsageError: so it is, or it cannot be a file.
    """
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{source}: {path} is there and cannot be read as a kubeconfig: {' '.join(str(error).split())}") from error
    contexts = known.get("contexts") if isinstance(known, dict) else known
    names = [str(one.get("name")) for one in contexts or [] if isinstance(one, dict)] if isinstance(contexts, list) else []
    if known is not None and (len(names) != 1 or not names[0].startswith("kind-")):
        raise UsageError(
            f"{source}: {path} is there and has something else than one cluster of kind's ({', '.join(names) or 'no contexts'}), "
            "which would be overwritten; name a file that is not there"
        )


def write(path: Path, text: str, source: str) -> None:
    """Writes a kubeconfig for this user alone.

    Raises:
        UsageError: the place cannot be written, or see :func:`check`.
    """
    check(path, source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
    except OSError as error:
        raise UsageError(f"{source}: {path} cannot be written: {error}") from error


@contextlib.contextmanager
def environment(path: Path) -> Iterator[Path]:
    """``KUBECONFIG`` is the file until the block ends, for libraries and for programs started in it."""
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(path)
    try:
        yield path
    finally:
        if before is None:
            os.environ.pop("KUBECONFIG", None)
        else:
            os.environ["KUBECONFIG"] = before
