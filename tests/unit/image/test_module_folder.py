"""A folder of Kubernetes' module without a make: its version and state, and how Go is called for it. Go is a script."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import module_folder as folders
from pytest_kind.image import source
from pytest_kind.image.host import Host
from pytest_kind.image.inputs import Inputs, node_image_dir
from pytest_kind.image.workshop import Workshop
from support.checkouts import STATUS, checkout, git
from support.module_folders import fake_go, module_folder

PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return module_folder(tmp_path / "kubernetes@v1.37.1")


@pytest.fixture
def record(tmp_path: Path, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script that is Go says how it was called."""
    monkeypatch.setenv("PATH", f"{fake_go(tmp_path / 'go')}{os.pathsep}{os.environ['PATH']}")
    (inputs.root / "go/kubernetes").mkdir()
    (inputs.root / "go/kubernetes/go.sum").write_text("k8s.io/pinned v1.0.0 h1:y\n", encoding="utf-8")
    return tmp_path / "go/record"


def change(folder: Path, text: str) -> None:
    (folder / "code.go").write_text(text, encoding="utf-8")


def programs(workshop: Workshop, inputs: Inputs, folder: Path) -> Path:
    found = folders.opened(workshop, folder)
    return found.programs(workshop, replace(inputs, kubernetes=found.kubernetes))


