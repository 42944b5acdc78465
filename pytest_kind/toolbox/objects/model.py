"""Objects as tests hold them. Pure."""

from __future__ import annotations

from typing import Any, Self


class Fields(dict[str, Any]):
    """A mapping whose keys are attributes, too: ``web.status.readyReplicas`` is ``web["status"]["readyReplicas"]``.

    A key that is also a method of ``dict`` (``items``, ``keys``, ``values``, ``get``, …) is had by its brackets alone, and so
    is one that is no Python name.
    """

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - JSON
        if name.startswith("__"):  # copy, pickle and others ask for these
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no field {name!r}; there are {', '.join(self) or 'none'}") from None

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} is no field here; a field of that name is set by its brackets")
        self[name] = value


class KindObject(Fields):
    """An object of the cluster as the API server told it last: a mapping with the fields of its JSON."""

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """The same with attributes, all the way down."""
        return cls({name: _fields(value) for name, value in document.items()})

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """``metadata.namespace``; nothing where it is in none."""
        found: str | None = self["metadata"].get("namespace")
        return found

    def __repr__(self) -> str:
        return f"<{shown(self)}>"


def shown(document: dict[str, Any]) -> str:
    """For people: ``Deployment default/web``."""
    meta = document.get("metadata") or {}
    space = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{document.get('kind', 'object')} {space}{meta.get('name', '')}"


def _fields(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return Fields({name: _fields(one) for name, one in value.items()})
    return [_fields(one) for one in value] if isinstance(value, list) else value
