"""Reads a configuration: YAML, a mapping, or an object; every problem with its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pytest_kind.config import given, texts
from pytest_kind.config.types import ClusterConfig
from pytest_kind.config.validate import problems
from pytest_kind.errors import ConfigError

_READER = TypeAdapter(ClusterConfig)


def from_file(path: Path) -> ClusterConfig:
    """The configuration in a file of kind's format. As in kind, it must say its ``kind`` and ``apiVersion``.

    Raises:
        ConfigError: it cannot be read, is no YAML, or has problems.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error
    try:
        documents = texts.written(text)
    except ValueError as error:
        raise ConfigError(str(path), [str(error)]) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError(str(path), [f"must hold one YAML mapping (kind: Cluster), found {len(documents)} documents"])
    return _read(documents[0], str(path), headed=True)


def from_mapping(mapping: Mapping[str, Any], source: str) -> ClusterConfig:
    """The configuration in a mapping with kind's field names (or ours). It needs no ``kind`` and ``apiVersion``.

    Raises:
        ConfigError: it has problems.
    """
    return _read(mapping, source)


def checked(config: ClusterConfig, source: str) -> ClusterConfig:
    """The configuration as a file would give it: a list is a tuple, a relative path absolute, a protocol in capitals.

    Raises:
        ConfigError: it has problems.
    """
    return _read(config, source)


def _read(found: object, source: str, *, headed: bool = False) -> ClusterConfig:
    mapping = given.mapping(found)
    if not isinstance(mapping, dict):
        raise ConfigError(source, [f"must be a mapping, found {found!r}"])
    wrong = [f"{name}: is required in a file: {value}" for name, value in given.HEADER.items() if headed and name not in mapping]
    config = _shaped(mapping, wrong)
    if config is not None:
        wrong += problems(config)
    if wrong or config is None:
        raise ConfigError(source, list(dict.fromkeys(wrong)))
    return config


def _shaped(mapping: dict[Any, Any], wrong: list[str]) -> ClusterConfig | None:
    """What has the wrong shape is said and left out, so that the rules across fields speak of the rest at once."""
    said = -1
    while said != len(wrong):
        said = len(wrong)
        try:
            return _READER.validate_python(mapping)
        except ValidationError as error:
            for one in error.errors():
                wrong.append(given.problem(one))
                given.leave_out(mapping, one["loc"], missing=one["type"] == "missing")
    return None
