"""YAML as kind reads it: keys count once, and a field of text keeps what is written."""

from __future__ import annotations

from typing import Any

import yaml

# What PyYAML raises for a text that it cannot make values of: not only its own errors (`!!bool x`, `[[[…`).
NO_YAML = (yaml.YAMLError, ValueError, AttributeError, LookupError, RecursionError)
_TEXTS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
_DATES = {"tag:yaml.org,2002:timestamp"}
_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}


class _Values(yaml.SafeLoader):
    """JSON's values alone: there are no dates in a kubeadm document."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<" and (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add((key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key)))
        return super().construct_mapping(node, deep=deep)

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:  # noqa: ANN401 - as PyYAML
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        # YAML 1.1's numbers to the base of 60, which Go's YAML does not have: a port mapping 22:22 is text.
        return "tag:yaml.org,2002:str" if tag in _NUMBERS and ":" in value else tag


class _Written(_Values):
    """Scalars as they are written, as Go's YAML gives a field of text: a label ``true`` is the text ``true``."""


def _without(tags: set[str]) -> dict[str, list[tuple[str, Any]]]:
    known = yaml.SafeLoader.yaml_implicit_resolvers
    return {first: [(tag, pattern) for tag, pattern in resolvers if tag not in tags] for first, resolvers in known.items()}


_Values.yaml_implicit_resolvers = _without(_DATES)
_Written.yaml_implicit_resolvers = _without(_TEXTS)


def values(text: str) -> list[Any]:
    """Every document that is not empty; a number is a number.

    Raises:
        ValueError: it is no YAML; the message is one line.
    """
    return _documents(text, _Values)


def written(text: str) -> list[Any]:
    """Every document that is not empty; what is not null, a list or a mapping is text.

    Raises:
        ValueError: it is no YAML; the message is one line.
    """
    return _documents(text, _Written)


def _documents(text: str, loader: type[_Values]) -> list[Any]:
    try:
        return [document for document in yaml.load_all(text, loader) if document is not None]
    except NO_YAML as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from error
