"""What differs between what a cluster was and what it is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pytest_kind.pristine.conditions import WORKLOADS, condition, has_ended, is_outdated, unready, unsettled
from pytest_kind.pristine.kinds import content, is_mirror, verdict
from pytest_kind.pristine.model import Document, Key, Listing, controller, is_going

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_SHOWN = 8
_GENERATIONS = 4  # of owners above a pod


class What(Enum):
    """What is the matter with an object."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    GOING = "being deleted"
    STALE = "out of date"
    UNREADY = "not ready"


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as it was.

    Attributes:
        shown: the object, for people.
        detail: what of it, where that says more.
        root: whether it goes by itself: it is in no namespace that is new too, owned by nothing that is new too, of no kind
            that is.
    """

    what: What
    key: Key
    shown: str
    detail: str = ""
    root: bool = True

    def __str__(self) -> str:
        return f"{self.what.value}: {self.shown}{' (' + self.detail + ')' if self.detail else ''}"


def told(differences: Iterable[Difference]) -> str:
    """For a message: the first few, those that count by themselves before others."""
    ordered = sorted(differences, key=lambda one: not one.root)
    lines = [str(one) for one in ordered[:_SHOWN]]
    return ", ".join([*lines, *([f"and {len(ordered) - _SHOWN} more"] if len(ordered) > _SHOWN else [])])


def differences(record: Listing, now: Listing, kept: Collection[str] = ()) -> list[Difference]:
    """What makes a listing another one than the record.

    Args:
        kept: namespaces that their user wants to look at: they stay, with all that is in them.
    """
    return _Comparison(record, now, kept).all()


class _Comparison:
    def __init__(self, record: Listing, now: Listing, kept: Collection[str]) -> None:
        self._record, self._now, self._kept = record, now, kept
        self._stays: dict[Key, bool] = {}

    def all(self) -> list[Difference]:
        new = [
            key
            for key, one in self._now.objects.items()
            if key not in self._record.objects and not self._is_kept(key, one) and self._is_new(key, one)
        ]
        found = [self._new(key, set(new)) for key in new]
        for key, was in self._record.objects.items():
            one = self._now.objects.get(key)
            if key.resource in self._now.refused:
                continue  # which is no proof of anything
            difference = self._gone(key, was) if one is None else self._other(key, was, one)
            if difference is not None:
                found.append(difference)
        there = {one.key for one in found}
        stale = [one for key, pod in self._now.of("pods") if key not in there for one in self._stale(key, pod)]
        return [*found, *stale, *self._unready(there, {one.key for one in stale})]

    # Whether what ran runs

    def _unready(self, there: set[Key], stale: set[Key]) -> list[Difference]:
        """What had pods that were ready and has fewer. Their controllers' own words come later than what happens to pods."""
        before, after = _ready(self._record, set()), _ready(self._now, stale)
        found = []
        for key, count in before.items():
            one = self._now.objects.get(key)
            if one is None or key in there or key.resource not in WORKLOADS or _is_made_by_another(key, one):
                continue
            why = unsettled(key.resource, one) or (f"{after[key]} of {count} pods are ready" if after[key] < count else None)
            if why is not None:
                found.append(Difference(What.UNREADY, key, self._now.shown(key), why))
        return found

    # Pods that go on

    def _stale(self, key: Key, pod: Document) -> list[Difference]:
        """A pod that stays and has a token of an account that is gone, or may have read what was changed meanwhile.

        And one that its controller wants no more: it takes its time, or never comes to it.
        """
        if is_mirror(pod) or self._is_kept(key, pod) or not (key in self._record.objects or self._is_anothers(key, pod)):
            return []
        if is_going(pod):
            return [Difference(What.GOING, key, self._now.shown(key))]
        recorded = self._record.objects.get(key)
        began = recorded is not None and recorded["metadata"].get("uid") == pod["metadata"].get("uid")
        for read in reads(key, pod):
            was, one = self._record.objects.get(read), self._now.objects.get(read)
            if was is None or one is None or _written(was) == _written(one):
                continue
            if read.resource == "serviceaccounts":
                other = was["metadata"].get("uid") != one["metadata"].get("uid")
                younger = one["metadata"].get("creationTimestamp", "") > pod["metadata"].get("creationTimestamp", "")
                stale = other and (began or younger)
            else:
                stale = began or content(read.resource, was) != content(read.resource, one)
            if stale:
                return [Difference(What.STALE, key, self._now.shown(key), f"it began before {self._now.shown(read)} was written")]
        owner = self._owner(key, pod)
        if not began and owner is not None and owner.resource == "statefulsets.apps" and is_outdated(self._now.objects[owner], pod):
            return [Difference(What.STALE, key, self._now.shown(key), f"it is of another template than {self._now.shown(owner)}")]
        return []

    # New

    def _is_kept(self, key: Key, one: Document) -> bool:
        return is_within(self._kept, key, one)

    def _is_new(self, key: Key, one: Document) -> bool:
        if key.namespace and Key("namespaces", "", key.namespace) not in self._record.objects:
            return True  # whatever it is
        return verdict(key.resource, one).taken_away and not self._is_anothers(key, one)

    def _is_anothers(self, key: Key, one: Document) -> bool:
        """Whether something that stays answers for it."""
        if key.resource in {"endpoints", "endpointslices.discovery.k8s.io"}:
            labels = one["metadata"].get("labels", {})
            service = key.name if key.resource == "endpoints" else labels.get("kubernetes.io/service-name", "")
            if self._does_stay(Key("services", key.namespace, service)):
                return True
        if key.resource == "persistentvolumes":
            claim = one["spec"].get("claimRef", {})
            if self._does_stay(Key("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", ""))):
                return True
        owner = self._owner(key, one)
        return owner is not None and self._does_stay(owner)

    def _owner(self, key: Key, one: Document) -> Key | None:
        reference = controller(one)
        return None if reference is None else self._now.owner(key, reference)

    def _does_stay(self, key: Key) -> bool:
        """Whether an object that is there was in the record, or is one of its controllers' making."""
        if key not in self._stays:
            self._stays[key] = False  # who owns himself
            one = self._now.objects.get(key)
            self._stays[key] = one is not None and (key in self._record.objects or self._is_anothers(key, one))
        return self._stays[key]

    def _new(self, key: Key, new: set[Key]) -> Difference:
        one = self._now.objects[key]
        above = [Key("namespaces", "", key.namespace), *filter(None, [self._owner(key, one), self._definition(key)])]
        if key.resource == "persistentvolumes":
            claim = one["spec"].get("claimRef", {})
            above.append(Key("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", "")))
        return Difference(What.NEW, key, self._now.shown(key), "being deleted" if is_going(one) else "", not any(one in new for one in above))

    def _definition(self, key: Key) -> Key | None:
        return Key(_CRDS, "", key.resource)

    # Recorded

    def _gone(self, key: Key, was: Document) -> Difference | None:
        if not verdict(key.resource, was).put_back or _is_made_by_another(key, was) or key.namespace in self._kept:
            return None
        return Difference(What.GONE, key, self._record.shown(key))

    def _other(self, key: Key, was: Document, one: Document) -> Difference | None:
        # What nobody has written to since is what it was.
        if _written(one) == _written(was) or _is_made_by_another(key, was):
            return None
        counts = verdict(key.resource, was)
        if counts.put_back and is_going(one):
            return Difference(What.GOING, key, self._now.shown(key))
        if not counts.compared:
            return None
        if key.resource == "pods" and has_ended(one) and not has_ended(was):
            return Difference(What.STALE, key, self._now.shown(key), f"it has ended: {one['status'].get('reason') or one['status']['phase']}")
        before, after = content(key.resource, was), content(key.resource, one)
        if before != after:
            return Difference(What.CHANGED, key, self._now.shown(key), ", ".join(paths(before, after)[:3]))
        why = unready(key.resource, was, one)
        return None if why is None else Difference(What.UNREADY, key, self._now.shown(key), why)


