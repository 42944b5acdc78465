"""The user's kubeconfig: entries in and out, everything else as it was."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.api import kubeconfig_file
from pytest_kind.api.kubeconfig_file import check, files, merge, merged, remove, target, update, without
from pytest_kind.errors import UsageError, WaitTimeout

THEIRS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "work", "cluster": {"server": "https://work", "extra": "kept"}}],
    "users": [{"name": "work", "user": {"exec": {"command": "aws"}}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "work", "namespace": "ü"}}],
    "current-context": "work",
    "preferences": {"colors": True},
    "something": ["of", "theirs"],
}


def entry(name: str = "kind-c", server: str = "https://127.0.0.1:1") -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with something of the user's in it."""
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(THEIRS), encoding="utf-8")
    file.chmod(0o600)
    return file


class TestWhichFile:
    def test_the_one_that_is_named(self) -> None:
        assert files(Path("x"), {"KUBECONFIG": "y"}) == [Path("x")]

    def test_those_of_the_variable_once_each(self) -> None:
        assert files(None, {"KUBECONFIG": "a::b:a", "HOME": "/h"}) == [Path("a"), Path("b")]

    @pytest.mark.parametrize("variable", [{}, {"KUBECONFIG": ""}, {"KUBECONFIG": ":"}])
    def test_the_one_at_home(self, variable: dict[str, str]) -> None:
        assert files(None, {**variable, "HOME": "/h"}) == [Path("/h/.kube/config")]

    def test_new_entries_go_to_the_first_that_is_there_or_the_last(self, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in "abc"]
        assert target(paths) == paths[2]
        paths[1].touch()
        assert target(paths) == paths[1]
        paths[0].mkdir()  # kubectl takes no folder for a file
        assert target(paths) == paths[1]


class TestMerge:
    def test_a_file_that_is_not_there_is_made_private(self, tmp_path: Path) -> None:
        file = tmp_path / "a" / "b" / "config"
        merge(file, entry())
        assert read(file) == {"apiVersion": "v1", "kind": "Config", **entry()}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(file.parent.iterdir()) == [file]

    def test_an_empty_one_is_as_good(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("\n", encoding="utf-8")
        merge(tmp_path / "config", entry())
        assert read(tmp_path / "config")["current-context"] == "kind-c"

    def test_what_is_theirs_stays(self, path: Path) -> None:
        merge(path, entry())
        found = read(path)
        for section in ("clusters", "users", "contexts"):
            assert found[section][0] == THEIRS[section][0]
            assert found[section][1]["name"] == "kind-c"
        assert found["current-context"] == "kind-c"
        assert (found["preferences"], found["something"]) == (THEIRS["preferences"], THEIRS["something"])

    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_its_mode_and_a_link_to_it_stay(self, path: Path, tmp_path: Path, mode: int) -> None:
        path.chmod(mode)
        link = tmp_path / "link"
        link.symlink_to(path)
        merge(link, entry())
        assert link.is_symlink()
        assert read(path)["current-context"] == "kind-c"
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_entries_of_that_name_are_replaced_where_they_are(self, path: Path) -> None:
        merge(path, entry())
        merge(path, entry("kind-d"))
        merge(path, entry(server="https://127.0.0.1:2"))
        found = read(path)
        assert [one["name"] for one in found["clusters"]] == ["work", "kind-c", "kind-d"]
        assert found["clusters"][1]["cluster"]["server"] == "https://127.0.0.1:2"


class TestRemove:
    def test_the_file_is_as_it_was(self, path: Path) -> None:
        merge(path, entry())
        merge(path, entry())  # twice: what was current before the first is not forgotten
        assert remove(path, "kind-c")
        assert read(path) == THEIRS

    def test_a_context_that_was_chosen_since_stays(self, path: Path) -> None:
        merge(path, entry())
        merge(path, entry("kind-d"))
        remove(path, "kind-c")
        assert read(path)["current-context"] == "kind-d"
        remove(path, "kind-d")
        assert read(path)["current-context"] == ""  # kind-c, which was before it, is gone

    def test_nothing_to_remove_is_nothing_written(self, path: Path, tmp_path: Path) -> None:
        before = path.read_bytes(), path.stat().st_ino
        assert not remove(path, "kind-c")
        assert (path.read_bytes(), path.stat().st_ino) == before
        assert not remove(tmp_path / "nowhere" / "config", "kind-c")
        assert not (tmp_path / "nowhere").exists()


class TestUpdate:
    def test_the_address_alone_changes(self, path: Path) -> None:
        merge(path, entry())
        merge(path, {**entry("work"), "current-context": "work"})
        before = read(path)
        assert update(path, entry(server="https://127.0.0.1:2"))
        before["clusters"][1]["cluster"]["server"] = "https://127.0.0.1:2"
        assert read(path) == before
        assert not update(path, entry(server="https://127.0.0.1:2"))

    def test_a_file_without_the_cluster_is_left(self, path: Path, tmp_path: Path) -> None:
        assert not update(path, entry())
        assert not update(tmp_path / "none", entry())
        assert read(path) == THEIRS


BROKEN = {
    "[1, 2]": "it holds a list, not a mapping",
    "a: [": "while parsing a flow node",
    "clusters: x": "clusters: must be a list, found 'x'",
    "users: [{user: {token: hush}}]\ncontexts: 3": "users[0]: must be a mapping with a name, found dict; contexts: must be a list, found 3",
    "users: [hush]": "users[0]: must be a mapping with a name, found str",
    "\0": "",
}


class TestTrouble:
    @pytest.mark.parametrize(("text", "why"), BROKEN.items())
    def test_a_broken_file_is_one_error_and_left(self, tmp_path: Path, text: str, why: str) -> None:
        path = tmp_path / "config"
        path.write_text(text, encoding="utf-8")
        for act in (lambda: merge(path, entry()), lambda: remove(path, "kind-c"), lambda: update(path, entry()), lambda: check(path)):
            with pytest.raises(UsageError) as caught:
                act()
            assert str(caught.value).startswith(f"{path}: is no kubeconfig and is left as it is: {why}")
            assert "hush" not in str(caught.value)
        assert path.read_text(encoding="utf-8") == text
        assert list(tmp_path.iterdir()) == [path]

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_bytes(b"\xff\xfe\xfd")
        with pytest.raises(UsageError, match="is no kubeconfig"):
            check(tmp_path / "config")

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"config: cannot be (read|written): "):
            merge(tmp_path / "file" / "config", entry())
        (tmp_path / "folder").mkdir()
        with pytest.raises(UsageError, match="folder: cannot be read: Is a directory"):
            merge(tmp_path / "folder", entry())

    def test_a_failed_write_leaves_the_old_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="config: cannot be written: No space left on device"):
            merge(path, entry())
        assert read(path) == THEIRS
        assert list(path.parent.iterdir()) == [path]


