"""The way back from a difference: which requests, in which order. Pure.

New things go in the order in which they could stand in the way: webhooks and policies that refuse, quotas; namespaces, which then
take nothing any more, and what makes pods; pods and everything else; definitions, when their objects are gone. Then what is gone is
put back and what was changed is changed back, pods that have read something else begin anew, and what may refuse comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_kind.pristine.difference import Difference, What, merge_patch
from pytest_kind.pristine.kinds import content
from pytest_kind.pristine.model import Document, Key, Listing, is_going

_ADMISSION = "admissionregistration.k8s.io"
WEBHOOKS = tuple(f"{kind}webhookconfigurations.{_ADMISSION}" for kind in ("mutating", "validating"))
_POLICIES = tuple(f"{kind}admissionpolic{end}.{_ADMISSION}" for kind in ("mutating", "validating") for end in ("ybindings", "ies"))
_APISERVICES = "apiservices.apiregistration.k8s.io"
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_DISARMED = (*WEBHOOKS, *_POLICIES, _APISERVICES, "resourcequotas", "limitranges")
_LAST = (*WEBHOOKS, *_POLICIES, _APISERVICES)
_WORKLOADS = (
    "cronjobs.batch",
    "jobs.batch",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicasets.apps",
    "replicationcontrollers",
)
_FIRST = ("namespaces", _CRDS)
_AT_ONCE: Document = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
_NO_FINALIZERS: Document = {"metadata": {"finalizers": None}}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API. What is gone meanwhile, or was changed by another, is no failure of it."""

    method: str
    path: str
    body: Document | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done to an object.

    Attributes:
        what: for messages.
        calls: one after the other.
        otherwise: where the first of them is refused for good: a field that cannot be changed.
        going: objects that are being deleted from then on.
        aside: whether nothing need wait for it but the end.
    """

    what: str
    calls: tuple[Call, ...]
    otherwise: Call | None = None
    going: tuple[Key, ...] = ()
    aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What was learnt on the way.

    Attributes:
        unarmed: whether webhooks of the record are to be away until everything else is back: they refuse.
        patient: whether somebody who stays should first have the time to take an object's finalizers off.
    """

    unarmed: bool = False
    patient: Callable[[Key, Document], bool] = lambda _key, _one: False


def plan(found: Sequence[Difference], record: Listing, now: Listing, mood: Mood) -> list[list[Deed]]:
    """The next steps; what is in one may be done at once. None of them means that there is nothing but waiting."""
    planner = _Planner(record, now, mood)
    away = [one for one in found if one.what in {What.NEW, What.GOING}]
    closing = {one.key.name for one in away if one.key.resource == "namespaces"}
    inside = [key for key in now.objects if key.namespace in closing]
    outside = [one.key for one in away if one.key.namespace not in closing and one.key.resource != "namespaces"]
    gone = [one.key for one in found if one.what is What.GONE]
    changed = [one.key for one in found if one.what is What.CHANGED]
    others = any(one.key.resource not in _LAST for one in found)

    def makes_pods(key: Key) -> bool:
        return key.resource in _WORKLOADS or Key(_CRDS, "", key.resource) in now.objects

    def removed(fits: Callable[[Key], bool]) -> list[Deed]:
        return [planner.removed(key) for key in outside if fits(key)]

    def back(fits: Callable[[Key], bool]) -> list[Deed]:
        there = [key for key in changed if fits(key) and key.resource not in _DISARMED]
        return [*(planner.put_back(key) for key in gone if fits(key)), *map(planner.changed, there)]

    steps = [
        [*planner.disarmed(outside), *(planner.changed(key) for key in changed if key.resource in _DISARMED)],
        [*map(planner.closed, sorted(closing)), *removed(makes_pods)],
        [*planner.emptied(inside), *removed(lambda key: key.resource not in {*_DISARMED, _CRDS} and not makes_pods(key))],
        [*(planner.finished(name) for name in sorted(closing) if planner.is_emptied(name)), *removed(lambda key: key.resource == _CRDS)],
        back(lambda key: key.resource in _FIRST),
        back(lambda key: key.resource not in {*_FIRST, *_LAST, "pods"} and not makes_pods(key)),
        back(lambda key: key.resource not in _LAST and (key.resource == "pods" or makes_pods(key))),
        [planner.removed(one.key) for one in found if one.what is What.STALE],
        [] if others else [planner.put_back(key) for key in gone if key.resource in _LAST],
    ]
    return [step for step in steps if step]


