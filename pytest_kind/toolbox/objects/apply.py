"""``apply``: plan what is sent where, then send it, then undo it if any of it was refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.resources import Resource, defined
from pytest_kind.diagnose.redact import redacted
from pytest_kind.errors import KindError, WaitTimeout
from pytest_kind.toolbox.objects import changes, conditions
from pytest_kind.toolbox.objects.changes import MANAGER, Change, Changes, UndoError
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.manifests import Manifest, ManifestError, ordered
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.waiting import Deadline, NotYet, wait_for

Document = dict[str, Any]

_FORBIDDEN, _NOT_FOUND, _CONFLICT, _TOO_MANY, _UNAVAILABLE = 403, 404, 409, 429, 503
_CONVERSION = re.compile(r'conversion webhook for .* failed: Post "')  # it was not reached; else it was, and refuses
_CONDITION = {"CustomResourceDefinition": "Established", "APIService": "Available"}
_GROUND = {"Namespace", "CustomResourceDefinition"}


class ApplyError(KindError):
    """The cluster refused something, all that it refused at once; nothing of the call is left.

    Args:
        problems: one line each, led by where the manifest is.
        left: what could not be undone.
    """

    def __init__(self, problems: Iterable[str], left: Iterable[str] = ()) -> None:
        self.problems, self.left = tuple(problems), tuple(left)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [*(f"  - {problem}" for problem in self.problems), *(f"  - not undone: {one}" for one in self.left)]
        super().__init__(f"apply: {count}, {'what was made is undone' if not self.left else 'not all is undone'}\n" + "\n".join(lines))


@dataclass(frozen=True, slots=True)
class Step:
    """A manifest whose place is known."""

    manifest: Manifest
    resource: Resource
    document: Document

    @property
    def path(self) -> str:
        return self.resource.of(self.document)


def plan(manifests: Iterable[Manifest], find: Callable[[Document], Resource | None], namespace: str) -> list[Step]:
    """Where each goes, in the order in which they are sent.

    Args:
        find: the resource of an object.
        namespace: for objects that name none.

    Raises:
        ManifestError: the cluster does not serve a kind, nor does a definition among them.
    """
    several = ordered(manifests)
    coming = {
        (resource.api_version, resource.kind): resource for one in several if one.kind == "CustomResourceDefinition" for resource in _resources(one)
    }
    steps: list[Step] = []
    problems: list[str] = []
    for one in several:
        resource = coming.get((one.api_version, one.kind)) or find(one.document)
        if resource is None:
            problems.append(f"{one}: the cluster serves no {one.kind} of {one.api_version}, and no definition of it is given")
            continue
        # A live object that a test has changed can be given.
        meta = {name: value for name, value in one.document["metadata"].items() if name not in {"managedFields", *changes.SERVERS}}
        if resource.namespaced:
            meta.setdefault("namespace", namespace)
        else:
            meta.pop("namespace", None)
        document = {name: value for name, value in one.document.items() if name != "status"}
        steps.append(Step(one, resource, {**document, "metadata": meta}))
    if problems:
        raise ManifestError(problems)
    return steps


def apply(connection: Connection, manifests: list[Manifest], namespace: str, done: Changes, seconds: float) -> list[KindObject]:
    """Applies manifests, and returns what became of them, in their own order.

    Args:
        done: what is changed is added to it.
        seconds: for all of it together.

    Raises:
        ManifestError: something of it cannot be sent; nothing was.
        ApplyError: something was refused; the call is undone.
    """
    steps, deadline = plan(manifests, connection.of, namespace), Deadline(seconds)
    mine = Changes(done.api)
    problems: list[str] = []
    made: dict[int, KindObject] = {}
    try:
        ground = [step for step in steps if step.manifest.kind in _GROUND]
        for part in (ground, [step for step in steps if step not in ground]):
            if problems:
                break  # what follows would fail for the same reason
            problems += _send(connection.api, part, deadline, mine, made)
    except BaseException:
        mine.undo()
        raise
    if problems:
        try:
            mine.undo()
        except UndoError as error:
            raise ApplyError(problems, error.problems) from None
        raise ApplyError(problems)
    done.done += mine.done
    return [made[id(one)] for one in manifests]


def _send(api: Api, steps: list[Step], deadline: Deadline, mine: Changes, made: dict[int, KindObject]) -> list[str]:
    problems: list[str] = []
    waiting: list[Step] = []
    for step in steps:
        try:
            made[id(step.manifest)] = KindObject.of(_one(api, step, deadline, mine))
        except KindError as error:
            problems.append(f"{step.manifest}: {redacted(str(error))}")
            continue
        if step.manifest.kind in _CONDITION:
            waiting.append(step)
    for step in waiting:
        try:
            made[id(step.manifest)] = _settled(api, step, deadline)
        except KindError as error:
            problems.append(f"{step.manifest}: {error}")
    return problems


def _one(api: Api, step: Step, deadline: Deadline, mine: Changes) -> Document:
    known = False

    def probe() -> Document | NotYet:
        nonlocal known
        try:
            if not known:
                there = changes.now(api, step.path)
                if there is not None and "deletionTimestamp" in there["metadata"]:
                    return NotYet("one of the same name is still being deleted")
                # Before the request, whose answer may be lost. Undoing what was refused does nothing.
                mine.done.append(Change(step.resource, there, step.document))
                known = True
            return api.apply(step.path, step.document, MANAGER)
        except ApiError as error:
            if not _passes(error, step):
                raise
            return NotYet(str(error))

    try:
        return wait_for("apply", probe, deadline)
    except WaitTimeout as error:
        raise KindError(f"not within {error.seconds:.1f} s: {error.last_seen}") from None


def _passes(error: ApiError, step: Step) -> bool:
    """Whether a refusal is one of those that pass by themselves.

    A new namespace's ServiceAccount comes a moment after it, a definition is served a moment after it is there, and a webhook's
    pods begin to answer when they are ready. The API server's admission hears of a new PriorityClass and of what a new quota counts
    a moment later, and others write to a quota at the same moment: of fields there is no conflict, they are taken over.
    """
    text = str(error)
    return (
        error.status in {0, _TOO_MANY, _UNAVAILABLE}
        or (error.status == _FORBIDDEN and "serviceaccount" in text and "not found" in text)
        or (error.status == _FORBIDDEN and ("status unknown for quota" in text or "no PriorityClass with name" in text))
        or (error.status == _CONFLICT and "the object has been modified" in text)
        or (error.status == _NOT_FOUND and "could not find the requested resource" in text)
        or "failed calling webhook" in text
        or _CONVERSION.search(text) is not None
        or (error.status == _NOT_FOUND and "page not found" in text and bool(step.resource.group))
    )


def _settled(api: Api, step: Step, deadline: Deadline) -> KindObject:
    """What others of the call need it to be: a definition that is served."""
    wish = conditions.parse(_CONDITION[step.manifest.kind])

    def probe() -> KindObject | NotYet:
        one = KindObject.of(api.get(step.path))
        return wish.check(one) or one

    return wait_for(f"condition {wish.told}", probe, deadline, every=0.02)


def _resources(manifest: Manifest) -> list[Resource]:
    try:
        return list(defined(manifest.document))
    except (KeyError, TypeError, AttributeError):
        return []  # which the server will say better