class TestLock:
    def test_a_lock_that_stays_is_named(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kubeconfig_file, "_LOCK_SECONDS", 0.0)
        lock = path.with_name("config.lock")  # as client-go calls it
        lock.touch()
        with pytest.raises(WaitTimeout) as caught:
            merge(path, entry())
        assert f"{lock} is there; if no kubectl or kind is writing the file now, one that died left it: remove it" in str(caught.value)
        assert lock.exists()
        assert read(path) == THEIRS

    def test_one_that_goes_is_waited_for(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lock = path.with_name("config.lock")
        lock.touch()
        monkeypatch.setattr(time, "sleep", lambda _: lock.unlink())
        merge(path, entry())
        assert read(path)["current-context"] == "kind-c"
        assert not lock.exists()

    def test_it_is_held_while_the_file_is_written(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        held: list[bool] = []
        monkeypatch.setattr(os, "fsync", lambda _: held.append(path.with_name("config.lock").exists()))
        merge(path, entry())
        assert held == [True]


_NAMES = st.sampled_from(["work", "home", "kind-d"])
_DOCUMENTS = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Config"),
        "current-context": st.one_of(st.just(""), _NAMES),
        **{
            section: st.lists(st.fixed_dictionaries({"name": _NAMES, section[:-1]: st.dictionaries(st.text(), st.text())}))
            for section in ("clusters", "users", "contexts")
        },
    },
    optional={"other": st.text()},
)


@given(_DOCUMENTS)
def test_whatever_is_there_merge_and_remove_cancel_each_other(document: dict[str, Any]) -> None:
    there = {one["name"] for one in document["contexts"]}
    back = without(merged(document, entry()), "kind-c")
    current = document["current-context"]
    assert back == {**document, "current-context": current if current in there else ""}