class TestState:
    @pytest.mark.parametrize("name", ["kubernetes@v1.37.1", "kubernetes-1.37.1", "fork-v1.37.1"])
    def test_its_name_ends_with_its_version(self, workshop: Workshop, tmp_path: Path, name: str) -> None:
        found = source.named(workshop, module_folder(tmp_path / name), "amd64")
        assert (found.kubernetes, found.how.split(",")[0]) == ("v1.37.1-dirty", f"Kubernetes v1.37.1-dirty is compiled from {tmp_path / name}")

    def test_a_prerelease_is_a_version(self, workshop: Workshop, tmp_path: Path) -> None:
        found = folders.opened(workshop, module_folder(tmp_path / "kubernetes@v1.38.0-alpha.1"))
        assert (found.kubernetes, found.published) == ("v1.38.0-alpha.1-dirty", "v1.38.0-alpha.1")

    def test_its_digest_is_the_modules_checksum_so_that_an_unchanged_one_is_known(
        self, workshop: Workshop, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  k8s.io/kubernetes@v1.37.1/{file.relative_to(folder)}\n"
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        ]
        found = folders.opened(workshop, folder)
        assert found.digest == f"h1:{base64.b64encode(hashlib.sha256(''.join(lines).encode()).digest()).decode()}"
        root = tmp_path / "node-image-with-sums"
        (root / "go/kubernetes").mkdir(parents=True)
        (root / "go/kubernetes/go.sum").write_text(f"k8s.io/kubernetes v1.37.1 {found.digest}\n", encoding="utf-8")
        monkeypatch.setattr(folders, "node_image_dir", lambda: root)
        assert folders.opened(workshop, folder).kubernetes == "v1.37.1"
        change(folder, "two\n")
        assert folders.opened(workshop, folder).kubernetes == "v1.37.1-dirty"

    def test_the_sums_that_it_is_held_against_are_committed(self) -> None:
        assert "\nk8s.io/kubernetes v1.37.1 h1:" in (node_image_dir() / "go/kubernetes/go.sum").read_text(encoding="utf-8")

    def test_a_new_file_counts_and_a_link_to_nowhere_and_output_do_not(self, workshop: Workshop, folder: Path) -> None:
        before = folders.opened(workshop, folder)
        (folder / "link").symlink_to("nowhere")
        (folder / "_output").mkdir()
        (folder / "_output/any").touch()
        assert folders.opened(workshop, folder) == before
        (folder / "new.go").touch()
        assert folders.opened(workshop, folder).digest != before.digest

    def test_git_says_more_than_the_name(self, workshop: Workshop, folder: Path) -> None:
        (folder / "hack").mkdir()
        (folder / "hack/print-workspace-status.sh").write_text(STATUS, encoding="utf-8")  # a module's files cannot be run
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "one")
        git(folder, "tag", "v1.36.4")
        clean = folders.opened(workshop, folder)
        assert clean.kubernetes == "v1.36.4"
        change(folder, "two\n")
        dirty = folders.opened(workshop, folder)
        assert (dirty.kubernetes, dirty.published) == ("v1.36.4-dirty", "v1.36.4")
        assert dirty.digest != clean.digest

    def test_kubeadms_source_names_the_rest(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        found = folders.opened(workshop, folder)
        assert found.components(workshop, inputs) == {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}
        assert found.pause(workshop, inputs).read_text(encoding="utf-8").startswith("int main")


class TestWhatIsNone:
    def test_one_with_a_make_is_a_checkout(self, tmp_path: Path) -> None:
        folder = checkout(tmp_path / "kubernetes")
        (folder / "go.mod").write_text("module k8s.io/kubernetes\n", encoding="utf-8")
        assert not folders.is_one(folder)

    def test_another_module_is_said_to_be_no_checkout(self, workshop: Workshop, folder: Path) -> None:
        (folder / "go.mod").write_text("module k8s.io/kubernetes/other\n", encoding="utf-8")
        with pytest.raises(SourceError) as caught:
            source.folder(workshop, folder)
        assert str(caught.value) == f"--kind-source: {folder}: it is no checkout of Kubernetes: Makefile is missing"

    def test_one_that_lacks_a_file(self, workshop: Workshop, folder: Path) -> None:
        (folder / "build/pause/linux/pause.c").unlink()
        with pytest.raises(SourceError) as caught:
            source.folder(workshop, folder)
        assert str(caught.value) == f"--kind-source: {folder}: it is no checkout of Kubernetes: build/pause/linux/pause.c is missing"

    @pytest.mark.parametrize("name", ["kubernetes", "v1.37", "kubernetes@v1.37.1-work"])
    def test_one_whose_version_nothing_tells(self, workshop: Workshop, tmp_path: Path, name: str) -> None:
        folder = module_folder(tmp_path / name)
        with pytest.raises(SourceError) as caught:
            source.folder(workshop, folder)
        assert str(caught.value) == (
            f"--kind-source: {folder}: it has no version: it has no make, and neither git tells it nor its name; "
            "let the name end with it (kubernetes@v1.37.1), or `git init`, commit and tag it v1.37.1"
        )

    def test_one_that_is_too_old(self, workshop: Workshop, tmp_path: Path) -> None:
        folder = module_folder(tmp_path / "kubernetes@v1.30.1")
        with pytest.raises(SourceError, match=r"its version is 'v1\.30\.1-dirty'; accepted are those from v1\.31\.0 on$"):
            source.folder(workshop, folder)


class TestGo:
    def test_a_module_beside_it_needs_it_in_place_of_the_published_one(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        before = sorted(folder.rglob("*"))
        place = programs(workshop, replace(inputs, architecture="arm64"), folder)
        assert sorted(one.name for one in place.iterdir()) == PROGRAMS
        (call,) = (record / "calls").read_text(encoding="utf-8").splitlines()
        assert call.startswith("linux/arm64 build -ldflags -s -w -X k8s.io/component-base/version.gitVersion=v1.37.1-dirty ")
        assert "version.gitTreeState=dirty " in call
        assert "version.buildDate=2026-01-01T00:00:00Z " in call
        assert (record / "go.mod").read_text(encoding="utf-8") == (
            "module pytest-kind.local/kubernetes\n\ngo 1.26.0\n\ngodebug default=go1.26\n\nrequire k8s.io/kubernetes v1.37.1\n\nreplace (\n"
            "\tk8s.io/api => k8s.io/api v0.37.1\n\tk8s.io/apiserver => k8s.io/apiserver v0.37.1\n)\nreplace k8s.io/kubernetes => ./0\n"
        )
        assert (record / "go.sum").read_text(encoding="utf-8") == "k8s.io/pinned v1.0.0 h1:y\nk8s.io/own v1.0.0 h1:x\n"
        assert sorted(folder.rglob("*")) == before

    def test_a_staging_module_that_is_there_is_used(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        own = folder / "staging/src/k8s.io/apiserver"
        own.mkdir(parents=True)
        (own / "go.mod").write_text("module k8s.io/apiserver\n", encoding="utf-8")
        programs(workshop, inputs, folder)
        text = (record / "go.mod").read_text(encoding="utf-8")
        assert text.endswith("\tk8s.io/api => k8s.io/api v0.37.1\n)\nreplace k8s.io/kubernetes => ./0\nreplace k8s.io/apiserver => ./1\n")

    def test_nothing_is_built_where_nothing_changed(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        assert programs(workshop, inputs, folder) == programs(workshop, inputs, folder)
        assert len((record / "calls").read_text(encoding="utf-8").splitlines()) == 1

    @pytest.mark.usefixtures("record")
    def test_programs_that_a_change_does_not_reach_are_those_of_the_last_build(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        first = programs(workshop, inputs, folder)
        content = (first / "kubelet").read_bytes()
        (folder / "new.txt").touch()
        second = programs(workshop, inputs, folder)
        assert second != first
        assert (second / "kubelet").stat().st_ino == (first / "kubelet").stat().st_ino
        change(folder, "two\n")
        third = programs(workshop, inputs, folder)
        assert (third / "kubelet").read_text(encoding="utf-8") == "kubelet two\n"
        assert (first / "kubelet").read_bytes() == (second / "kubelet").read_bytes() == content

    def test_go_refuses(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        (record / "fails").touch()
        with pytest.raises(CommandError, match=r"(?s)`.*go build .*` ended with 1:\nkubelet\.go:1: syntax error$"):
            programs(workshop, inputs, folder)
        assert not list((workshop.cache / "parts").glob("folder-*"))

    def test_one_that_changes_meanwhile(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        (record / "meanwhile").touch()
        with pytest.raises(ImageError) as caught:
            programs(workshop, inputs, folder)
        assert str(caught.value) == f"{folder}: it changed while it was built; start again"
        assert not list((workshop.cache / "parts").glob("folder-*"))

    def test_the_specs_are_for_the_machine_that_runs_them(self, workshop: Workshop, inputs: Inputs, folder: Path, record: Path) -> None:
        found = folders.opened(workshop, folder)
        place = found.suite(workshop, inputs, Host("darwin", "arm64"))
        assert [one.name for one in place.iterdir()] == ["e2e.test"]
        (call,) = (record / "calls").read_text(encoding="utf-8").splitlines()
        assert call.startswith("darwin/arm64 test -c ")
        assert found.suite(workshop, inputs, Host("linux", "arm64")) != place
