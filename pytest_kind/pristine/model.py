"""What a listing of a whole cluster is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pytest_kind.api.resources import Document, Resource

__all__ = ["Document", "Key", "Listing", "Resource", "controller", "is_going", "listed"]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which object: its resource's name, its namespace (empty where it has none), its name."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Listing:
    """Everything of a cluster at about one moment.

    Attributes:
        resources: by their names.
        objects: whole, with status.
        refused: of resources that could not be listed, why.
    """

    resources: Mapping[str, Resource]
    objects: Mapping[Key, Document]
    refused: Mapping[str, str] = field(default_factory=dict)

    def path(self, key: Key) -> str:
        """Where an object is."""
        return self.resources[key.resource].path(key.namespace, key.name)

    def shown(self, key: Key) -> str:
        """For people: ``Deployment default/web``."""
        kind = self.resources[key.resource].kind if key.resource in self.resources else key.resource
        return f"{kind} {key.namespace + '/' if key.namespace else ''}{key.name}"

    def of(self, *names: str) -> Iterator[tuple[Key, Document]]:
        """The objects of some resources."""
        return ((key, one) for key, one in self.objects.items() if key.resource in names)

    def owner(self, key: Key, reference: Mapping[str, Any]) -> Key | None:
        """The object that an owner's reference means, whatever its uid."""
        group = reference["apiVersion"].rpartition("/")[0]
        resource = self._kinds.get((group, reference["kind"]))
        if resource is None:
            return None
        return Key(resource.name, key.namespace if resource.namespaced else "", reference["name"])

    @cached_property
    def _kinds(self) -> dict[tuple[str, str], Resource]:
        return {(one.group, one.kind): one for one in self.resources.values()}

    def with_(self, other: Listing) -> Listing:
        """This one, where the other, of a few resources, does not know better."""
        fresh = set(other.resources) | set(other.refused)
        return Listing(
            {**self.resources, **other.resources},
            {**{key: one for key, one in self.objects.items() if key.resource not in fresh}, **other.objects},
            {**{name: why for name, why in self.refused.items() if name not in fresh}, **other.refused},
        )


def listed(resources: Iterable[Resource], items: Mapping[str, Iterable[Document]], refused: Mapping[str, str] | None = None) -> Listing:
    """A listing of resources and the objects of each, by its name. Objects of lists do not say what they are; these do."""
    known = {one.name: one for one in resources}
    objects: dict[Key, Document] = {}
    for name, several in items.items():
        resource = known[name]
        for one in several:
            meta = one["metadata"]
            objects[Key(name, meta.get("namespace", ""), meta["name"])] = {**one, "apiVersion": resource.api_version, "kind": resource.kind}
    return Listing(known, objects, refused or {})


def controller(document: Document) -> Mapping[str, Any] | None:
    """The reference to what controls an object, if something does."""
    references = document["metadata"].get("ownerReferences", ())
    return next((one for one in references if one.get("controller")), None)


def is_going(document: Document) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in document["metadata"]
