"""The fields of a cluster's configuration, from its JSON schema."""

from __future__ import annotations

import json
from typing import Any

from pytest_kind.config.schema import json_schema


def text() -> str:
    """A section for each record: the cluster first, then those that it has."""
    whole = json_schema()
    return "\n\n".join([_section("Cluster", whole), *(_section(name, record) for name, record in whole["$defs"].items())])


def _section(name: str, record: dict[str, Any]) -> str:
    rows = [f"| `{field}` | {_type(said)} | {_default(said)} | {_words(said['description'])} |" for field, said in record["properties"].items()]
    return "\n".join([f"## {name}", "", record["description"], "", "| field | type | default | what |", "|---|---|---|---|", *rows])


def _type(said: dict[str, Any]) -> str:
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for choice in ("const", "enum"):
        if choice in said:
            values = said[choice] if choice == "enum" else [said[choice]]
            return ", ".join(f"`{value}`" for value in values)
    if said["type"] == "array":
        return f"list of {_type(said['items'])}"
    if said["type"] == "object":
        return f"mapping to {_type(said['additionalProperties'])}"
    return str(said["type"])


def _default(said: dict[str, Any]) -> str:
    value = said.get("default")
    return "" if value in {None, ""} else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _words(description: str) -> str:
    return description.replace("|", r"\|").replace(" -> ", " → ")
