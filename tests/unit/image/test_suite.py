"""The upstream specs of a node image: of exactly its version, from the same place. Nothing is compiled."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_kind import labels
from pytest_kind.errors import ImageError, SourceError, UsageError
from pytest_kind.image import go_modules, source, suite, tarball
from pytest_kind.image.host import Host, this_machine
from pytest_kind.image.inputs import Inputs, read_inputs
from pytest_kind.image.suite import suite_for
from pytest_kind.image.workshop import Workshop
from pytest_kind.progress import Progress
from support import tarballs
from support.checkouts import checkout
from support.engine import FakeEngine
from support.files_server import FilesServer, serving

HOST = Host("linux", "arm64")
SERVER = "kubernetes-server-linux-amd64.tar.gz"
TEST = "kubernetes-test-linux-arm64.tar.gz"


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled: each program, for which machine and of which version."""
    names: list[str] = []

    def compile_nothing(_: Workshop, inputs: Inputs, module: go_modules.Module, target: Path) -> None:
        for program in module.programs:
            names.append(f"{program.name} {module.system or 'linux'}/{inputs.architecture} {inputs.kubernetes}")
            (target / program.name).touch()

    monkeypatch.setattr(go_modules, "_compile", compile_nothing)
    return names


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Progress, "note", lambda _, text: said.append(text))
    return said


@pytest.fixture
def no_engine(workshop: Workshop) -> Workshop:
    """A workshop whose engine must not be asked."""
    return replace(workshop, provider=cast(Any, None))


def specs_tarball(target: Path, version: str = "v1.37.1", name: str = "kubernetes/test/bin/e2e.test") -> Path:
    return tarballs.write(target, {"kubernetes/LICENSES": b"...", name: b"\x7fELF " + version.encode(), "kubernetes/test/bin/ginkgo": b""})


class TestVersion:
    def test_the_default_and_a_version_are_compiled_for_this_machine_without_the_engine(self, no_engine: Workshop, compiled: list[str]) -> None:
        default = suite_for(no_engine, host=HOST)
        assert (default.binary.name, default.kubernetes) == ("e2e.test", read_inputs("amd64").kubernetes)
        suite_for(no_engine, kubernetes="v1.36.0", host=HOST)
        suite_for(no_engine, kubernetes="v1.36.0", host=Host("darwin", "arm64"))
        assert suite_for(no_engine, kubernetes="v1.36.0", host=HOST).kubernetes == "v1.36.0"
        assert compiled == ["e2e.test linux/arm64 v1.37.1", "e2e.test linux/arm64 v1.36.0", "e2e.test darwin/arm64 v1.36.0"]

    def test_what_is_none(self, no_engine: Workshop) -> None:
        with pytest.raises(UsageError, match=r"^--kind-version: '1\.37' is not accepted; accepted is the form v1\.37\.1, from v1\.31\.0 on$"):
            suite_for(no_engine, kubernetes="1.37")

    def test_this_machine_is_named_as_go_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for machine, name in (("x86_64", "amd64"), ("AARCH64", "arm64"), ("riscv64", "riscv64")):
            monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
            assert this_machine().architecture == name


class TestRelease:
    @pytest.fixture
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        (tmp_path / "served/v1.36.2").mkdir(parents=True)
        with serving(tmp_path / "served") as started:
            monkeypatch.setattr(tarball, "RELEASES", started.url)
            yield started

    @pytest.mark.parametrize(
        "place", [{"source": "release:v1.36.2"}, {"reference": "kindest/node:v1.36.2"}, {"reference": "kindest/node:v1.36.2@sha256:1"}]
    )
    def test_its_test_tarball_is_fetched_once_without_the_engine(
        self, no_engine: Workshop, server: FilesServer, compiled: list[str], place: dict[str, str]
    ) -> None:
        specs_tarball(server.folder / "v1.36.2" / TEST, "v1.36.2")
        for _ in range(2):
            found = suite_for(no_engine, host=HOST, **place)
        assert (found.kubernetes, found.binary.stat().st_mode & 0o777) == ("v1.36.2", 0o755)
        assert [path for path, status in server.answered if status == 200] == [f"/v1.36.2/{TEST}"]
        assert compiled == []
        assert not list(no_engine.scratch.glob("*.gz"))

    def test_without_one_it_is_compiled_and_that_is_said_once(
        self, no_engine: Workshop, server: FilesServer, compiled: list[str], notes: list[str]
    ) -> None:
        for _ in range(2):
            assert suite_for(no_engine, source="release:v1.36.2", host=HOST).kubernetes == "v1.36.2"
        assert compiled == ["e2e.test linux/arm64 v1.36.2"]
        assert notes == [
            (
                f"no test tarball of Kubernetes v1.36.2 ({server.url}/v1.36.2/{TEST}: the server answers 404 File not found): "
                "its specs are built from Go modules"
            )
        ]

    def test_without_a_server_too(self, no_engine: Workshop, compiled: list[str], notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tarball, "RELEASES", "http://127.0.0.1:9")
        suite_for(no_engine, source="release:v1.36.2", host=HOST)
        assert compiled == ["e2e.test linux/arm64 v1.36.2"]
        assert "Connection refused" in notes[0]

    @pytest.mark.parametrize(
        ("version", "name", "said"),
        [
            ("v1.36.1", "kubernetes/test/bin/e2e.test", "its e2e.test does not carry the version v1.36.2; it belongs to another build"),
            ("v1.36.2", "kubernetes/test/bin/other", "it is no test tarball: it lacks kubernetes/test/bin/e2e.test"),
        ],
    )
    def test_something_else_is_refused(self, no_engine: Workshop, server: FilesServer, version: str, name: str, said: str) -> None:
        specs_tarball(server.folder / "v1.36.2" / TEST, version, name)
        with pytest.raises(SourceError) as caught:
            suite_for(no_engine, source="release:v1.36.2", host=HOST)
        assert str(caught.value) == f"--kind-source: {server.url}/v1.36.2/{TEST}: {said}"
        assert not list(no_engine.cache.glob("parts/*"))

    def test_a_broken_one_is_refused(self, no_engine: Workshop, server: FilesServer) -> None:
        (server.folder / "v1.36.2" / TEST).write_bytes(b"no archive")
        with pytest.raises(SourceError, match=r": it is no test tarball, or not whole: "):
            suite_for(no_engine, source="release:v1.36.2", host=HOST)