def _ready(listing: Listing, without: set[Key]) -> Counter[Key]:
    """How many pods are ready of each that has some, whatever stands between."""
    found = Counter[Key]()
    for key, pod in listing.of("pods"):
        if key in without or is_going(pod) or condition(pod, "Ready").get("status") != "True":
            continue
        above, one = key, pod
        for _ in range(_GENERATIONS):
            reference = controller(one)
            owner = None if reference is None else listing.owner(above, reference)
            if owner is None or owner not in listing.objects:
                break
            found[owner] += 1
            above, one = owner, listing.objects[owner]
    return found


def _written(one: Document) -> tuple[Any, Any]:
    meta = one["metadata"]
    return meta.get("uid"), meta.get("resourceVersion")


def _is_made_by_another(key: Key, one: Document) -> bool:
    """Whether a controller makes it again where it is wanted."""
    if key.resource in {"endpoints", "endpointslices.discovery.k8s.io"}:
        return True
    return controller(one) is not None


def reads(key: Key, pod: Document) -> list[Key]:
    """What a pod was given when it began: its account, ConfigMaps and Secrets."""
    spec = pod["spec"]
    found = [Key("serviceaccounts", key.namespace, spec.get("serviceAccountName", "default"))]
    volumes = [source for volume in spec.get("volumes", ()) for source in (volume, *volume.get("projected", {}).get("sources", ()))]
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    values = [variable.get("valueFrom", {}) for container in containers for variable in container.get("env", ())]
    sources = [*volumes, *values, *(source for container in containers for source in container.get("envFrom", ()))]
    for source in sources:
        for word, resource in (("configMap", "configmaps"), ("secret", "secrets")):
            given: Document = next((source[name] for name in (word, f"{word}KeyRef", f"{word}Ref") if name in source), {})
            name = given.get("name") or given.get("secretName")
            if name:
                found.append(Key(resource, key.namespace, name))
    return list(dict.fromkeys(found))


def is_within(namespaces: Collection[str], key: Key, one: Document) -> bool:
    """Whether an object is one of some namespaces, in one of them, or a volume of one's claim."""
    if key.resource == "persistentvolumes":
        return one["spec"].get("claimRef", {}).get("namespace") in namespaces
    return key.namespace in namespaces or (key.resource == "namespaces" and key.name in namespaces)


def rebased(record: Listing, now: Listing, kept: Collection[str] = ()) -> Listing:
    """The record as a listing shows it that does not differ from it: what was put back has another uid."""
    objects = {key: one for key, one in now.objects.items() if not is_within(kept, key, one)}
    return Listing(record.resources, {key: one for key, one in objects.items() if key.resource in record.resources}, record.refused)


def paths(before: Any, after: Any, at: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Where two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [path for name in names for path in paths(before.get(name), after.get(name), f"{at}.{name}" if at else name)]
    return [] if before == after else [at]


def merge_patch(before: Document, after: Document) -> Document:
    """The merge patch (RFC 7386) that makes the second out of the first."""
    patch: Document = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = merge_patch(old, value)
            if inner:
                patch[name] = inner
        elif name not in before or old != value:
            patch[name] = value
    return patch
