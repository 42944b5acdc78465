"""Server tarballs: from a path, a URL, a release; what is taken from them; what is said of what is none."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import tarball
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from pytest_kind.progress import Progress
from support import tarballs
from support.engine import FakeEngine
from support.files_server import FilesServer, serving

NAME = "kubernetes-server-linux-amd64.tar.gz"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tarballs.write(tmp_path / NAME)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Progress, "note", lambda _, text: said.append(text))
    return said


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FilesServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as started:
        yield started


def tags(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        assert not {"index.json", "oci-layout", "repositories"} & set(tar.getnames())
        content = tar.extractfile("manifest.json")
        assert content is not None
        return [tag for image in json.load(content) for tag in image["RepoTags"]]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    return str(caught.value)


class TestPath:
    def test_version_and_digest_are_the_contents(self, workshop: Workshop, file: Path) -> None:
        found = tarball.at_path(workshop, file, "amd64")
        assert (found.kubernetes, found.digest) == ("v1.37.1", hashlib.sha256(file.read_bytes()).hexdigest())
        assert found.how.startswith(f"Kubernetes v1.37.1 is taken from {file}; ")

    def test_programs_and_images_are_unpacked_and_the_architecture_leaves_the_images_names(
        self, workshop: Workshop, inputs: Inputs, file: Path
    ) -> None:
        place = tarball.at_path(workshop, file, "amd64").programs(workshop, inputs)
        images = ["kube-apiserver.tar", "kube-controller-manager.tar", "kube-proxy.tar", "kube-scheduler.tar"]
        assert sorted(one.name for one in place.iterdir()) == [*images, "kubeadm", "kubectl", "kubelet", "version"]
        assert [tags(place / name) for name in images] == [[f"registry.k8s.io/{name.removesuffix('.tar')}:v1.37.1"] for name in images]
        assert (place / "kubeadm").read_bytes() == tarballs.program("amd64", b"kubeadm")
        assert stat.S_IMODE((place / "kubelet").stat().st_mode) == 0o755

    def test_the_index_of_newer_archives_is_left_out(self, workshop: Workshop, inputs: Inputs, tmp_path: Path) -> None:
        archive = tarballs.image("registry.k8s.io/kube-proxy-amd64:v1.37.1", {"index.json": b"{}", "oci-layout": b"{}", "repositories": b"{}"})
        file = tarballs.write(tmp_path / NAME, {**tarballs.contents(), f"{tarballs.BIN}kube-proxy.tar": archive})
        place = tarball.at_path(workshop, file, "amd64").programs(workshop, inputs)
        assert tags(place / "kube-proxy.tar") == ["registry.k8s.io/kube-proxy:v1.37.1"]

    def test_it_is_read_once_and_again_when_it_changes(self, workshop: Workshop, file: Path) -> None:
        first = tarball.at_path(workshop, file, "amd64")
        read = len(workshop.progress.timings)
        assert tarball.at_path(workshop, file, "amd64").digest == first.digest
        assert len(workshop.progress.timings) == read
        tarballs.write(file, tarballs.contents(version="v1.37.2"))
        second = tarball.at_path(workshop, file, "amd64")
        assert (second.kubernetes, second.digest != first.digest) == ("v1.37.2", True)

    def test_the_same_content_elsewhere_is_not_unpacked_again(self, workshop: Workshop, file: Path, tmp_path: Path) -> None:
        tarball.at_path(workshop, file, "amd64")
        copy = tmp_path / "copy.tar.gz"
        copy.write_bytes(file.read_bytes())
        tarball.at_path(workshop, copy, "amd64")
        assert [what for what, _ in workshop.progress.timings if what == "building server"] == ["building server"]

    def test_parts_that_left_the_cache_are_unpacked_again(self, workshop: Workshop, inputs: Inputs, file: Path) -> None:
        place = tarball.at_path(workshop, file, "amd64").programs(workshop, inputs)
        place.rename(place.with_name("gone"))
        assert tarball.at_path(workshop, file, "amd64").programs(workshop, inputs) == place
        assert (place / "kubeadm").exists()

    @pytest.mark.parametrize("kind", ["sha256", "sha512"])
    def test_a_checksum_beside_it_must_fit(self, workshop: Workshop, file: Path, kind: str) -> None:
        found = hashlib.new(kind, file.read_bytes()).hexdigest()
        beside = file.with_name(f"{NAME}.{kind}")
        beside.write_text("0" * len(found), encoding="utf-8")
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")) == (
            f"--kind-source: {file}: its {kind} is {found}, but {file}.{kind} says {'0' * len(found)}"
        )
        beside.write_text(f"{found}  {NAME}\n", encoding="utf-8")
        assert tarball.at_path(workshop, file, "amd64").kubernetes == "v1.37.1"

    @pytest.mark.parametrize(("tag", "version"), [("v1.31.4", "v1.31.4"), ("v1.38.0-alpha.0.6_84c76d1142ea4d", "v1.38.0-alpha.0.6+84c76d1142ea4d")])
    def test_without_the_version_file_the_images_tag_says_it(self, workshop: Workshop, tmp_path: Path, tag: str, version: str) -> None:
        files = {**tarballs.contents(), f"{tarballs.BIN}kube-apiserver.docker_tag": f"{tag}\n".encode()}
        del files["kubernetes/version"]
        assert tarball.at_path(workshop, tarballs.write(tmp_path / NAME, files), "amd64").kubernetes == version


class TestWhatIsNone:
    def test_another_architecture(self, workshop: Workshop, file: Path) -> None:
        assert refused(lambda: tarball.at_path(workshop, file, "arm64")) == (
            f"--kind-source: {file}: its programs are for amd64, the engine's machine is arm64"
        )

    def test_another_system(self, workshop: Workshop, tmp_path: Path) -> None:
        file = tarballs.write(tmp_path / NAME, {**tarballs.contents(), f"{tarballs.BIN}kubeadm": b"\xcf\xfa\xed\xfe"})
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")) == (
            f"--kind-source: {file}: its programs are for something that is not Linux, the engine's machine is amd64"
        )

    def test_a_foreign_tarball_says_what_it_lacks(self, workshop: Workshop, tmp_path: Path) -> None:
        files = {name: content for name, content in tarballs.contents().items() if not name.endswith(("kubelet", "kube-proxy.tar"))}
        file = tarballs.write(tmp_path / NAME, files)
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")) == (
            f"--kind-source: {file}: it is no server tarball: it lacks kubernetes/server/bin/kubelet, kubernetes/server/bin/kube-proxy.tar"
        )

    def test_one_that_says_no_version(self, workshop: Workshop, tmp_path: Path) -> None:
        files = {name: content for name, content in tarballs.contents().items() if not name.endswith(("version", "docker_tag"))}
        file = tarballs.write(tmp_path / NAME, files)
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")).endswith(
            "it says no version: it has neither kubernetes/version nor kubernetes/server/bin/kube-apiserver.docker_tag"
        )

    @pytest.mark.parametrize("keep", [0, 10, 0.5, 0.95])
    def test_one_that_is_cut_off(self, workshop: Workshop, file: Path, keep: float) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")).startswith(f"--kind-source: {file}: it is no server tarball, or not whole: ")
        assert not list((workshop.cache / "parts").glob("server-*"))

    @pytest.mark.parametrize(
        "archive",
        [b"no archive", tarballs.tar({"layer.tar": b""}), tarballs.tar({"manifest.json": b"{"}), tarballs.tar({"manifest.json": b"[7]"})],
        ids=["no archive", "no manifest", "broken", "odd"],
    )
    def test_an_image_in_it_that_is_none(self, workshop: Workshop, tmp_path: Path, archive: bytes) -> None:
        file = tarballs.write(tmp_path / NAME, {**tarballs.contents(), f"{tarballs.BIN}kube-proxy.tar": archive})
        assert refused(lambda: tarball.at_path(workshop, file, "amd64")).startswith(f"--kind-source: {file}: it is no server tarball, or not whole: ")


class TestUrl:
    def test_it_is_downloaded_once_checked_and_asked_for_again(self, workshop: Workshop, server: FilesServer, notes: list[str]) -> None:
        content = tarballs.write(server.folder / NAME).read_bytes()
        for kind in ("sha256", "sha512"):
            (server.folder / f"{NAME}.{kind}").write_text(hashlib.new(kind, content).hexdigest(), encoding="utf-8")
        url = f"{server.url}/{NAME}"
        found = tarball.at_url(workshop, url, "amd64")
        assert (found.kubernetes, found.digest) == ("v1.37.1", hashlib.sha256(content).hexdigest())
        assert tarball.at_url(workshop, url, "amd64").digest == found.digest
        assert server.answered == [(f"/{NAME}", 200), (f"/{NAME}.sha256", 200), (f"/{NAME}.sha512", 200), (f"/{NAME}", 304)]
        assert notes == []
        assert not list(workshop.scratch.glob("*.tar.gz"))

    def test_another_file_there_is_another_source(self, workshop: Workshop, server: FilesServer) -> None:
        file, url = tarballs.write(server.folder / NAME), f"{server.url}/{NAME}"
        first = tarball.at_url(workshop, url, "amd64")
        tarballs.write(file, tarballs.contents(version="v1.37.2"))
        os.utime(file, (file.stat().st_mtime + 10,) * 2)
        second = tarball.at_url(workshop, url, "amd64")
        assert (first.kubernetes, second.kubernetes) == ("v1.37.1", "v1.37.2")

    def test_without_a_checksum_that_is_said(self, workshop: Workshop, server: FilesServer, notes: list[str]) -> None:
        tarballs.write(server.folder / NAME)
        tarball.at_url(workshop, f"{server.url}/{NAME}", "amd64")
        assert notes == [f"{server.url}/{NAME}: no checksum lies beside it (.sha256, .sha512)"]

    def test_a_checksum_that_does_not_fit(self, workshop: Workshop, server: FilesServer) -> None:
        tarballs.write(server.folder / NAME)
        (server.folder / f"{NAME}.sha512").write_text("", encoding="utf-8")
        assert refused(lambda: tarball.at_url(workshop, f"{server.url}/{NAME}", "amd64")).endswith(f"but {server.url}/{NAME}.sha512 says nothing")
        assert not (workshop.cache / "tarballs").exists()

    def test_one_that_is_not_there(self, workshop: Workshop, server: FilesServer) -> None:
        url = f"{server.url}/{NAME}"
        assert refused(lambda: tarball.at_url(workshop, url, "amd64")) == f"--kind-source: {url}: the server answers 404 File not found"

    def test_a_connection_that_breaks_off(self, workshop: Workshop, server: FilesServer) -> None:
        size = tarballs.write(server.folder / NAME).stat().st_size
        server.truncate = 100
        assert refused(lambda: tarball.at_url(workshop, f"{server.url}/{NAME}", "amd64")) == (
            f"--kind-source: {server.url}/{NAME}: it broke off: 100 of {size} bytes came"
        )

    def test_a_server_that_is_away_does_not_matter_for_what_is_known(
        self, workshop: Workshop, server: FilesServer, notes: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = f"{server.url}/{NAME}"
        tarballs.write(server.folder / NAME)
        digest = tarball.at_url(workshop, url, "amd64").digest
        monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(ConnectionRefusedError("refused")))
        assert tarball.at_url(workshop, url, "amd64").digest == digest
        assert notes[-1] == f"{url} cannot be asked whether it changed (refused): Kubernetes v1.37.1, seen before, is used"
        assert refused(lambda: tarball.at_url(workshop, f"{url}2", "amd64")) == f"--kind-source: {url}2: refused"

    def test_parts_that_left_the_cache_are_downloaded_again_and_must_be_the_same(
        self, workshop: Workshop, inputs: Inputs, server: FilesServer
    ) -> None:
        file, url = tarballs.write(server.folder / NAME), f"{server.url}/{NAME}"
        found = tarball.at_url(workshop, url, "amd64")
        place = found.programs(workshop, inputs)
        place.rename(place.with_name("gone"))
        tarballs.write(file, tarballs.contents(version="v1.37.2"))
        assert refused(lambda: found.programs(workshop, inputs)) == f"--kind-source: {url}: it changed while it was used; start again"
        tarballs.write(file)
        assert found.programs(workshop, inputs) == place


class TestRelease:
    def test_it_is_asked_for_once_and_for_ever(self, workshop: Workshop, server: FilesServer) -> None:
        (server.folder / "v1.37.1").mkdir()
        tarballs.write(server.folder / "v1.37.1" / NAME)
        for _ in range(2):
            assert tarball.released(workshop, "v1.37.1", "amd64", server.url).kubernetes == "v1.37.1"
        assert [path for path, _ in server.answered] == [f"/v1.37.1/{NAME}", f"/v1.37.1/{NAME}.sha256", f"/v1.37.1/{NAME}.sha512"]

    def test_one_that_does_not_exist(self, workshop: Workshop, server: FilesServer) -> None:
        assert refused(lambda: tarball.released(workshop, "v1.99.0", "amd64", server.url)) == (
            f"--kind-source: {server.url}/v1.99.0/{NAME}: the server answers 404 File not found"
        )


class TestComponents:
    LIST = "registry.k8s.io/kube-proxy:v1.37.1\nregistry.k8s.io/coredns/coredns:v1.14.6\nregistry.k8s.io/pause:3.11\nregistry.k8s.io/etcd:3.7.0-0\n"

    @pytest.fixture(autouse=True)
    def base(self, inputs: Inputs, engine: FakeEngine) -> None:
        engine.add_to_registry("debian:bookworm-slim", ())

    def test_its_kubeadm_is_asked_in_a_container(self, workshop: Workshop, inputs: Inputs, engine: FakeEngine, file: Path) -> None:
        engine.answer(["kubeadm"], self.LIST)
        found = tarball.at_path(workshop, file, "amd64").components(workshop, inputs)
        assert found == {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}
        assert engine.made("exec")[-1] == "kubeadm config images list --kubernetes-version v1.37.1"
        assert engine.names == []

    def test_one_that_does_not_run(self, workshop: Workshop, inputs: Inputs, engine: FakeEngine, file: Path) -> None:
        engine.answer(["kubeadm"], "exec format error", code=126)
        with pytest.raises(CommandError, match=r"^the tarball's kubeadm: `kubeadm config images list .*` ended with 126:\nexec format error$"):
            tarball.at_path(workshop, file, "amd64").components(workshop, inputs)
        assert engine.names == []

    def test_one_that_names_no_etcd(self, workshop: Workshop, inputs: Inputs, engine: FakeEngine, file: Path) -> None:
        engine.answer(["kubeadm"], self.LIST.replace("etcd", "other"))
        with pytest.raises(ImageError, match=r"its kubeadm names no image of 'etcd'; it names "):
            tarball.at_path(workshop, file, "amd64").components(workshop, inputs)
