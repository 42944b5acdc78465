"""What the reference pages say of the code: all of it, as the code has it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import pytest_kind
from kind_docs import classes, commands, fixtures, labels, options, schema
from pytest_kind import errors, hookspecs
from pytest_kind import labels as keys
from pytest_kind.config import types
from pytest_kind.options import LEGACY, OPTIONS


def read(site: Path, page: str) -> str:
    """A page's HTML."""
    return (site / f"{page}.html").read_text(encoding="utf-8")


def test_each_option_can_be_linked_to(site: Path) -> None:
    page = read(site, "options")
    flags = [*(option.flag for option in OPTIONS), *(flag for flag, *_ in LEGACY), "--kind-gc"]
    assert [flag for flag in flags if f'id="cmdoption-{flag.removeprefix("--")}"' not in page] == []


@pytest.mark.parametrize(
    ("name", "said"), [("cache_dir", "the user's cache folder"), ("keep", "off"), ("focus", "none"), ("timeout", "`120`"), ("network", "`bridge`")]
)
def test_defaults_of_options(name: str, said: str) -> None:
    (option,) = (one for one in OPTIONS if one.name == name)
    assert options.default_of(option) == said


def test_flags_in_the_words_of_a_help_are_code() -> None:
    assert options.sentence("as --kind-name=NAME, or `--kind-keep`") == "As `--kind-name=NAME`, or `--kind-keep`."


def test_each_fixture_has_its_scope_and_its_words(site: Path) -> None:
    page = read(site, "fixtures")
    for name, scope, doc in fixtures.found():
        (entry,) = re.findall(rf'id="fixture-{name}".*?</dd>', page, re.DOTALL)
        assert f"Scope: {scope}." in entry
        assert doc


def test_each_hook_is_there(site: Path) -> None:
    names = [name for name in vars(hookspecs) if name.startswith("pytest_kind_")]
    assert names
    assert [name for name in names if f'id="pytest_kind.hookspecs.{name}"' not in read(site, "hooks")] == []


def test_each_label_has_words() -> None:
    found = labels.found()
    assert set(found) >= {keys.CLUSTER, keys.ROLE, keys.SESSION, keys.FAMILY}
    assert all(words.endswith(".") for words in found.values())
    assert set(found) == {key for key in vars(keys).values() if isinstance(key, str) and key.startswith("io.")}


def test_each_field_of_a_configuration_has_a_row() -> None:
    text = schema.text()
    for record in (types.ClusterConfig, types.Node, types.Networking, types.Mount, types.PortMapping, types.PatchJSON6902):
        assert [field.name for field in dataclasses.fields(record) if f"| `{types.kinds_name(field.name)}` |" not in text] == []
    assert "| `role` | `control-plane`, `worker` | `control-plane` |" in text
    assert "| `nodes` | list of [Node](#node) |" in text


def test_each_command_has_a_section_without_the_builders_home() -> None:
    text = commands.text()
    assert {"create cluster", "delete", "export logs", "gc", "load docker-image"} <= set(re.findall(r"^## (.*)$", text, re.MULTILINE))
    assert str(Path.home()) not in text
    assert "%(" not in text


def test_each_public_name_and_every_error_is_on_the_page_of_python(site: Path) -> None:
    page = read(site, "api")
    assert [name for name in pytest_kind.__all__ if not re.search(rf'id="pytest_kind\.(errors\.)?{name}"', page)] == []
    raised = [f"pytest_kind.errors.{name}" for name, one in vars(errors).items() if isinstance(one, type) and one.__module__ == errors.__name__]
    records = [f"pytest_kind.config.types.{name}" for name in ("Node", "Networking", "Mount", "PortMapping", "PatchJSON6902")]
    assert [name for name in [*raised, *records] if f'id="{name}"' not in page] == []


def test_a_class_has_its_parents_attributes_too() -> None:
    lines = ["Words.", "", "Attributes:", "    own: of its own."]
    classes.add_attributes(None, "class", "", pytest_kind.KindCluster, None, lines)
    assert lines[2] == "Attributes:"
    assert any(line.startswith("    phases: ") for line in lines)
    assert lines[-1] == "    own: of its own."


def test_what_users_do_not_make_has_no_signature() -> None:
    assert classes.hide_private(None, "class", "", None, None, "(name: str, _provider: Provider)", None) == ("", None)
    assert classes.hide_private(None, "class", "", None, None, "(name: str)", None) is None
    assert classes.hide_private(None, "method", "", None, None, "(_x: str)", None) is None
