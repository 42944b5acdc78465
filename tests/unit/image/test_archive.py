"""Images and files as tar archives."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from pytest_kind.image import archive
from pytest_kind.image.archive import ImagePlan


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o700)
    return path


def entries(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {entry.name: entry for entry in tar}


class TestLayer:
    def test_programs_are_roots_and_executable_and_their_folders_come_first(self, tmp_path: Path, program: Path) -> None:
        found = entries(archive.write_layer(tmp_path / "layer.tar", {"usr/local/bin/b": program, "usr/local/bin/a": program}))
        assert list(found) == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/a", "usr/local/bin/b"]
        assert {(one.uid, one.gid, one.uname, one.gname, f"{one.mode:o}", one.mtime) for one in found.values()} == {(0, 0, "root", "root", "755", 0)}
        assert found["usr/local/bin/a"].size == 4

    def test_the_same_files_make_the_same_bytes(self, tmp_path: Path, program: Path) -> None:
        first = archive.write_layer(tmp_path / "1.tar", {"a": program, "b": program}).read_bytes()
        program.touch()
        program.chmod(0o755)
        assert archive.write_layer(tmp_path / "2.tar", {"b": program, "a": program}).read_bytes() == first

    def test_a_capability_is_an_attribute_of_its_file_alone(self, tmp_path: Path, program: Path) -> None:
        found = entries(archive.write_layer(tmp_path / "layer.tar", {"a": program, "b": program}, {"b": archive.CAP_NET_BIND_SERVICE}))
        assert found["a"].pax_headers == {}
        value = found["b"].pax_headers["SCHILY.xattr.security.capability"].encode()
        # struct vfs_cap_data, revision 2: effective; permitted 1 << 10 (CAP_NET_BIND_SERVICE); nothing inheritable.
        assert value == bytes.fromhex("01000002 00040000 00000000 00000000 00000000")


class TestRebasedLayer:
    @pytest.fixture
    def source(self) -> io.BytesIO:
        """``docker cp`` of a folder."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, kind, target in (
                ("proxy/", tarfile.DIRTYPE, ""),
                ("proxy/bin/", tarfile.DIRTYPE, ""),
                ("proxy/bin/busybox", tarfile.REGTYPE, ""),
                ("proxy/bin/sh", tarfile.LNKTYPE, "proxy/bin/busybox"),
                ("proxy/bin/ash", tarfile.SYMTYPE, "busybox"),
            ):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname, entry.mtime, entry.mode = kind, target, 1234567, 0o755
                entry.pax_headers = {"comment": "made here"}
                content = b"#!" if kind == tarfile.REGTYPE else b""
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        stream.seek(0)
        return stream

    def test_what_was_below_the_folder_is_below_the_root(self, tmp_path: Path, source: io.BytesIO) -> None:
        layer = archive.rebase_layer(source, "proxy", tmp_path / "layer.tar")
        assert list(entries(layer)) == ["bin", "bin/busybox", "bin/sh", "bin/ash"]
        with tarfile.open(layer) as tar:
            content = tar.extractfile("bin/busybox")
            assert content is not None
            assert content.read() == b"#!"

    def test_links_lead_to_where_they_led(self, tmp_path: Path, source: io.BytesIO) -> None:
        found = entries(archive.rebase_layer(source, "proxy", tmp_path / "layer.tar"))
        assert (found["bin/sh"].islnk(), found["bin/sh"].linkname) == (True, "bin/busybox")
        assert (found["bin/ash"].issym(), found["bin/ash"].linkname) == (True, "busybox")

    def test_neither_times_nor_headers_of_the_machine_stay(self, tmp_path: Path, source: io.BytesIO) -> None:
        found = entries(archive.rebase_layer(source, "proxy", tmp_path / "layer.tar")).values()
        assert {(one.mtime, bool(one.pax_headers)) for one in found} == {(0, False)}


