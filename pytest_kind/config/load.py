"""Reads a configuration: YAML, a mapping, or an object; every problem with its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from pytest_kind.config.types import ClusterConfig
from pytest_kind.config.validate import NO_YAML, problems
from pytest_kind.errors import ConfigError

# Fields of kind's that this version does not carry out: refused by name rather than ignored.
_NOT_YET = {
    "kubeadmConfigPatchesJSON6902": "JSON 6902 patches",
    "containerdConfigPatches": "containerd patches",
    "containerdConfigPatchesJSON6902": "containerd patches",
    "ipFamily": "IP families other than ipv4",
    "disableDefaultCNI": "a CNI of your own",
    "dnsSearch": "DNS search domains",
}


def from_file(path: Path) -> ClusterConfig:
    """The configuration in a file of kind's format.

    Raises:
        ConfigError: it cannot be read, is no YAML, or has problems.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except NO_YAML as error:
        raise ConfigError(str(path), [f"is no YAML: {' '.join(str(error).split())}"]) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError(str(path), [f"must hold one YAML mapping (kind: Cluster), found {len(documents)} documents"])
    return from_mapping(documents[0], str(path))


def from_mapping(mapping: Mapping[str, Any], source: str) -> ClusterConfig:
    """The configuration in a mapping with kind's field names (or ours)."""
    try:
        config = TypeAdapter(ClusterConfig).validate_python(dict(mapping))
    except ValidationError as error:
        raise ConfigError(source, [_problem(one) for one in error.errors()]) from error
    return checked(config, source)


def checked(config: ClusterConfig, source: str) -> ClusterConfig:
    """The configuration itself, if its values fit together."""
    found = problems(config)
    if found:
        raise ConfigError(source, found)
    return config


def _problem(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    last = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        if last in _NOT_YET:
            return f"{path}: not supported by this version ({_NOT_YET[last]})"
        return f"{path}: no such field"
    if error["type"] == "missing":
        return f"{path}: is required"
    return f"{path}: {error['msg'][0].lower()}{error['msg'][1:]}, found {error['input']!r}"
