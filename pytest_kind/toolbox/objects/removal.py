"""``delete_objects``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_kind.errors import KindError
from pytest_kind.toolbox.objects import changes, target
from pytest_kind.toolbox.objects.changes import UndoError
from pytest_kind.toolbox.objects.connection import Host, connection
from pytest_kind.toolbox.objects.model import shown


def delete_objects(host: Host, objects: Sequence[Mapping[str, Any]], seconds: float) -> None:
    """Deletes objects, the last first, and waits for their end.

    Args:
        seconds: for each.
    """
    there = connection(host)
    planned = []
    for one in objects:
        wanted = target.parse("delete_objects", one, None, None)
        resource = target.found(there, wanted)
        space = {"namespace": wanted.place(resource)} if resource.namespaced else {}
        planned.append((resource, {**one, "metadata": {**one["metadata"], **space}}))
    problems = []
    for resource, one in reversed(planned):
        try:
            changes.remove(there.api, resource, one, seconds, wait=True)
        except KindError as error:
            problems.append(f"{shown(one)}: {error}")
    if problems:
        raise UndoError(problems)
