"""The JSON schema and the page on the configuration: both say all that the types do."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_kind.config import given, schema, types

DOCS = Path(__file__).parents[3] / "docs"
RECORDS = (types.ClusterConfig, types.Node, types.Networking, types.Mount, types.PortMapping, types.PatchJSON6902)


def test_the_published_schema_is_what_the_types_give() -> None:
    assert (DOCS / "cluster.schema.json").read_text(encoding="utf-8") == schema.text(), (
        "python -m pytest_kind.config.schema > docs/cluster.schema.json"
    )


def test_the_module_prints_it() -> None:
    done = subprocess.run([sys.executable, "-m", "pytest_kind.config.schema"], check=True, capture_output=True, text=True)
    assert done.stdout == schema.text()


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_is_in_it_with_words(record: type) -> None:
    whole = schema.json_schema()
    found = whole if record is types.ClusterConfig else whole["$defs"][record.__name__]
    assert found["description"]
    assert found["additionalProperties"] is False
    assert list(found["properties"]) == [types.kinds_name(field.name) for field in dataclasses.fields(record)]
    assert all(field["description"].strip().endswith(".") for field in found["properties"].values())


def test_nothing_in_it_is_pythons() -> None:
    text = json.dumps(schema.json_schema())
    assert "_" not in text.replace("$defs/", "")
    assert '"null"' not in text
    assert schema.json_schema()["required"] == list(given.HEADER)


def test_every_field_is_named_on_the_page() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    names = {types.kinds_name(field.name) for record in RECORDS for field in dataclasses.fields(record)}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
