"""What was changed in a cluster, and how it is undone: the last change first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.resources import CRDS, Resource, defined
from pytest_kind.errors import KindError, WaitTimeout
from pytest_kind.toolbox.objects.model import shown
from pytest_kind.waiting import Deadline, NotYet, wait_for

Document = dict[str, Any]

MANAGER = "pytest-kind"
BACKGROUND: Document = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
_SECONDS = 30.0
_CLEARED = 10.0  # the API server looks every five seconds whether a definition's objects are gone
_TOLD = 5  # of objects that stood in the way
_NOT_FOUND, _CONFLICT = 404, 409
SERVERS = ("resourceVersion", "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
"""Metadata that the server writes, and takes no word of from others."""
# Left while they go, they would hurt whoever comes next: requests that nobody answers, and objects that go with their definition.
_HURT = {
    CRDS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "apiservices.apiregistration.k8s.io",
}
# Finalizers of Kubernetes' own, whose controllers run as long as the cluster does; others are those of what a test runs.
_OWN = ("kubernetes.io/", "kubernetes", "foregroundDeletion", "orphan", "batch.kubernetes.io/", "service.kubernetes.io/", "customresourcecleanup.")


class UndoError(KindError):
    """Something is not as it was before, all that is not at once; everything else is.

    Args:
        problems: a line each.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("not undone:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True, slots=True)
class Change:
    """An object that was applied.

    Attributes:
        before: as it was; nothing where it was not there.
        applied: what was applied to it.
    """

    resource: Resource
    before: Document | None
    applied: Document

    @property
    def path(self) -> str:
        return self.resource.of(self.applied)


@dataclass(slots=True)
class Changes:
    """What was changed, in order; and other things to be ended with it."""

    api: Callable[[], Api]
    done: list[Change | Callable[[], None]] = field(default_factory=list)

    def undo(self, seconds: float = _SECONDS) -> None:
        """Undoes all of it, the last first. Whatever fails, the rest is undone.

        Args:
            seconds: how long each object may take to go, where that is waited for.

        Raises:
            UndoError: what is not undone, and why.
        """
        problems: list[str] = []
        self.done[:] = _first_of_each(self.done)
        while self.done:
            one = self.done.pop()
            try:
                if isinstance(one, Change):
                    back(self.api(), one, seconds)
                else:
                    one()
            except KindError as error:
                problems.append(f"{shown(one.applied)}: {error}" if isinstance(one, Change) else str(error))
        if problems:
            raise UndoError(problems)


def _first_of_each(done: list[Change | Callable[[], None]]) -> list[Change | Callable[[], None]]:
    """Of an object's changes the first alone: it has what was there before all of them. The way back may be closed in between."""
    firsts: dict[str, Change] = {}
    for one in done:
        if isinstance(one, Change):
            firsts.setdefault(one.path, one)
    return [one for one in done if not isinstance(one, Change) or firsts[one.path] is one]


def back(api: Api, change: Change, seconds: float) -> None:
    """Deletes what was not there before, and puts back what was."""
    if change.before is None:
        remove(api, change.resource, change.applied, seconds)
    else:
        _put_back(api, change, change.before, Deadline(seconds))


def remove(api: Api, resource: Resource, one: Document, seconds: float, *, wait: bool = False) -> None:
    """Deletes an object, and what it controls.

    Waits until it is gone where leaving it would hurt, and where it has finalizers of something that may be deleted next.
    What is still there then loses them, so that its definition and its namespace can go; of a definition its objects do.

    Args:
        wait: in any case; then it keeps its finalizers.

    Raises:
        WaitTimeout: it did not go by itself.
        ApiError: the server refuses.
    """
    path = resource.of(one)
    answer = api.deleted(path, BACKGROUND) or {}
    if "name" not in answer.get("metadata", {}):  # a Status: it is gone
        return
    finalizers = _strange(answer)
    if not (wait or finalizers or resource.name in _HURT):
        return

    def probe() -> bool | NotYet:
        there = now(api, path)
        if there is None or there["metadata"].get("uid") != one["metadata"].get("uid", there["metadata"].get("uid")):
            return True
        names = there["metadata"].get("finalizers") or []
        said = f"its finalizers {', '.join(names)} remain, which whoever set them has to take off" if names else "it is being deleted"
        return NotYet("; ".join([said, *_why_not(there)]))

    what = f"deletion of {shown(one)}"
    try:
        wait_for(what, probe, Deadline(seconds), every=0.02)
    except WaitTimeout as error:
        if wait:
            raise
        released = _release_objects(api, answer) if resource.name == CRDS else []
        told = [f"those of its objects {', '.join(released)} were taken off"] if released else []
        if finalizers:
            _release(api, path)
            told.insert(0, "they were taken off")
        if told:
            with contextlib.suppress(WaitTimeout):
                wait_for(what, probe, Deadline(min(seconds, _CLEARED)), every=0.02)
        raise WaitTimeout(error.what, error.seconds, "; ".join([error.last_seen, *told])) from None


def _release(api: Api, path: str) -> None:
    with contextlib.suppress(ApiError):  # gone meanwhile
        api.patch(path, {"metadata": {"finalizers": None}})


def _release_objects(api: Api, definition: Document) -> list[str]:
    """Takes the finalizers off the objects of a definition, and says whose."""
    for resource in defined(definition):
        try:
            there = api.get(resource.path()).get("items") or []
        except ApiError:  # the webhook that made this version of another is gone
            continue
        held = [one for one in there if one["metadata"].get("finalizers")]
        for one in held:
            _release(api, resource.of(one))
        names = [shown({"kind": resource.kind, **one}) for one in held]
        return [*names[:_TOLD], *([f"and {len(names) - _TOLD} more"] if len(names) > _TOLD else [])]
    return []


def now(api: Api, path: str) -> Document | None:
    """An object as it is; nothing where there is none."""
    try:
        return api.get(path)
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def _put_back(api: Api, change: Change, before: Document, deadline: Deadline) -> None:
    meta = {name: value for name, value in before["metadata"].items() if name not in SERVERS}

    def probe() -> bool | NotYet:
        there = now(api, change.path)
        try:
            if there is None:
                made = {**before, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}
                collection = change.path.rpartition("/")[0]
                api.post(f"{collection}?fieldManager={MANAGER}", made)
            elif "deletionTimestamp" in there["metadata"]:
                return NotYet("it is being deleted")
            elif there["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
                fresh = {**before, "metadata": {**meta, "resourceVersion": there["metadata"]["resourceVersion"]}}
                api.put(f"{change.path}?fieldManager={MANAGER}", fresh)
        except ApiError as error:
            if error.status != _CONFLICT:  # others write it at the same moment
                raise
            return NotYet(str(error))
        return True

    wait_for(f"{shown(before)} as it was", probe, deadline)


def _strange(one: Document) -> list[str]:
    return [name for name in one["metadata"].get("finalizers") or [] if not name.startswith(_OWN)]


def _why_not(one: Document) -> list[str]:
    """What the conditions of a definition or a namespace say of why it does not go."""
    conditions = (one.get("status") or {}).get("conditions") or []
    return [f"{each['type']}: {each.get('message')}" for each in conditions if each.get("status") == "True" and "Remaining" in each.get("type", "")]