class TestTarball:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tarballs.write(tmp_path / SERVER)

    def test_the_one_beside_a_path_and_again_when_it_changes(self, workshop: Workshop, file: Path, compiled: list[str]) -> None:
        beside = specs_tarball(file.with_name(TEST))
        found = suite_for(workshop, source=file, host=HOST)
        assert found.kubernetes == "v1.37.1"
        assert suite_for(workshop, source=file, host=HOST) == found
        os.utime(beside, ns=(1, 1))
        assert suite_for(workshop, source=file, host=HOST) != found
        assert compiled == []

    def test_the_one_beside_a_url(self, workshop: Workshop, file: Path) -> None:
        specs_tarball(file.with_name(TEST))
        with serving(file.parent) as server:
            found = suite_for(workshop, source=f"{server.url}/{SERVER}", host=HOST)
            assert [path for path, status in server.answered if status == 200] == [f"/{SERVER}", f"/{TEST}"]
        assert found.binary.read_bytes().endswith(b"v1.37.1")

    def test_a_release_without_one_is_compiled(self, workshop: Workshop, file: Path, compiled: list[str], notes: list[str]) -> None:
        assert suite_for(workshop, source=file, host=HOST).kubernetes == "v1.37.1"
        assert compiled == ["e2e.test linux/arm64 v1.37.1"]
        assert notes[-1] == f"no test tarball of Kubernetes v1.37.1 ({file.with_name(TEST)} is not there): its specs are built from Go modules"

    def test_a_build_between_releases_without_one_has_no_specs(self, workshop: Workshop, tmp_path: Path, compiled: list[str]) -> None:
        version = "v1.38.0-alpha.0.6+84c76d1142ea4d"
        file = tarballs.write(tmp_path / SERVER, tarballs.contents(version=version))
        with pytest.raises(SourceError) as caught:
            suite_for(workshop, source=file, host=HOST)
        assert str(caught.value) == (
            f"no specs of {file} (Kubernetes {version}) are to be had: {tmp_path / TEST} is not there; it is no release, so Go modules have "
            "none either: give its e2e.test with --kind-suite"
        )
        assert compiled == []


class TestCheckout:
    def test_its_own_make_makes_them_for_this_machine_when_something_changed(self, no_engine: Workshop, tmp_path: Path) -> None:
        folder = checkout(tmp_path / "kubernetes")
        found = suite_for(no_engine, source=folder, host=HOST)
        assert suite_for(no_engine, source=folder, host=HOST) == found
        record = folder / "_output/made"
        assert [line.split()[:2] for line in record.read_text(encoding="utf-8").splitlines()] == [["test/e2e/e2e.test", "linux/arm64"]]
        (folder / "code.go").write_text("two\n", encoding="utf-8")
        again = suite_for(no_engine, source=folder, host=HOST)
        assert again.kubernetes == "v1.37.1-dirty"
        assert again.binary.read_text(encoding="utf-8").endswith(" two\n")

    def test_one_that_makes_none(self, no_engine: Workshop, tmp_path: Path) -> None:
        folder = checkout(tmp_path / "kubernetes")
        (folder / "Makefile").write_text("all:\n\t@true\n", encoding="utf-8")
        with pytest.raises(ImageError, match=r"its make ended well, but .*/_output/local/bin/linux/arm64 lacks e2e\.test$"):
            suite_for(no_engine, source=folder, host=HOST)


class TestReference:
    def test_an_image_of_ours_says_its_version(
        self, workshop: Workshop, engine: FakeEngine, compiled: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tarball, "RELEASES", "http://127.0.0.1:9")
        engine.add_image("mine", {labels.FACTS: json.dumps({"kubernetes": "v1.36.4"})})
        assert suite_for(workshop, reference="mine", host=HOST).kubernetes == "v1.36.4"
        assert compiled == ["e2e.test linux/arm64 v1.36.4"]

    def test_another_has_it_in_a_file(self, workshop: Workshop, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tarball, "RELEASES", "http://127.0.0.1:9")
        engine.add_image("theirs")
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            entry = tarfile.TarInfo("version")
            entry.size = 7
            archive.addfile(entry, io.BytesIO(b"v1.35.1"))
        engine.offer("/kind/version", stream.getvalue())
        assert suite_for(workshop, reference="theirs", host=HOST).kubernetes == "v1.35.1"
        assert engine.names == []


class TestCompanions:
    def test_they_are_of_the_release_each_for_its_machine(self, workshop: Workshop, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(suite, "this_machine", lambda: Host("darwin", "arm64"))
        found = suite.companions(workshop, "v1.37.1-3+0123456789abcd-dirty")
        assert compiled == ["ginkgo darwin/arm64 v1.37.1", "agnhost linux/amd64 v1.37.1"]
        assert {name: path.name for name, path in found.items()} == {"ginkgo": "ginkgo", "agnhost": "agnhost"}

    def test_a_version_of_no_release(self) -> None:
        with pytest.raises(SourceError, match=r"^Kubernetes latest: it does not begin with a release such as v1\.37\.1$"):
            source.release_of("latest")
