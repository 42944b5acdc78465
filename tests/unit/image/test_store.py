"""Which node image a run gets, in the order in which they are looked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.errors import ImageError, NotFound, UnknownImage, UsageError
from pytest_kind.image import store
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.image.source import Source
from pytest_kind.image.workshop import Workshop
from pytest_kind.progress import Progress
from pytest_kind.provision.provider import Image
from support import tarballs
from support.engine import FakeEngine


@pytest.fixture
def wanted() -> Inputs:
    return read_inputs("amd64")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> list[str]:
    """The tags that were compiled: a dozen minutes of work each, so that this alone is not done."""
    tags: list[str] = []

    def assemble(_: Workshop, wanted: Inputs, source: Source) -> Image:
        assert source.kubernetes == wanted.kubernetes
        tags.append(wanted.tag)
        return engine.add_node_image(wanted.kubernetes, wanted.source)

    monkeypatch.setattr("pytest_kind.image.assemble.assemble", assemble)
    return tags


class TestOwnImage:
    def test_a_cached_one_is_used_as_it_is(self, workshop: Workshop, engine: FakeEngine, wanted: Inputs, compiled: list[str]) -> None:
        image = engine.add_node_image()
        assert store.resolve(workshop) == store.NodeImage(reference=wanted.tag, id=image.id, digest=wanted.digest, kubernetes=wanted.kubernetes)
        assert engine.made("pull") == []
        assert compiled == []

    def test_one_that_somebody_built_upon_it_is_another_one(
        self, workshop: Workshop, engine: FakeEngine, wanted: Inputs, compiled: list[str]
    ) -> None:
        engine.add_image("somebodys/node:1", {key: value or "" for key, value in store.cached_labels(wanted).items()})
        store.resolve(workshop)
        assert compiled == [wanted.tag]

    def test_kinds_published_one_comes_before_compiling(self, workshop: Workshop, engine: FakeEngine, wanted: Inputs, compiled: list[str]) -> None:
        published = f"kindest/node:{wanted.kubernetes}"
        engine.add_to_registry(published)
        found = store.resolve(workshop)
        image = engine.image(published)
        assert image is not None
        assert found == store.NodeImage(reference=published, id=image.id, digest=image.id, kubernetes=wanted.kubernetes)
        assert engine.made("pull") == [published]
        assert compiled == []

    def test_kinds_that_the_engine_has_is_not_pulled(self, workshop: Workshop, engine: FakeEngine, wanted: Inputs, compiled: list[str]) -> None:
        image = engine.add_image(f"kindest/node:{wanted.kubernetes}")
        assert store.resolve(workshop).id == image.id
        assert engine.made("pull") == []
        assert compiled == []

    def test_where_no_registry_answers_it_is_compiled_and_that_is_said(
        self, workshop: Workshop, wanted: Inputs, compiled: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        notes: list[str] = []
        monkeypatch.setattr(Progress, "note", lambda _, text: notes.append(text))
        assert store.resolve(workshop).digest == wanted.digest
        assert compiled == [wanted.tag]
        assert notes[0].startswith(f"no registry gives kindest/node:{wanted.kubernetes} (")
        assert notes[1].startswith(f"Kubernetes {wanted.kubernetes} is compiled from its Go modules, once ")

    def test_what_another_process_made_meanwhile_is_used(
        self, workshop: Workshop, engine: FakeEngine, compiled: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked = store.cached

        def comes_after_the_first_look(workshop: Workshop, wanted: Inputs) -> store.NodeImage | None:
            found = looked(workshop, wanted)
            engine.add_node_image()
            return found

        monkeypatch.setattr(store, "cached", comes_after_the_first_look)
        store.resolve(workshop)
        assert compiled == []
        assert engine.made("pull") == []

    def test_another_version_is_another_image(self, workshop: Workshop, engine: FakeEngine, compiled: list[str]) -> None:
        engine.add_node_image()
        found = store.resolve(workshop, kubernetes="v1.36.0")
        assert found.kubernetes == "v1.36.0"
        assert compiled == [read_inputs("amd64", "v1.36.0").tag]

    @pytest.mark.parametrize("version", ["v1.37.1", "v1.37.0-rc.1", "v1.37.0-alpha.12"])
    @pytest.mark.usefixtures("compiled")
    def test_versions_that_are_accepted(self, workshop: Workshop, version: str) -> None:
        assert store.resolve(workshop, kubernetes=version).kubernetes == version

    @pytest.mark.parametrize("version", ["1.37.1", "v1.37", "v2.0.0", "latest", "", "v1.37.1+k3s1", "v1.30.9"])
    def test_what_is_no_version_is_refused(self, workshop: Workshop, version: str) -> None:
        with pytest.raises(UsageError) as caught:
            store.resolve(workshop, kubernetes=version)
        assert str(caught.value) == f"--kind-version: {version!r} is not accepted; accepted is the form v1.37.1, from v1.31.0 on"


class TestGivenImage:
    def test_one_in_the_engine_is_not_pulled(self, workshop: Workshop, engine: FakeEngine) -> None:
        image = engine.add_image("localhost/node:1")
        assert store.resolve(workshop, reference="localhost/node:1") == store.NodeImage(
            reference="localhost/node:1", id=image.id, digest=image.id, kubernetes=None
        )
        assert engine.made("pull") == []

    def test_it_wins_over_a_version(self, workshop: Workshop, engine: FakeEngine) -> None:
        engine.add_image("localhost/node:1")
        assert store.resolve(workshop, reference="localhost/node:1", kubernetes="nonsense").reference == "localhost/node:1"

    def test_one_of_ours_keeps_its_digest_and_version(self, workshop: Workshop, engine: FakeEngine, wanted: Inputs) -> None:
        engine.add_node_image()
        found = store.resolve(workshop, reference=wanted.tag)
        assert (found.digest, found.kubernetes) == (wanted.digest, wanted.kubernetes)

    def test_one_that_was_built_upon_one_of_ours_is_another(self, workshop: Workshop, engine: FakeEngine, wanted: Inputs) -> None:
        image = engine.add_image("localhost/node:1", engine.add_node_image().labels)
        found = store.resolve(workshop, reference="localhost/node:1")
        assert (found.digest, found.kubernetes) == (image.id, wanted.kubernetes)

    def test_one_whose_labels_are_empty_is_anybodys(self, workshop: Workshop, engine: FakeEngine) -> None:
        image = engine.add_image("localhost/node:1", {labels.FACTS: "", labels.IMAGE_DIGEST: "", labels.KIND: ""})
        assert store.resolve(workshop, reference="localhost/node:1") == store.NodeImage(
            reference="localhost/node:1", id=image.id, digest=image.id, kubernetes=None
        )

    def test_another_one_is_pulled(self, workshop: Workshop, engine: FakeEngine) -> None:
        engine.add_to_registry("kindest/node:v1.30.0")
        assert store.resolve(workshop, reference="kindest/node:v1.30.0").kubernetes is None
        assert engine.made("pull") == ["kindest/node:v1.30.0"]

    def test_one_that_nobody_has_is_unknown(self, workshop: Workshop) -> None:
        with pytest.raises(UnknownImage) as caught:
            store.resolve(workshop, reference="nobody/has:it")
        assert str(caught.value) == (
            "--kind-image: nobody/has:it is not in the engine and cannot be pulled: pulling nobody/has:it: no registry answers"
        )
        assert isinstance(caught.value.__cause__, NotFound)

    @pytest.mark.parametrize("entrypoint", [(), ("sh",), ("/entrypoint.sh",)])
    def test_one_that_is_no_node_image_is_refused(self, workshop: Workshop, engine: FakeEngine, entrypoint: tuple[str, ...]) -> None:
        engine.add_image("busybox", entrypoint=entrypoint)
        with pytest.raises(UnknownImage) as caught:
            store.resolve(workshop, reference="busybox")
        assert str(caught.value) == f"--kind-image: busybox is no node image: its entrypoint is {list(entrypoint)}, not kind's"

    def test_one_whose_label_is_broken_is_an_image_error(self, workshop: Workshop, engine: FakeEngine) -> None:
        engine.add_image("localhost/node:1", {labels.FACTS: "{"})
        with pytest.raises(ImageError, match=r"^image localhost/node:1: its label io\.pytest-kind\.facts cannot be read: "):
            store.resolve(workshop, reference="localhost/node:1")


class TestSource:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tarballs.write(tmp_path / "server.tar.gz")

    def test_an_image_is_made_of_it_once(self, workshop: Workshop, engine: FakeEngine, file: Path, compiled: list[str]) -> None:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        wanted = read_inputs("amd64", "v1.37.1", digest)
        for _ in range(2):
            found = store.resolve(workshop, source=file)
            assert (found.reference, found.digest, found.kubernetes) == (wanted.tag, wanted.digest, "v1.37.1")
        assert compiled == [wanted.tag]
        assert engine.made("pull") == []

    def test_neither_the_default_image_nor_kinds_stands_for_it(
        self, workshop: Workshop, engine: FakeEngine, file: Path, wanted: Inputs, compiled: list[str]
    ) -> None:
        engine.add_node_image()
        engine.add_image(f"kindest/node:{wanted.kubernetes}")
        assert store.resolve(workshop, source=file).digest != wanted.digest
        assert len(compiled) == 1

    def test_how_it_is_made_is_said(self, workshop: Workshop, file: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        notes: list[str] = []
        monkeypatch.setattr(Progress, "note", lambda _, text: notes.append(text))
        store.resolve(workshop, source=file)
        assert notes == [f"Kubernetes v1.37.1 is taken from {file}; etcd and CoreDNS are compiled, once (about 3 min on two cores)"]
        assert len(compiled) == 1

    @pytest.mark.parametrize(("other", "said"), [({"reference": "a:1"}, "--kind-image=a:1"), ({"kubernetes": "v1.36.0"}, "--kind-version=v1.36.0")])
    def test_beside_another_it_is_refused(self, workshop: Workshop, other: dict[str, str], said: str) -> None:
        with pytest.raises(UsageError) as caught:
            store.resolve(workshop, source="release:v1.37.1", **other)
        assert str(caught.value) == (f"--kind-source=release:v1.37.1: given together with {said}; only one of them can say what is in the node image")
