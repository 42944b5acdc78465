"""A checkout of Kubernetes: what its state is, and that its make runs when and as it should. The checkout is a small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import checkout as checkouts
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from support.checkouts import checkout, git

PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkout(tmp_path / "kubernetes")


def made(folder: Path) -> list[str]:
    """How make was called, each time."""
    record = folder / "_output/made"
    return record.read_text(encoding="utf-8").splitlines() if record.exists() else []


def programs(workshop: Workshop, inputs: Inputs, folder: Path) -> Path:
    found = checkouts.opened(workshop, folder)
    return found.programs(workshop, replace(inputs, kubernetes=found.kubernetes))


class TestState:
    def test_a_clean_one_is_its_tag(self, workshop: Workshop, folder: Path) -> None:
        found = checkouts.opened(workshop, folder)
        assert found.kubernetes == "v1.37.1"
        assert found == checkouts.opened(workshop, folder)
        assert found.how.startswith(f"Kubernetes v1.37.1 is made in {folder} by its own make ")

    @pytest.mark.parametrize(
        "change",
        [
            lambda folder: (folder / "code.go").write_text("two\n", encoding="utf-8"),
            lambda folder: (folder / "new.go").write_text("new\n", encoding="utf-8"),
            lambda folder: (folder / "new.go").symlink_to("code.go"),
            lambda folder: (folder / "code.go").unlink(),
            lambda folder: (folder / "code.go").chmod(0o755),
            lambda folder: git(folder, "rm", "--cached", "code.go"),
        ],
        ids=["changed", "new", "new link", "gone", "mode", "forgotten"],
    )
    def test_what_differs_from_the_commit_counts(self, workshop: Workshop, folder: Path, change: Callable[[Path], object]) -> None:
        clean = checkouts.opened(workshop, folder)
        change(folder)
        dirty = checkouts.opened(workshop, folder)
        assert dirty.digest != clean.digest
        assert dirty.kubernetes == "v1.37.1-dirty"

    def test_the_content_of_new_files_counts(self, workshop: Workshop, folder: Path) -> None:
        digests = set()
        for text in ("one", "two"):
            (folder / "new.go").write_text(text, encoding="utf-8")
            digests.add(checkouts.opened(workshop, folder).digest)
        assert len(digests) == 2

    def test_a_commit_after_the_tag_is_another_version(self, workshop: Workshop, folder: Path) -> None:
        clean = checkouts.opened(workshop, folder)
        git(folder, "commit", "--quiet", "--allow-empty", "--message", "two")
        found = checkouts.opened(workshop, folder)
        assert found.kubernetes.startswith("v1.37.1-1+")
        assert found.digest != clean.digest

    def test_what_git_ignores_does_not_count(self, workshop: Workshop, folder: Path) -> None:
        clean = checkouts.opened(workshop, folder)
        (folder / "_output/anything").touch()
        assert checkouts.opened(workshop, folder) == clean

    def test_what_the_build_reads_of_the_environment_counts(self, workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clean = checkouts.opened(workshop, folder)
        monkeypatch.setenv("DBG", "1")
        assert checkouts.opened(workshop, folder).digest != clean.digest

    def test_kubeadms_source_names_the_rest(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        found = checkouts.opened(workshop, folder)
        assert found.components(workshop, inputs) == {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}
        assert found.pause(workshop, inputs).read_text(encoding="utf-8").startswith("int main")


class TestWhatIsNone:
    @pytest.mark.parametrize("missing", ["Makefile", "hack/print-workspace-status.sh", "cmd/kubeadm/app/constants/constants.go"])
    def test_a_folder_that_is_something_else(self, workshop: Workshop, folder: Path, missing: str) -> None:
        (folder / missing).unlink()
        with pytest.raises(SourceError) as caught:
            checkouts.opened(workshop, folder)
        assert str(caught.value) == f"--kind-source: {folder}: it is no checkout of Kubernetes: {missing} is missing"

    def test_sources_without_git(self, workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / ".git").rename(folder.parent / "git")
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
        with pytest.raises(
            SourceError, match=r"^--kind-source: .*: this machine: `.*git .*rev-parse .*` ended with 128:\nfatal: not a git repository"
        ):
            checkouts.opened(workshop, folder)

    def test_a_history_without_tags(self, workshop: Workshop, tmp_path: Path) -> None:
        folder = checkout(tmp_path / "shallow", tag=None)
        with pytest.raises(SourceError) as caught:
            checkouts.opened(workshop, folder)
        assert str(caught.value) == (
            f"--kind-source: {folder}: it has no version: no tag like v1.37.0 is in its history; `git fetch --tags` (and no shallow clone)"
        )


class TestMake:
    def test_only_what_a_node_needs_is_made_statically_for_the_engines_machine(
        self, workshop: Workshop, inputs: Inputs, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAKEFLAGS", "-j7 --silent")
        place = programs(workshop, replace(inputs, architecture="arm64"), folder)
        (call,) = made(folder)
        assert call.split() == [*(f"cmd/{name}" for name in PROGRAMS), "linux/arm64", "kubelet"]
        assert sorted(one.name for one in place.iterdir()) == PROGRAMS

    def test_nothing_is_made_again_when_nothing_changed(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        place = programs(workshop, inputs, folder)
        assert programs(workshop, inputs, folder) == place
        assert len(made(folder)) == 1

    def test_a_change_is_made_and_going_back_to_what_was_is_not(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        first = programs(workshop, inputs, folder)
        (folder / "code.go").write_text("two\n", encoding="utf-8")
        second = programs(workshop, inputs, folder)
        assert second != first
        assert (second / "kubelet").read_text(encoding="utf-8").endswith(" two\n")
        git(folder, "checkout", "--", "code.go")
        assert programs(workshop, inputs, folder) == first
        assert len(made(folder)) == 2

    def test_a_make_that_fails_says_what_it_said(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        (folder / "Makefile").write_text("all:\n\t@echo syntax error in $(WHAT) && exit 3\n", encoding="utf-8")
        with pytest.raises(CommandError, match=r"(?s)`.*make all WHAT=cmd/kube-apiserver .*` ended with 2:.*syntax error in cmd/kube-apiserver "):
            programs(workshop, inputs, folder)
        assert not list((workshop.cache / "parts").glob("checkout-*"))

    def test_a_make_that_does_not_give_everything(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        (folder / "Makefile").write_text("all:\n\t@true\n", encoding="utf-8")
        with pytest.raises(ImageError, match=rf"^{folder}: its make ended well, but {folder}/_output/local/bin/linux/amd64 lacks kube-apiserver, "):
            programs(workshop, inputs, folder)

    def test_a_checkout_that_changes_meanwhile(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        with (folder / "Makefile").open("a", encoding="utf-8") as makefile:
            makefile.write("\t@echo meanwhile > code.go\n")
        git(folder, "commit", "--quiet", "--all", "--message", "two")
        with pytest.raises(ImageError) as caught:
            programs(workshop, inputs, folder)
        assert str(caught.value) == f"{folder}: it changed while it was built; start again"
        assert not list((workshop.cache / "parts").glob("checkout-*"))

    def test_a_build_that_carries_another_version(self, workshop: Workshop, inputs: Inputs, folder: Path) -> None:
        makefile = folder / "Makefile"
        makefile.write_text(makefile.read_text(encoding="utf-8").replace("$$(hack/print-workspace-status.sh)", "v0.0.0"), encoding="utf-8")
        with pytest.raises(ImageError) as caught:
            programs(workshop, inputs, folder)
        assert str(caught.value) == f"{folder}: its make built a kubeadm that does not carry the version v1.37.1-dirty; start again"
