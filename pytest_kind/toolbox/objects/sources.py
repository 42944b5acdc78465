"""From what ``apply`` is given to live objects: the way through manifests, renderers and the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.objects import manifests, rendering
from pytest_kind.toolbox.objects.apply import apply
from pytest_kind.toolbox.objects.changes import Changes
from pytest_kind.toolbox.objects.connection import Connection, Host, connection
from pytest_kind.toolbox.objects.manifests import CHART, Source
from pytest_kind.toolbox.objects.model import KindObject


def apply_source(
    host: Host, source: Source, namespace: str, done: Changes, *, values: Mapping[str, Any] | None, release: str | None, timeout: float
) -> KindObject | list[KindObject]:
    """Applies whatever ``apply`` takes.

    Args:
        done: what is changed is added to it.

    Returns:
        One object for a mapping, which is no list of several; else all, in the source's order.

    Raises:
        UsageError: ``values`` or ``release`` for something that is no chart.
        ManifestError: something of it cannot be sent; nothing was.
        ApplyError: something was refused; the call is undone.
    """
    given = [name for name, value in (("values", values), ("release", release)) if value is not None]
    if given and not (isinstance(source, Path) and (source / CHART).is_file()):
        raise UsageError(f"apply: {' and '.join(given)}: only for the folder of a Helm chart, which has a {CHART}")
    there = connection(host)

    def render(folder: Path) -> str | None:
        found = rendering.kustomized(folder, host.kubectl)
        return _chart(there, folder, namespace, values, release) if found is None else found

    made = apply(there, manifests.read(source, render), namespace, done, timeout)
    return made[0] if isinstance(source, Mapping) and "items" not in source else made


def _chart(there: Connection, folder: Path, namespace: str, values: Mapping[str, Any] | None, release: str | None) -> str | None:
    if not (folder / CHART).is_file():
        return None
    version = str(there.api.get("/version")["gitVersion"])
    served = sorted({one.api_version for one in there.served} | {f"{one.api_version}/{one.kind}" for one in there.served if one.kind})
    return rendering.templated(folder, namespace=namespace, release=release, values=values, version=version, served=served)
