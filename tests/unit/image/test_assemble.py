"""A node image put together on the fake engine: which images of the control plane get in, and what is checked."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image import assemble, go_modules
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.image.source import GoModules
from pytest_kind.image.workshop import Workshop
from pytest_kind.provision.provider import ContainerSpec, Image
from support import tarballs
from support.engine import FakeEngine

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler")
ASKED = "registry.k8s.io/kube-apiserver:v1.37.1\nregistry.k8s.io/pause:3.11\n"


@pytest.fixture
def wanted() -> Inputs:
    return read_inputs("amd64")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> assemble.Parts:
    """Compiled parts, without having been compiled."""
    names = {
        "kubernetes": ("kubeadm", "kubectl", "kubelet", *CONTROL_PLANE),
        "containerd": ("containerd",),
        "cni": ("ptp",),
        "etcd": ("etcd", "etcdctl", "etcdutl"),
        "coredns": ("coredns",),
        "local_path": ("local-path-provisioner",),
        "pause": ("pause",),
    }
    for folder, programs in names.items():
        (tmp_path / folder).mkdir()
        for program in programs:
            (tmp_path / folder / program).write_bytes(tarballs.program("amd64", program.encode()))
    tags = {"etcd": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.11"}
    made = assemble.Parts(**{name: tmp_path / name for name in names}, tags=tags)
    monkeypatch.setattr(assemble, "build_parts", lambda *_: made)
    return made


@pytest.fixture(autouse=True)
def base(engine: FakeEngine) -> None:
    engine.add_to_registry("debian:bookworm-slim", ())
    engine.offer("/build/proxy", tarballs.tar({"proxy/usr/sbin/iptables": b""}))
    engine.offer("/build/busybox", tarballs.tar({"busybox/bin/busybox": b""}))
    engine.answer(["/kind/build/preload"], ASKED)
    engine.answer(["kubeadm", "config", "images", "list"], ASKED)


def archives(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is put beside the builder's root, for the images' import."""
    found: dict[str, bytes] = {}
    put = engine.put

    def watched(container: str, path: str, archive: io.BytesIO) -> None:
        content = archive.read()
        if path == "/build":
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                found.update({one.name: file.read() for one in tar if (file := tar.extractfile(one)) is not None})
        put(container, path, content)

    monkeypatch.setattr(engine, "put", watched)
    return found