class TestImages:
    @pytest.fixture
    def layers(self, tmp_path: Path, program: Path) -> list[Path]:
        return [archive.write_layer(tmp_path / f"{name}.tar", {name: program}) for name in ("base", "top")]

    def read(self, path: Path) -> tuple[list[str], list[dict[str, object]], dict[str, bytes]]:
        with tarfile.open(path) as tar:
            files = {}
            for entry in tar:
                content = tar.extractfile(entry)
                assert content is not None
                files[entry.name] = content.read()
        return list(files), json.loads(files["manifest.json"]), files

    def test_the_manifest_names_config_and_layers_by_their_content(self, tmp_path: Path, layers: list[Path]) -> None:
        plan = ImagePlan(tag="localhost/a:1", layers=layers, entrypoint=["/a"], user="1:2", environment={"P": "q"})
        _, (image,), files = self.read(archive.write_images(tmp_path / "images.tar", "arm64", [plan]))
        digests = [hashlib.sha256(layer.read_bytes()).hexdigest() for layer in layers]
        assert image["RepoTags"] == ["localhost/a:1"]
        assert image["Layers"] == [f"{digest}.tar" for digest in digests]
        assert [files[f"{digest}.tar"] for digest in digests] == [layer.read_bytes() for layer in layers]
        config = files[str(image["Config"])]
        assert image["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
        found = json.loads(config)
        assert (found["architecture"], found["os"], found["created"]) == ("arm64", "linux", "1970-01-01T00:00:00Z")
        assert found["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}
        assert len(found["history"]) == 2
        assert {key: found["config"][key] for key in ("Entrypoint", "Cmd", "Env", "User", "WorkingDir")} == {
            "Entrypoint": ["/a"],
            "Cmd": None,
            "Env": ["P=q"],
            "User": "1:2",
            "WorkingDir": "/",
        }

    def test_a_shared_layer_is_written_once(self, tmp_path: Path, layers: list[Path]) -> None:
        plans = [ImagePlan(tag="a:1", layers=layers[:1]), ImagePlan(tag="b:1", layers=layers, command=["sh"])]
        names, images, files = self.read(archive.write_images(tmp_path / "images.tar", "amd64", plans))
        assert len(names) == len(set(names)) == 5
        assert [image["RepoTags"] for image in images] == [["a:1"], ["b:1"]]
        assert [json.loads(files[str(image["Config"])])["config"]["Cmd"] for image in images] == [None, ["sh"]]

    def test_the_same_plans_make_the_same_bytes(self, tmp_path: Path, layers: list[Path]) -> None:
        plans = [ImagePlan(tag="a:1", layers=layers)]
        first = archive.write_images(tmp_path / "1.tar", "amd64", plans).read_bytes()
        assert archive.write_images(tmp_path / "2.tar", "amd64", plans).read_bytes() == first


class TestFiles:
    def test_a_text_a_folder_and_a_file(self, program: Path, tmp_path: Path) -> None:
        with archive.files_archive({"etc/a": b"text", "etc/dir/": b"", "bin/p": program}, tmp_path) as stream, tarfile.open(fileobj=stream) as tar:
            found = [(one.name, one.type, f"{one.mode:o}", one.size) for one in tar]
        assert found == [
            ("etc/a", tarfile.REGTYPE, "644", 4),
            ("etc/dir", tarfile.DIRTYPE, "755", 0),
            ("bin/p", tarfile.REGTYPE, "700", 4),
        ]

    def test_one_mode_for_all(self, program: Path, tmp_path: Path) -> None:
        with archive.files_archive({"a": b"", "b/": b"", "c": program}, tmp_path, mode=0o500) as stream, tarfile.open(fileobj=stream) as tar:
            assert {f"{one.mode:o}" for one in tar} == {"500"}

    def test_texts_with_their_modes(self) -> None:
        with archive.texts_archive({"a": (b"one", 0o600), "b": (b"two", 0o755)}) as stream, tarfile.open(fileobj=stream) as tar:
            assert [(one.name, f"{one.mode:o}", one.uname) for one in tar] == [("a", "600", "root"), ("b", "755", "root")]
