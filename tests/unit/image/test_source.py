"""What ``--kind-source`` may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.errors import SourceError
from pytest_kind.image import source, tarball
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from support import tarballs
from support.checkouts import checkout
from support.files_server import serving


def refused(workshop: Workshop, text: str | Path) -> str:
    with pytest.raises(SourceError) as caught:
        source.named(workshop, text, "amd64")
    return str(caught.value)


def test_a_folder_is_a_checkout(workshop: Workshop, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "kubernetes")
    assert source.named(workshop, str(folder), "amd64").how.startswith(f"Kubernetes v1.37.1 is made in {folder} ")


def test_a_file_is_a_server_tarball(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarballs.write(tmp_path / "server.tar.gz")
    monkeypatch.chdir(tmp_path)
    assert source.named(workshop, "server.tar.gz", "amd64").how.startswith(f"Kubernetes v1.37.1 is taken from {tmp_path}/server.tar.gz; ")


def test_a_url_is_a_server_tarball(workshop: Workshop, tmp_path: Path) -> None:
    tarballs.write(tmp_path / "server.tar.gz")
    with serving(tmp_path) as server:
        assert source.named(workshop, f"{server.url}/server.tar.gz", "amd64").kubernetes == "v1.37.1"


def test_a_release_is_where_kubernetes_publishes_them(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def at_url(_: Workshop, url: str, architecture: str) -> tarball.ServerTarball:
        asked.append(f"{url} {architecture}")
        return tarball.ServerTarball(name=url, kubernetes="v1.36.2", digest="d", file=lambda: Path("/f"))

    monkeypatch.setattr(tarball, "at_url", at_url)
    assert source.named(workshop, "release:v1.36.2", "arm64").kubernetes == "v1.36.2"
    assert asked == ["https://dl.k8s.io/release/v1.36.2/kubernetes-server-linux-arm64.tar.gz arm64"]


@pytest.mark.parametrize("text", ["release:", "release:1.37.1", "release:latest", "release:v1.30.9", "release:v1.37.1+x"])
def test_what_is_no_release(workshop: Workshop, text: str) -> None:
    assert refused(workshop, text) == f"--kind-source: {text!r} is not accepted; accepted is the form release:v1.37.1, from v1.31.0 on"


@pytest.mark.parametrize("text", ["v1.37.1", "no/such/file.tar.gz", "ftp://host/server.tar.gz"])
def test_what_is_nothing(workshop: Workshop, text: str) -> None:
    assert refused(workshop, text) == (
        f"--kind-source: {text}: no such file or folder; accepted is the folder of a checkout, the path or URL of a server tarball, "
        "or a release such as release:v1.37.1"
    )


@pytest.mark.parametrize("version", ["v1.30.9", "v2.0.0", "latest"])
def test_a_version_that_is_too_old_or_none(workshop: Workshop, tmp_path: Path, version: str) -> None:
    file = tarballs.write(tmp_path / "server.tar.gz", tarballs.contents(version=version))
    assert refused(workshop, file) == f"--kind-source: {file}: its version is {version!r}; accepted are those from v1.31.0 on"


@pytest.mark.parametrize("version", ["v1.31.0", "v1.38.0-alpha.0.6+84c76d1142ea4d-dirty", "v1.37.1-dirty", "v1.37.1-rc.1"])
def test_versions_that_are_accepted(workshop: Workshop, tmp_path: Path, version: str) -> None:
    file = tarballs.write(tmp_path / "server.tar.gz", tarballs.contents(version=version))
    assert source.named(workshop, file, "amd64").kubernetes == version


def test_go_modules_have_no_digest_beside_their_version(workshop: Workshop, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkout(tmp_path / "kubernetes")
    monkeypatch.setattr("pytest_kind.image.go_modules.kubernetes_source", lambda *_: folder)
    modules = source.GoModules("v1.36.0")
    assert (modules.kubernetes, modules.digest) == ("v1.36.0", "")
    assert modules.how.startswith("Kubernetes v1.36.0 is compiled from its Go modules, once ")
    assert modules.components(workshop, inputs) == {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}
    assert modules.pause(workshop, inputs) == folder / "build/pause/linux/pause.c"