def tags(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        content = tar.extractfile("manifest.json")
        assert content is not None
        return [tag for image in json.load(content) for tag in image["RepoTags"]]


def test_programs_become_images(
    workshop: Workshop, wanted: Inputs, engine: FakeEngine, parts: assemble.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = archives(engine, monkeypatch)
    assemble.assemble(workshop, wanted, GoModules("v1.37.1"))
    assert list(given) == ["images.tar"]
    assert {f"registry.k8s.io/{name}:v1.37.1" for name in CONTROL_PLANE} < set(tags(given["images.tar"]))
    assert "/kind/build/preload /build /build/images.tar" in engine.made("exec")


def test_images_of_the_source_are_used_as_they_are(
    workshop: Workshop, wanted: Inputs, engine: FakeEngine, parts: assemble.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CONTROL_PLANE:
        (parts.kubernetes / name).unlink()
        (parts.kubernetes / f"{name}.tar").write_bytes(tarballs.image(f"registry.k8s.io/{name}:v1.37.1"))
    given = archives(engine, monkeypatch)
    assemble.assemble(workshop, wanted, GoModules("v1.37.1"))
    assert list(given) == ["images.tar", *(f"{name}.tar" for name in CONTROL_PLANE)]
    assert given["kube-proxy.tar"] == tarballs.image("registry.k8s.io/kube-proxy:v1.37.1")
    assert not [tag for tag in tags(given["images.tar"]) if "/kube-" in tag]
    assert {"registry.k8s.io/etcd:3.7.0-0", "registry.k8s.io/coredns/coredns:v1.14.6"} < set(tags(given["images.tar"]))
    assert f"/kind/build/preload /build {' '.join(f'/build/{name}' for name in given)}" in engine.made("exec")
    assert not [call for call in engine.made("get") if call.endswith("/build/proxy")]


@pytest.mark.usefixtures("parts")
def test_labels_say_what_it_was_made_of(workshop: Workshop, wanted: Inputs, engine: FakeEngine) -> None:
    given = replace(wanted, source="a digest", kubernetes="v1.38.0-alpha.1+abc")
    image = assemble.assemble(workshop, given, GoModules("v1.38.0-alpha.1+abc"))
    assert image.tags == (given.tag,)
    assert (image.labels[labels.KIND], image.labels[labels.IMAGE_DIGEST]) == ("node-image", given.digest)
    facts = json.loads(image.labels[labels.FACTS])
    assert (facts["kubernetes"], facts["source"]) == ("v1.38.0-alpha.1+abc", "a digest")
    assert facts["made"] > 1_700_000_000
    assert engine.names == []


@pytest.mark.usefixtures("parts")
def test_tags_of_a_version_between_releases_are_those_that_its_kubeadm_asks_for(
    workshop: Workshop, wanted: Inputs, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = archives(engine, monkeypatch)
    assemble.assemble(workshop, replace(wanted, kubernetes="v1.38.0-alpha.1+abc"), GoModules("v1.38.0-alpha.1+abc"))
    assert "registry.k8s.io/kube-proxy:v1.38.0-alpha.1_abc" in tags(given["images.tar"])


@pytest.mark.usefixtures("parts")
def test_an_image_that_kubeadm_asks_for_and_that_is_not_there_is_an_error(workshop: Workshop, wanted: Inputs, engine: FakeEngine) -> None:
    engine.answer(["kubeadm", "config", "images", "list"], f"{ASKED}registry.k8s.io/other:1\n")
    with pytest.raises(ImageError, match=r"^the node image lacks registry\.k8s\.io/other:1, which its kubeadm asks for; it has "):
        assemble.assemble(workshop, wanted, GoModules("v1.37.1"))
    assert (engine.names, [one for one in engine.made("commit") if wanted.tag in one]) == ([], [])


@pytest.mark.usefixtures("parts")
def test_a_step_that_fails_leaves_nothing(workshop: Workshop, wanted: Inputs, engine: FakeEngine) -> None:
    engine.answer(["/kind/build/preload"], "no space left", code=1)
    with pytest.raises(CommandError, match=r"^the image's builder container: `/kind/build/preload .*` ended with 1:\nno space left$"):
        assemble.assemble(workshop, wanted, GoModules("v1.37.1"))
    assert engine.names == []


def test_etcd_and_coredns_are_those_that_the_source_asks_for(
    workshop: Workshop, wanted: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, str | None] = {}

    def build(_: Workshop, __: Inputs, module: go_modules.Module, label: str | None = None, version: str | None = None) -> Path:
        asked[module.name] = label or version
        return tmp_path

    source = tmp_path / "pause.c"
    source.write_text("int main(void) { return 0; }", encoding="utf-8")
    monkeypatch.setattr(go_modules, "build", build)
    monkeypatch.setattr(assemble, "_compile_pause", lambda *_: None)
    monkeypatch.setattr(GoModules, "components", lambda *_: {"etcd": "3.6.5-0", "coredns": "v1.12.1", "pause": "3.10"})
    monkeypatch.setattr(GoModules, "pause", lambda *_: source)
    assert assemble.build_parts(workshop, wanted, GoModules("v1.36.0")).kubernetes == tmp_path
    assert {name: asked[name] for name in ("etcd", "coredns", "cni", "kubernetes")} == {
        "etcd": "v3.6.5",
        "coredns": "v1.12.1",
        "cni": None,
        "kubernetes": None,
    }


class TestFromAnother:
    """An image that differs from one that is there in a few of Kubernetes' programs."""

    @pytest.fixture
    def first(self, workshop: Workshop, wanted: Inputs, parts: assemble.Parts) -> Image:
        return assemble.assemble(workshop, wanted, GoModules("v1.37.1"))

    def change(self, workshop: Workshop, wanted: Inputs, parts: assemble.Parts, *names: str) -> Image:
        for name in names:
            (parts.kubernetes / name).write_bytes(tarballs.program("amd64", b"another"))
        return assemble.assemble(workshop, replace(wanted, source=" ".join(names)), GoModules("v1.37.1"))

    @pytest.fixture
    def begun(self, first: Image, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[ContainerSpec]:
        """What builders are made from, from now on."""
        specs: list[ContainerSpec] = []
        create = engine.create

        def watched(spec: ContainerSpec) -> str:
            specs.append(spec)
            return create(spec)

        monkeypatch.setattr(engine, "create", watched)
        return specs

    def test_one_image_of_the_control_plane(
        self,
        workshop: Workshop,
        wanted: Inputs,
        engine: FakeEngine,
        parts: assemble.Parts,
        first: Image,
        begun: list[ContainerSpec],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        given, before = archives(engine, monkeypatch), len(engine.made("exec"))
        image = self.change(workshop, wanted, parts, "kube-apiserver")
        assert [spec.image for spec in begun] == [first.id]
        assert tags(given["images.tar"]) == ["registry.k8s.io/kube-apiserver:v1.37.1"]
        assert engine.made("exec")[before:] == [
            "/kind/build/preload /build /build/images.tar",
            "kubeadm config images list --kubernetes-version v1.37.1",
            "rm -rf /kind/build",
        ]
        facts = json.loads(image.labels[labels.FACTS])
        assert (facts["depth"], facts["source"], json.loads(first.labels[labels.FACTS])["depth"]) == (1, "kube-apiserver", 0)
        assert engine.names == []

    def test_a_program_of_the_node(
        self,
        workshop: Workshop,
        wanted: Inputs,
        engine: FakeEngine,
        parts: assemble.Parts,
        begun: list[ContainerSpec],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put: list[str] = []

        def watched(_: str, path: str, archive: io.BytesIO) -> None:
            with tarfile.open(fileobj=io.BytesIO(archive.read())) as tar:
                put.extend(f"{path}{one.name}" for one in tar if one.isfile())

        monkeypatch.setattr(engine, "put", watched)
        self.change(workshop, wanted, parts, "kubelet")
        assert [name for name in put if not name.startswith("/kind/build/")] == ["/usr/bin/kubelet"]
        assert engine.made("exec")[-3] == "/kind/build/preload /build"

    def test_kube_proxys_image_has_its_root_again(
        self,
        workshop: Workshop,
        wanted: Inputs,
        engine: FakeEngine,
        parts: assemble.Parts,
        begun: list[ContainerSpec],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        given = archives(engine, monkeypatch)
        self.change(workshop, wanted, parts, "kube-proxy")
        assert tags(given["images.tar"]) == ["registry.k8s.io/kube-proxy:v1.37.1"]
        assert "/kind/build/layers /build/proxy /build/busybox" in engine.made("exec")[-4]

    def test_one_with_everything_another_is_made_from_the_ground(
        self, workshop: Workshop, wanted: Inputs, parts: assemble.Parts, first: Image, begun: list[ContainerSpec]
    ) -> None:
        self.change(workshop, wanted, parts, *CONTROL_PLANE, "kubelet")
        assert first.id not in {spec.image for spec in begun}
        self.change(workshop, replace(wanted, kubernetes="v1.36.0"), parts, "kubelet")
        assert first.id not in {spec.image for spec in begun}
