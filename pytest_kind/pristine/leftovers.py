"""What a test left behind outside of the namespaces that were made for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pytest_kind.pristine.difference import Difference, What, differences, is_within
from pytest_kind.pristine.model import Document, Key, Listing, controller, is_going
from pytest_kind.pristine.record import without
from pytest_kind.toolbox.namespaces import LABEL

_SECONDS = 30.0
"""How long what is going may take to be gone."""
# local-path-provisioner's pods make and remove folders, and go by themselves.
_HELPERS = ("local-path-storage", "helper-pod-")


class Leftovers:
    """Knows what was there before a test, and who is to be told of what.

    Args:
        before: what is there now.
    """

    def __init__(self, before: Listing, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._exempt: set[str] = set()
        self._going: dict[Key, tuple[str, float]] = {}
        self._told: set[Key] = set()
        self._before = self._outside(before)

    def begin(self, now: Listing) -> None:
        """What is there now is not the next test's."""
        self._before = without(self._outside(now), self._going)

    def end(self, now: Listing, test: str) -> list[tuple[str, Difference]]:
        """Whose leftovers there are: the test's that has just ended, or an earlier one's that should have been gone by now."""
        now = self._outside(now)
        found = [one for one in differences(self._before, now) if one.root and one.what in {What.NEW, What.GONE, What.CHANGED}]
        left: list[tuple[str, Difference]] = []
        going: dict[Key, tuple[str, float]] = {}
        for one in found:
            who, since = self._going.get(one.key, (test, self._clock()))
            if one.what is What.NEW and self._is_passing(one.key, now) and self._clock() - since < _SECONDS:
                going[one.key] = who, since
            elif one.key not in self._told:
                left.append((who, replace(one, detail="it is being deleted, and does not go") if one.detail and one.what is What.NEW else one))
        self._told |= {one.key for _, one in left}
        self._going, self._before = going, without(now, going)
        return left

    def _outside(self, listing: Listing) -> Listing:
        """Less the namespaces of tests, those that are gone since too: their volumes follow."""
        self._exempt |= {key.name for key, one in listing.of("namespaces") if LABEL in one["metadata"].get("labels", ())}
        away = {key for key, one in listing.objects.items() if is_within(self._exempt, key, one) or _is_helper(key)}
        return without(listing, away)

    def _is_passing(self, key: Key, now: Listing) -> bool:
        """Whether somebody is about to remove it."""
        one = now.objects[key]
        return is_going(one) or _is_orphan(key, one, now) or _is_released(one, key, now)


def _is_helper(key: Key) -> bool:
    namespace, name = _HELPERS
    return key.resource == "pods" and key.namespace == namespace and key.name.startswith(name)


def _is_orphan(key: Key, one: Document, now: Listing) -> bool:
    """Its owner is gone: the garbage collector comes."""
    reference = controller(one)
    if reference is None:
        return False
    owner = now.owner(key, reference)
    return owner is None or owner not in now.objects


def _is_released(one: Document, key: Key, now: Listing) -> bool:
    """Its claim is gone: its class removes it."""
    if key.resource != "persistentvolumes" or one["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
        return False
    claim = one["spec"].get("claimRef", {})
    return bool(claim) and Key("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", "")) not in now.objects
