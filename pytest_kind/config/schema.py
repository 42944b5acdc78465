"""The JSON schema of a configuration file, from the types: for editors, and for whoever writes one by program.

``python -m pytest_kind.config.schema > docs/cluster.schema.json`` publishes it.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from pydantic import TypeAdapter

from pytest_kind.config import given, types

_FIELD = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |^$|\Z)", re.MULTILINE | re.DOTALL)


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. What the rules across fields say (``validate.py``) is not in it."""
    adapter = TypeAdapter(types.ClusterConfig)
    schema = adapter.json_schema(by_alias=True)
    records = {**schema.pop("$defs"), types.ClusterConfig.__name__: schema}
    for name, record in records.items():
        _describe(record, getattr(types, name))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A cluster, in kind's v1alpha4 format, with the fields of pytest-kind-native",
        **schema,
        "required": list(given.HEADER),
        "$defs": {name: record for name, record in records.items() if record is not schema},
    }


def _describe(record: dict[str, Any], source: type) -> None:
    """The docstring's first line for the record, its ``Attributes`` for the fields; pydantic's titles add nothing."""
    text = inspect.cleandoc(source.__doc__ or "")
    said = {types.kinds_name(name): " ".join(words.split()) for name, words in _FIELD.findall(text)}
    record.pop("title", None)
    record["description"] = text.partition("\n")[0].replace("``", "`")
    for name, field in record["properties"].items():
        field.pop("title", None)
        if not isinstance(field.get("default"), (str, int, float)):  # of records, by Python's names; of none, nothing
            field.pop("default", None)
        for kind in field.pop("anyOf", []):  # a type, or not given
            field.update(kind if kind != {"type": "null"} else {})
        field["description"] = said[name].replace("``", "`")


def text() -> str:
    """The schema as it is published."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(text())
