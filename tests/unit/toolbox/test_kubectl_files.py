"""Files that a kubectl command names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.toolbox.kubectl_files import gather

AT = "/at"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.yaml", "b.yaml", "more/c.yaml", "more/deep/d.yaml", "-"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "words", "files"),
    [
        ("apply -f a.yaml", "apply -f /at/0/a.yaml", {"0/a.yaml": "a.yaml"}),
        ("apply -fa.yaml --wait", "apply -f=/at/0/a.yaml --wait", {"0/a.yaml": "a.yaml"}),
        ("apply --filename=a.yaml,b.yaml", "apply --filename=/at/0/a.yaml,/at/1/b.yaml", {"0/a.yaml": "a.yaml", "1/b.yaml": "b.yaml"}),
        ("apply -R -f more", "apply -R -f /at/0/more", {"0/more/c.yaml": "more/c.yaml", "0/more/deep/d.yaml": "more/deep/d.yaml"}),
        ("create cm x --from-file=key=a.yaml", "create cm x --from-file=key=/at/0/a.yaml", {"0/a.yaml": "a.yaml"}),
        ("create cm x --from-file a.yaml", "create cm x --from-file /at/0/a.yaml", {"0/a.yaml": "a.yaml"}),
        ("kustomize more --x", "kustomize /at/0/. --x", {"0/c.yaml": "more/c.yaml", "0/deep/d.yaml": "more/deep/d.yaml"}),
        ("cp a.yaml pod:/tmp/a", "cp /at/0/a.yaml pod:/tmp/a", {"0/a.yaml": "a.yaml"}),
        ("-n more cp a.yaml pod:/tmp/a -c b.yaml", "-n more cp /at/0/a.yaml pod:/tmp/a -c b.yaml", {"0/a.yaml": "a.yaml"}),
        ("--namespace mine kustomize more", "--namespace mine kustomize /at/0/.", {"0/c.yaml": "more/c.yaml", "0/deep/d.yaml": "more/deep/d.yaml"}),
        ("-n=mine apply -f a.yaml -n", "-n=mine apply -f /at/0/a.yaml -n", {"0/a.yaml": "a.yaml"}),
        # What stays as it is
        ("-n mine logs -f more", "-n mine logs -f more", {}),
        ("-n", "-n", {}),
        ("apply -f -", "apply -f -", {}),
        ("apply -f https://example.org/a.yaml", "apply -f https://example.org/a.yaml", {}),
        ("apply -f missing.yaml", "apply -f missing.yaml", {}),
        ("logs -f more", "logs -f more", {}),
        ("get pods -o=name -l app=a.yaml", "get pods -o=name -l app=a.yaml", {}),
        ("exec pod -- cat -f a.yaml", "exec pod -- cat -f a.yaml", {}),
        ("apply -f", "apply -f", {}),
    ],
)
def test_paths_of_this_machine_become_the_nodes(folder: Path, argv: str, words: str, files: dict[str, str]) -> None:
    got, taken = gather(argv.split(), folder, AT)
    assert " ".join(got) == words
    assert taken == {f"{AT}/{name}": folder / source for name, source in files.items()}


def test_a_file_by_its_whole_path(folder: Path) -> None:
    assert gather(["apply", "-f", str(folder / "a.yaml")], Path("/"), AT)[0] == ["apply", "-f", "/at/0/a.yaml"]


def test_a_kustomization_takes_along_what_it_names_outside(tmp_path: Path) -> None:
    for name, text in {
        "overlays/dev/kustomization.yaml": "resources: [../../base]\nconfigMapGenerator: [{name: c, files: [key=../../shared/x.txt]}]\n",
        "base/kustomization.yml": "resources: [a.yaml, 'https://example.org/b']\npatches: [{patch: '- op: add\n'}]\nx: ../overlays/dev\nn: 1\n",
        "base/a.yaml": "",
        "shared/x.txt": "",
        "unrelated/y.txt": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    words, files = gather(["apply", "-k", "overlays/dev"], tmp_path, AT)
    assert words == ["apply", "-k", "/at/0/overlays/dev"]
    assert sorted(files) == [
        "/at/0/base/a.yaml",
        "/at/0/base/kustomization.yml",
        "/at/0/overlays/dev/kustomization.yaml",
        "/at/0/shared/x.txt",
    ]


def test_a_kustomization_elsewhere_stays_as_it_is(tmp_path: Path) -> None:
    assert gather(["apply", "-k", "github.com/a/b"], tmp_path, AT) == (["apply", "-k", "github.com/a/b"], {})