class _Planner:
    def __init__(self, record: Listing, now: Listing, mood: Mood) -> None:
        self._record, self._now, self._mood = record, now, mood

    def disarmed(self, outside: Iterable[Key]) -> list[Deed]:
        deeds = [self.removed(key) for key in outside if key.resource in _DISARMED]
        if self._mood.unarmed:
            deeds += [self.removed(key) for key, _ in self._now.of(*WEBHOOKS) if key in self._record.objects]
        for key, one in self._now.of(_CRDS):
            # Its objects could be neither listed nor deleted where that webhook does not answer.
            if key not in self._record.objects and one["spec"].get("conversion", {}).get("strategy") == "Webhook":
                patch = {"spec": {"conversion": {"strategy": "None", "webhook": None}}}
                deeds.append(Deed(f"unhooking {self._now.shown(key)}", (Call("PATCH", self._now.path(key), patch),)))
        return deeds

    def closed(self, name: str) -> Deed:
        key = Key("namespaces", "", name)
        calls = () if is_going(self._now.objects[key]) else (Call("DELETE", self._now.path(key), _AT_ONCE),)
        return Deed(f"deleting {self._now.shown(key)}", calls)

    def emptied(self, keys: Iterable[Key]) -> list[Deed]:
        """What is in a namespace that goes: all of a resource in one request, where that can be."""
        deeds, several = [], dict[tuple[str, str], list[Key]]()
        for key in keys:
            several.setdefault((key.resource, key.namespace), []).append(key)
        for (name, namespace), there in several.items():
            resource = self._now.resources[name]
            if len(there) == 1 or not resource.several:
                deeds += [self.removed(key) for key in there]
                continue
            calls = [Call("DELETE", resource.path(namespace), _AT_ONCE)]
            calls += [self._released(key) for key in there if self._is_held(key)]
            deeds.append(Deed(f"deleting every {resource.kind} of {namespace}", tuple(calls), going=tuple(there)))
        for namespace in sorted({namespace for _, namespace in several}):
            # One after the other, and each pod had half a dozen.
            call = Call("DELETE", f"/api/v1/namespaces/{namespace}/events", _AT_ONCE)
            deeds.append(Deed(f"deleting the events of {namespace}", (call,), aside=True))
        return deeds

    def removed(self, key: Key) -> Deed:
        """Deleted at once, and its finalizers taken off: once it is being deleted nobody can add any."""
        one, path = self._now.objects[key], self._now.path(key)
        calls = [] if is_going(one) and key.resource != "pods" else [Call("DELETE", path, _AT_ONCE)]
        if self._is_held(key):
            calls.append(self._released(key))
        return Deed(f"deleting {self._now.shown(key)}", tuple(calls), going=(key,))

    def _is_held(self, key: Key) -> bool:
        one = self._now.objects[key]
        return bool(one["metadata"].get("finalizers")) and not self._mood.patient(key, one)

    def _released(self, key: Key) -> Call:
        return Call("PATCH", self._now.path(key), _NO_FINALIZERS)

    def is_emptied(self, name: str) -> bool:
        """Whether nothing will be left in a namespace when what was planned for it is done."""
        inside = [(key, one) for key, one in self._now.objects.items() if key.namespace == name]
        return not any(one["metadata"].get("finalizers") and not self._is_held(key) for key, one in inside)

    def finished(self, name: str) -> Deed:
        """The namespace controller would begin five seconds after the deletion. There is nothing left for it."""
        key = Key("namespaces", "", name)
        one = self._now.objects[key]
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": one["metadata"].get("uid")}, "spec": {}}
        return Deed(f"finishing {self._now.shown(key)}", (Call("PUT", f"{self._now.path(key)}/finalize", body),))

    def put_back(self, key: Key) -> Deed:
        was = self._record.objects[key]
        body = content(key.resource, was)
        if key.resource == "nodes" and "status" in was:
            body["status"] = was["status"]  # whose kubelet only ever changes it
        self._adopt(body, key)
        resource = self._record.resources[key.resource]
        return Deed(f"putting back {self._record.shown(key)}", (Call("POST", resource.path(key.namespace), body),))

    def _adopt(self, body: Document, key: Key) -> None:
        """Owners' references with the uids that their owners have now."""
        owners = []
        for owner in body["metadata"].pop("ownerReferences", ()):
            above = self._now.owner(key, owner)
            there = None if above is None else self._now.objects.get(above)
            if there is not None:
                owners.append({**owner, "uid": there["metadata"].get("uid")})
        if owners:
            body["metadata"]["ownerReferences"] = owners

    def changed(self, key: Key) -> Deed:
        now, was, path = self._now.objects[key], self._record.objects[key], self._now.path(key)
        before, after = content(key.resource, now), content(key.resource, was)
        self._adopt(before, key)
        self._adopt(after, key)
        patch = merge_patch(before, after)
        version = now["metadata"].get("resourceVersion")
        patch["metadata"] = {**patch.get("metadata", {}), **({"resourceVersion": version} if version else {})}
        otherwise = None if key.resource in {"nodes", "namespaces"} else Call("DELETE", path, _AT_ONCE)
        return Deed(f"changing {self._now.shown(key)} back", (Call("PATCH", path, patch),), otherwise)
