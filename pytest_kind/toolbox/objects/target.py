"""Which objects somebody means: ``pod/web``, a live object, a kind and a label selector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pytest_kind.api.http import ApiError
from pytest_kind.api.resources import Resource
from pytest_kind.errors import UsageError
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.model import KindObject

_NOT_FOUND = 404
Target = str | Mapping[str, Any]
"""``KIND/NAME`` in kubectl's words, a mapping with apiVersion, kind and metadata, or a KIND beside a selector."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects that are meant.

    Attributes:
        kind: the word for it; with a ``document`` its kind.
        name: or nothing, where a selector says which.
    """

    who: str
    kind: str
    name: str
    selector: str
    namespace: str
    document: Mapping[str, Any] | None = None

    def resource(self, connection: Connection) -> Resource | None:
        """Whose objects they are; nothing where the cluster serves no such resource (yet)."""
        if self.document is not None:
            return connection.of(self.document)
        word, _, group = self.kind.lower().partition(".")
        return connection.find(lambda one: word in _words(one) and group in _groups(one))

    def place(self, resource: Resource) -> str:
        """The namespace that they are in; none where the resource has none."""
        return self.namespace if resource.namespaced else ""

    def list_path(self, resource: Resource) -> str:
        """All of them at once."""
        path = resource.path(self.place(resource))
        return f"{path}?labelSelector={quote(self.selector, safe='')}" if self.selector else path

    def __str__(self) -> str:
        name = f"{self.kind} {self.name}" if self.name else f"{self.kind} of {self.selector or 'any labels'}"
        return f"{name} in namespace {self.namespace}" if self.namespace else name


def parse(who: str, target: Any, selector: str | None, namespace: str | None, bare: str = "") -> Wanted:  # noqa: ANN401 - whatever a test gives
    """Understands a target.

    Args:
        who: asks, for messages: ``wait_for``.
        namespace: of what has none of its own; ``default`` by default.
        bare: the kind that is meant by a name alone.

    Raises:
        UsageError: it is none.
    """
    if isinstance(target, Mapping):
        meta = target.get("metadata") or {}
        if selector is not None:
            raise UsageError(f"{who}: selector={selector!r} beside an object; one of them says what is meant")
        if not (target.get("kind") and target.get("apiVersion") and meta.get("name")):
            raise UsageError(f"{who}: {str(dict(target))[:80]} is no object: apiVersion, kind or metadata.name is missing")
        live = meta.get("uid") is not None  # then what it says of its namespace is all there is to say
        space = meta.get("namespace") or (namespace or ("" if live else "default"))
        return Wanted(who, str(target["kind"]), meta["name"], "", space, target)
    if not isinstance(target, str):
        raise UsageError(f"{who}: {target!r} is not accepted; accepted is a text or one object: others are for further calls")
    if bare and target and "/" not in target and selector is None:
        target = f"{bare}/{target}"
    kind, slash, name = target.partition("/")
    if not kind or (bool(name) == (selector is not None)) or bool(slash) != bool(name) or "/" in name:
        raise UsageError(
            f"{who}: {target!r}{f' with selector={selector!r}' if selector is not None else ''} is not accepted; accepted is KIND/NAME "
            "(pod/web, deployments.apps/web, widgets.example.com/one), KIND with selector=…, or an object"
        )
    return Wanted(who, kind, name, selector or "", namespace or "default")


def found(connection: Connection, wanted: Wanted) -> Resource:
    """The resource that is meant.

    Raises:
        UsageError: the cluster serves none such.
    """
    resource = wanted.resource(connection)
    if resource is None:
        raise UsageError(f"{wanted.who}: {not_served(wanted)}")
    return resource


def not_served(wanted: Wanted) -> str:
    """Why there is nothing to be found."""
    if wanted.document is not None:
        return f"the cluster serves no {wanted.kind} of {wanted.document['apiVersion']}"
    return f"the cluster serves no resource that is called {wanted.kind!r}"


def get(connection: Connection, wanted: Wanted) -> KindObject:
    """The one object that is meant.

    Raises:
        UsageError: see :func:`found`.
        ApiError: there is none (``status`` 404).
    """
    resource = found(connection, wanted)
    try:
        return KindObject.of(connection.api.get(resource.path(wanted.place(resource), wanted.name)))
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        raise ApiError(error.status, "; ".join([f"{wanted.who}: there is no {wanted}", *elsewhere(connection, wanted, resource)])) from None


def elsewhere(connection: Connection, wanted: Wanted, resource: Resource) -> list[str]:
    """Where else one of that name is: a test's objects are in the test's namespace, and a text that names none means ``default``."""
    if not wanted.name or not resource.namespaced:
        return []
    try:
        listed = connection.api.get(f"{resource.path()}?fieldSelector=metadata.name%3D{quote(wanted.name, safe='')}").get("items") or []
    except ApiError as error:
        return [f"whether it is in another namespace is not known: {error}"]
    spaces = sorted(one["metadata"]["namespace"] for one in listed if one["metadata"]["name"] == wanted.name)
    return (
        [f"there is one of that name in namespace {', '.join(spaces)}: give namespace={spaces[0]!r}, or the object that apply returned"]
        if spaces
        else []
    )


def several(connection: Connection, wanted: Wanted) -> list[KindObject]:
    """All objects that are meant, by namespace and name.

    Raises:
        UsageError: see :func:`found`.
    """
    resource = found(connection, wanted)
    listed = connection.api.get(wanted.list_path(resource))
    whole = [{"apiVersion": resource.api_version, "kind": resource.kind, **one} for one in listed.get("items") or ()]
    return [KindObject.of(one) for one in sorted(whole, key=lambda one: (one["metadata"].get("namespace", ""), one["metadata"]["name"]))]


def _words(one: Resource) -> set[str]:
    return {one.plural, one.kind.lower(), *one.words}


def _groups(one: Resource) -> set[str]:
    """What may follow a point: nothing, the group, or the version and the group (kubectl's ``deployments.v1.apps``)."""
    return {"", one.group, f"{one.version}.{one.group}".rstrip(".")}
