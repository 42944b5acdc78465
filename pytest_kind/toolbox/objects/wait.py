"""``wait_for``: objects are watched until they are what is wanted, or told why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_kind.api.http import ApiError
from pytest_kind.api.stream import Late
from pytest_kind.api.watch import watched
from pytest_kind.errors import WaitTimeout
from pytest_kind.toolbox.objects import conditions, why
from pytest_kind.toolbox.objects.conditions import Wish
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.toolbox.objects.target import Wanted, not_served
from pytest_kind.waiting import Deadline, NotYet, wait_for

_EVERY = 0.2  # seconds until the next try where a watch cannot be had, or ended
_TOLD = 5  # objects of several whose reasons are told


class WaitHopeless(WaitTimeout):
    """Something cannot happen any more: what was waited for has ended otherwise. Raised before the deadline."""

    def __init__(self, what: str, seconds: float, last_seen: str) -> None:
        super().__init__(what, seconds, last_seen)
        self.args = (f"{what}: it has ended otherwise; last seen: {last_seen}",)


class _Ended(Exception):
    """An object will not change any more."""


@dataclass(slots=True)
class _Look:
    """What was seen last.

    Attributes:
        uids: of the objects that are to go: others of the same name are not they.
    """

    wanted: Wanted
    wish: Wish
    objects: list[KindObject] = field(default_factory=list)
    uids: set[str] | None = None

    def at(self, objects: list[KindObject]) -> NotYet | None:
        """Why they are not what is wanted."""
        self.objects = objects
        if self.wish.gone:
            return self._left()
        if not objects:
            return NotYet(f"there is no {self.wanted.kind} {self.wanted.name}" if self.wanted.name else f"no {self.wanted.kind} has these labels")
        reasons = [(one, why_not) for one in objects if (why_not := self.wish.check(one)) is not None]
        if not reasons:
            return None
        for one, why_not in reasons:
            if self.wish.of_status and (end := conditions.ended(one)):
                raise _Ended(f"{one.name}: {end}; {why_not.reason}")
        if self.wanted.name:
            return reasons[0][1]
        told = [f"{one.name}: {why_not.reason}" for one, why_not in reasons[:_TOLD]]
        more = [f"and {len(reasons) - _TOLD} more"] if len(reasons) > _TOLD else []
        return NotYet("; ".join([*told, *more]))

    def _left(self) -> NotYet | None:
        if self.uids is None:
            meta = (self.wanted.document or {}).get("metadata") or {}
            known = meta.get("uid") if isinstance(meta, Mapping) else None
            self.uids = {known} if known else {one.metadata.uid for one in self.objects}
        left = [one for one in self.objects if one.metadata.uid in self.uids]
        if not left:
            return None
        names = ", ".join(one.name for one in left[:_TOLD])
        held = sorted({name for one in left for name in one["metadata"].get("finalizers") or ()})
        going = all("deletionTimestamp" in one["metadata"] for one in left)
        state = "being deleted" if going else "there"
        return NotYet(f"{names} {'is' if len(left) == 1 else 'are'} {state}{', with finalizers ' + ', '.join(held) if held else ''}")


def wait(connection: Callable[[], Connection], wanted: Wanted, wish: Wish, seconds: float) -> list[KindObject]:
    """Waits for objects, and returns them as they are then: none where their end was waited for.

    Args:
        connection: asked again after each interruption.

    Raises:
        WaitTimeout: with what was seen last and what explains it.
        WaitHopeless: a pod or a Job has ended otherwise, so that the rest of the time would be waited for nothing.
    """
    what, deadline, look = f"wait_for {wanted}: {wish.told}", Deadline(seconds), _Look(wanted, wish)
    last = NotYet("nothing yet")

    def probe() -> list[KindObject] | NotYet:
        nonlocal last
        try:
            there = connection()
            resource = wanted.resource(there)
            if resource is None:
                last = NotYet(not_served(wanted))
                return [] if wish.gone else last
            by_name = f"metadata.name={wanted.name}" if wanted.name else ""
            for objects in watched(there.api, resource.path(wanted.place(resource)), deadline, fields=by_name, labels=wanted.selector):
                missing = look.at([KindObject.of(one) for one in objects.values()])
                if missing is None:
                    return [] if wish.gone else look.objects
                last = missing
                if not deadline.left:
                    break
        except Late:
            return last
        except ApiError as error:
            # The next try begins with a list: nothing that happened meanwhile is missed.
            return NotYet(f"{last.reason}; {error}")
        return last

    try:
        return wait_for(what, probe, deadline, every=_EVERY, seen=lambda: last.reason)
    except (WaitTimeout, _Ended) as error:
        kind, seen = (WaitTimeout, error.last_seen) if isinstance(error, WaitTimeout) else (WaitHopeless, str(error))
        evidence = why.evidence(connection(), wanted, look.objects)
        raise kind(what, seconds, "\n".join([seen, *(f"  {line}" for line in evidence)])) from None
