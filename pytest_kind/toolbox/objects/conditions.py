"""What can be waited for, and whether an object has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.objects import jsonpath, rollout
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.waiting import NotYet

Document = dict[str, Any]
Check = Callable[[KindObject], NotYet | None]
Condition = str | Callable[[KindObject], object]
"""As :func:`parse` takes it."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
# What is no condition's name but another form, misspelt: it would be waited for in vain.
_MEANT = re.compile(r"(status|spec|metadata)\.|(exist|existing|created|deleted|deletion|gone|rolled-?out)$")
_OF_STATUS = re.compile(r"""\{?\s*\$?[.\[]?['"]?status\b""")
_FORMS = (
    "a condition's name (Available, Ready=False), a JSONPath ({.status.phase}=Running), rollout, exists, delete, or a function of the object, "
    "and kubectl's condition=…, jsonpath=…, create"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is waited for.

    Attributes:
        told: in words.
        check: says why an object has it not yet.
        gone: whether it is that there is no object any more.
        of_status: whether it is about the status alone, which does not change any more once an object has ended.
    """

    told: str
    check: Check
    gone: bool = False
    of_status: bool = False


def parse(condition: Condition) -> Wish:
    """Understands a condition.

    Raises:
        UsageError: it is none.
    """
    if callable(condition):
        return Wish(f"{getattr(condition, '__name__', None) or 'the function'}(object)", _of(condition))
    text = condition.strip()
    if text in {"exists", "create"}:
        return Wish("exists", lambda _: None)
    if text == "delete":
        return Wish("is deleted", lambda _: NotYet("it is there"), gone=True)
    if text == "rollout":
        return Wish("rollout", rollout.unfinished)
    try:
        if text.startswith(("{", "jsonpath=")):
            return _path(text.removeprefix("jsonpath="))
    except ValueError as error:
        raise UsageError(f"wait_for: condition {condition!r}: {error}") from None
    name, _, value = text.removeprefix("condition=").partition("=")
    if not _NAME.fullmatch(name) or _MEANT.match(name):
        raise UsageError(f"wait_for: condition {condition!r} is not accepted; accepted is {_FORMS}")
    wanted = value or "True"
    return Wish(name if not value else f"{name}={value}", lambda one: _condition(one, name, wanted), of_status=True)


def ended(one: Document) -> str:
    """How a pod or a Job has ended, for good; nothing where it goes on, and of other kinds."""
    status = one.get("status") or {}
    if one.get("kind") == "Pod":
        return f"phase {status['phase']}" if status.get("phase") in {"Succeeded", "Failed"} else ""
    if one.get("kind") != "Job":
        return ""
    return next((told(each) for each in _conditions(one) if each.get("type") in {"Complete", "Failed"} and each.get("status") == "True"), "")


def _condition(one: Document, name: str, wanted: str) -> NotYet | None:
    """As kubectl looks at it (its ``pkg/cmd/wait/condition.go``): in whatever case, and only what is about the object as it is now."""
    status, there = one.get("status") or {}, _conditions(one)
    for condition in there:
        if str(condition.get("type", "")).lower() == name.lower():
            seen = condition.get("observedGeneration") or status.get("observedGeneration")
            if seen is not None and seen < one["metadata"].get("generation", 0):
                return NotYet(f"{told(condition)}, of an earlier generation: its controller has not seen the last change")
            return None if str(condition.get("status", "")).lower() == wanted.lower() else NotYet(told(condition))
    others = ", ".join(map(told, there))
    return NotYet(f"it has no condition {name}{': ' + others if others else ''}")


def _conditions(one: Document) -> list[Document]:
    """Its conditions; none where its kind has something else there."""
    there = (one.get("status") or {}).get("conditions")
    return [each for each in there if isinstance(each, dict)] if isinstance(there, list) else []


def told(condition: Document) -> str:
    """A condition in words: ``Available is False (MinimumReplicasUnavailable: Deployment does not …)``."""
    why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return f"{condition.get('type')} is {condition.get('status')}{f' ({why})' if why else ''}"


def _path(text: str) -> Wish:
    """``{.path}=value``, or ``{.path}`` for whatever value."""
    path, braced, rest = text.partition("}")
    if not braced:
        path, equals, value = text.partition("=")
    else:
        equals, value = rest[:1], rest[1:]
        if rest and equals != "=":
            raise ValueError(f"{rest!r} after the path; accepted is =VALUE")
    find = jsonpath.parse(path + braced)
    value = value.strip("'\"") if value[:1] in {"'", '"'} else value

    def check(one: Document) -> NotYet | None:
        found = find(one)
        if not found or (not equals and any(each is None for each in found)):
            return NotYet(f"it has no {path}{braced}")
        if equals and any(jsonpath.as_text(each) != value for each in found):
            return NotYet(f"{path}{braced} is {', '.join(map(jsonpath.as_text, found))}")
        return None

    return Wish(text, check, of_status=_OF_STATUS.match(path) is not None)


def _of(function: Callable[[KindObject], object]) -> Check:
    def check(one: KindObject) -> NotYet | None:
        try:
            said = function(one)
        except (AttributeError, LookupError) as error:
            return NotYet(f"{error.args[0] if isinstance(error, AttributeError) and error.args else repr(error)}")
        return None if said else NotYet(f"it returned {said!r}")

    return check
