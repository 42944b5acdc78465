"""What ``apply`` is given, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_kind.toolbox.objects.manifests import ManifestError, Source, ordered, read


def no_folder(folder: Path) -> str | None:
    return None


def one(kind: str, name: str, api: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}}


TEXT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def told(source: Source) -> list[str]:
    return [str(manifest) for manifest in read(source, no_folder)]


def test_every_form_of_source(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.yml").write_text(f"---\n{TEXT % 'p'}---\n{TEXT % 'q'}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(TEXT % "n", encoding="utf-8")
    (tmp_path / "c.json").write_text('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "r"}}', encoding="utf-8")
    (tmp_path / "README.md").write_text("# no manifest", encoding="utf-8")
    assert told(one("Pod", "n")) == ["the mapping (Pod n)"]
    assert told([one("Pod", "n"), one("Pod", "m")]) == ["item 1 (Pod n)", "item 2 (Pod m)"]
    assert told(f"{TEXT % 'n'}---\n{TEXT % 'm'}") == ["the text, document 1 (ConfigMap n)", "the text, document 2 (ConfigMap m)"]
    assert told(tmp_path / "a.yaml") == [f"{tmp_path}/a.yaml (ConfigMap n)"]
    assert told(tmp_path) == [
        f"{tmp_path}/a.yaml (ConfigMap n)",
        f"{tmp_path}/b/x.yml, document 1 (ConfigMap p)",
        f"{tmp_path}/b/x.yml, document 2 (ConfigMap q)",
        f"{tmp_path}/c.json (Pod r)",
    ]
    assert [str(manifest) for manifest in read(tmp_path, lambda folder: TEXT % folder.name)] == [f"{tmp_path} (ConfigMap {tmp_path.name})"]


def test_a_list_is_its_items() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [one("Pod", "n")]}
    assert told({"apiVersion": "v1", "kind": "PodList", "items": [one("Pod", "m"), inner]}) == [
        "the mapping, item 1 (Pod m)",
        "the mapping, item 2, item 1 (Pod n)",
    ]


def test_a_source_is_not_changed() -> None:
    source = one("Pod", "n")
    (manifest,) = read(source, no_folder)
    manifest.document["metadata"]["namespace"] = "mine"
    assert source == one("Pod", "n")


def test_values_are_those_of_gos_yaml() -> None:
    (manifest,) = read(f"{TEXT % 'n'}data: {{port: 22:22, day: 2026-01-01, mode: 0644, 'yes': yes}}\n", no_folder)
    assert manifest.document["data"] == {"port": "22:22", "day": "2026-01-01", "mode": 0o644, "yes": True}


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Pod\nmetadata: {generateName: x-}\n---\n- 1\n---\nspec: {}\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("a: {b\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, no_folder)
    said = [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert said == [
        "a.yaml, document 1: apiVersion: None is not accepted; accepted is text",
        "a.yaml, document 1: metadata.name: None is not accepted; accepted is text; server-side apply takes no generateName",
        "a.yaml, document 2: '[1]' is not a manifest, which is a mapping with apiVersion, kind and metadata",
        "a.yaml, document 3: apiVersion: None is not accepted; accepted is text",
        "a.yaml, document 3: kind: None is not accepted; accepted is text",
        "a.yaml, document 3: metadata: None is not accepted; accepted is a mapping with a name",
        said[6],
        said[7],
    ]
    assert said[6].startswith("b.yaml: is no YAML: ")
    assert said[7].startswith("c.yaml: cannot be read: ")
    assert str(caught.value).startswith("apply: 8 problems, nothing was applied\n  - ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("web.yaml", "the text: 'web.yaml' is not a manifest; a file is given as pathlib.Path('web.yaml')"),
        ("", "the text: has no manifests"),
        ([], "what was given: has no manifests"),
        (Path("nowhere.yaml"), "nowhere.yaml: cannot be read: No such file or directory"),
        (7, "7 is not accepted; accepted are a mapping, several of them, YAML text, a pathlib.Path"),
        ([7], "item 1: '7' is not a manifest, which is a mapping with apiVersion, kind and metadata"),
        ({**one("Pod", "n"), "spec": object}, "the mapping: <class 'object'> is not accepted; accepted are texts, numbers, "),
        ({**one("Pod", "n"), "metadata": {"name": "n", "namespace": 1}}, "the mapping: metadata.namespace: 1 is not accepted; accepted is text"),
    ],
)
def test_what_is_no_source(source: Any, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(source, no_folder)
    assert caught.value.problems[0].startswith(said)


def test_an_empty_folder_says_what_it_might_have(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no file of it \(\.json, \.yaml, \.yml\): has no manifests"):
        read(tmp_path, no_folder)


def test_what_others_need_comes_first() -> None:
    kinds = ["Widget", "Deployment", "ValidatingWebhookConfiguration", "CustomResourceDefinition", "ConfigMap", "Widget", "Namespace"]
    kinds += ["Pod", "RuntimeClass"]
    manifests = read([one(kind, f"n{number}") for number, kind in enumerate(kinds)], no_folder)
    assert [f"{each.kind} {each.document['metadata']['name']}" for each in ordered(manifests)] == [
        "RuntimeClass n8",
        "Namespace n6",
        "ConfigMap n4",
        "CustomResourceDefinition n3",
        "Pod n7",
        "Deployment n1",
        "ValidatingWebhookConfiguration n2",
        "Widget n0",
        "Widget n5",
    ]
