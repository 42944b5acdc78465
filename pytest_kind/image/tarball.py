"""Kubernetes' server tarballs (``kubernetes-server-linux-<architecture>.tar.gz``), as its releases and ``make release`` have them."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import archive, debian, download, go_modules, suite_tarball

if TYPE_CHECKING:
    from pytest_kind.image.host import Host
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same tarball.
_UNPACKER = "1"
RELEASES = "https://dl.k8s.io/release"
_BIN = "kubernetes/server/bin/"
_PROGRAMS = ("kubeadm", "kubectl", "kubelet")
_IMAGES = tuple(f"kube-{name}.tar" for name in ("apiserver", "controller-manager", "proxy", "scheduler"))
_VERSION = "kubernetes/version"  # since v1.31
_TAG = f"{_BIN}kube-apiserver.docker_tag"
# e_machine of an ELF header.
_MACHINES = {62: "amd64", 183: "arm64", 21: "ppc64le", 22: "s390x"}
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTarball:
    """See :class:`~pytest_kind.image.source.Source`.

    Attributes:
        name: how it was asked for.
        file: where it lies or is fetched to, whole; asked for where its unpacked parts are no longer cached.
    """

    name: str
    kubernetes: str
    digest: str
    file: Callable[[], Path]

    @property
    def how(self) -> str:
        """See :class:`~pytest_kind.image.source.Source`."""
        return f"Kubernetes {self.kubernetes} is taken from {self.name}; etcd and CoreDNS are compiled, once (about 3 min on two cores)"

    def components(self, workshop: Workshop, inputs: Inputs) -> Mapping[str, str]:
        """Asks its kubeadm, in a container: it is a program for the engine's machine, not for this one."""
        provider = workshop.provider
        probe = provider.create(workshop.builder(debian.base_image(workshop, inputs), purpose="probe"))
        try:
            with archive.files_archive({"usr/bin/kubeadm": self.programs(workshop, inputs) / "kubeadm"}, workshop.scratch) as files:
                provider.put(probe, "/", files)
            provider.start(probe)
            argv = ["kubeadm", "config", "images", "list", "--kubernetes-version", self.kubernetes]
            result = provider.exec(probe, argv)
        finally:
            provider.remove(probe)
        if result.code:
            raise CommandError("the tarball's kubeadm", argv, result.code, result.output)
        tags = dict(line.rsplit("/", 1)[-1].rsplit(":", 1) for line in result.stdout.split() if ":" in line)
        try:
            return {name: tags[name] for name in ("etcd", "coredns", "pause")}
        except KeyError as error:
            raise ImageError(f"{self.name}: its kubeadm names no image of {error}; it names {result.stdout.split()}") from error

    def pause(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A server tarball has no source of it: that of the default Kubernetes."""
        return go_modules.kubernetes_source(workshop, replace(inputs, kubernetes=inputs.versions["kubernetes"]["version"])) / go_modules.PAUSE

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """Its programs and images, unpacked."""
        return _unpacked(workshop, self.name, self.digest, inputs.architecture, self.file)

    def suite(self, workshop: Workshop, inputs: Inputs, host: Host) -> Path:
        """From the test tarball that lies beside it, where there is one.

        Raises:
            NoSuite: there is none.
        """
        del inputs
        return suite_tarball.beside(workshop, self.name, self.digest, self.kubernetes, host)


def at_path(workshop: Workshop, path: Path, architecture: str) -> ServerTarball:
    """A file of this machine; its content is read again when size or time of the file change.

    Raises:
        SourceError: it is none, is damaged, or for another architecture.
    """
    stat = path.stat()
    facts = _Facts(workshop, f"{path} {stat.st_size} {stat.st_mtime_ns}")
    known = facts.read()
    if not known:
        with workshop.progress.step(f"reading {path}"), path.open("rb") as file:
            hashes = download.copied(file, lambda _: None, str(path), workshop.progress.tick)
        download.verify(hashes, str(path), lambda kind: _beside(path, kind), lambda _: None)
        known = facts.write(workshop, str(path), {"sha256": hashes["sha256"]}, architecture, lambda: path)
    return ServerTarball(name=str(path), kubernetes=known["version"], digest=known["sha256"], file=lambda: path)


def at_url(workshop: Workshop, url: str, architecture: str) -> ServerTarball:
    """A file of a server, which is asked each time whether it changed; where it cannot be asked, the known one is used.

    Raises:
        SourceError: it cannot be had, is none, is damaged, or for another architecture.
    """
    facts = _Facts(workshop, url)
    known, file = facts.read(), workshop.scratch / "server.tar.gz"
    try:
        fresh = download.fetch(workshop, url, file, known)
    except OSError as error:
        if not known:
            raise SourceError(f"--kind-source: {url}: {error}") from error
        workshop.progress.note(f"{url} cannot be asked whether it changed ({error}): Kubernetes {known['version']}, seen before, is used")
        fresh = None
    if fresh:
        known = facts.write(workshop, url, fresh, architecture, lambda: file)
        file.unlink()
    return ServerTarball(name=url, kubernetes=known["version"], digest=known["sha256"], file=lambda: _again(workshop, url, known["sha256"]))


def released(workshop: Workshop, version: str, architecture: str, releases: str = RELEASES) -> ServerTarball:
    """A release, which never changes: one that was seen is not asked for again.

    Raises:
        SourceError: there is none, it cannot be had, or is not what it should be.
    """
    url = f"{releases}/{version}/kubernetes-server-linux-{architecture}.tar.gz"
    known = _Facts(workshop, url).read()
    if not known:
        return at_url(workshop, url, architecture)
    return ServerTarball(name=url, kubernetes=known["version"], digest=known["sha256"], file=lambda: _again(workshop, url, known["sha256"]))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a tarball without reading it: in the cache, under the name that it was asked for by."""

    workshop: Workshop
    key: str

    def read(self) -> dict[str, str]:
        """Nothing where it was not seen yet."""
        try:
            return dict(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def write(self, workshop: Workshop, name: str, known: dict[str, str], architecture: str, file: Callable[[], Path]) -> dict[str, str]:
        """Unpacks it, which tells whether it is one and of which version."""
        part = _unpacked(workshop, name, known["sha256"], architecture, file)
        known = {**known, "version": (part / "version").read_text(encoding="utf-8")}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.workshop.scratch / self._file.name
        fresh.write_text(json.dumps({**known, "name": name}), encoding="utf-8")
        fresh.replace(self._file)
        return known

    @property
    def _file(self) -> Path:
        return self.workshop.cache / "tarballs" / f"{hashlib.sha256(self.key.encode()).hexdigest()[:16]}.json"


def _beside(path: Path, kind: str) -> str | None:
    file = path.with_name(f"{path.name}.{kind}")
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None


def _again(workshop: Workshop, url: str, wanted: str) -> Path:
    file = workshop.scratch / "server.tar.gz"
    try:
        fresh = download.fetch(workshop, url, file, {})
    except OSError as error:
        raise SourceError(f"--kind-source: {url}: {error}") from error
    if fresh is None or fresh["sha256"] != wanted:
        raise SourceError(f"--kind-source: {url}: it changed while it was used; start again")
    return file


def _unpacked(workshop: Workshop, name: str, digest: str, architecture: str, file: Callable[[], Path]) -> Path:
    key = hashlib.sha256(f"{_UNPACKER} {digest} {architecture}".encode()).hexdigest()[:16]
    return workshop.part("server", key, lambda target: _unpack(file(), name, architecture, target), 20)


def _unpack(file: Path, name: str, architecture: str, target: Path) -> None:
    """What a node needs of a server tarball, checked."""
    try:
        # Not as a stream ("r|"): that takes a compressed file which is cut off for one that has ended.
        with tarfile.open(file, "r:*") as tar:
            texts = _taken(tar, architecture, target)
    except _DAMAGED as error:
        raise SourceError(f"--kind-source: {name}: it is no server tarball, or not whole: {str(error) or type(error).__name__}") from error
    lacking = [one for one in (*_PROGRAMS, *_IMAGES) if not (target / one).exists()]
    if lacking:
        raise SourceError(f"--kind-source: {name}: it is no server tarball: it lacks {', '.join(f'{_BIN}{one}' for one in lacking)}")
    found = _machine(target / "kubeadm")
    if found != architecture:
        raise SourceError(f"--kind-source: {name}: its programs are for {found}, the engine's machine is {architecture}")
    # As kind does for tarballs older than the file: the tag has no `+`, which only versions between releases have.
    version = texts.get(_VERSION) or texts.get(_TAG, "").replace("_", "+")
    if not version:
        raise SourceError(f"--kind-source: {name}: it says no version: it has neither {_VERSION} nor {_TAG}")
    (target / "version").write_text(version, encoding="utf-8")


def _taken(tar: tarfile.TarFile, architecture: str, target: Path) -> dict[str, str]:
    """Unpacks programs and images and returns the texts that say the version."""
    texts: dict[str, str] = {}
    for entry in tar:
        path = entry.name.removeprefix("./")
        name, content = path.removeprefix(_BIN), tar.extractfile(entry) if entry.isreg() else None
        if content is None:
            continue
        if path in {_VERSION, _TAG}:
            texts[path] = content.read(256).decode(errors="replace").strip()
        elif path.startswith(_BIN) and name in _PROGRAMS:
            _write_program(content, target / name)
        elif path.startswith(_BIN) and name in _IMAGES:
            archive.retagged(content, target / name, lambda tag: _plain(tag, architecture))
    # The checksum of a compressed file is at its end.
    while tar.fileobj.read(1 << 20):
        pass
    return texts


def _write_program(content: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755)


def _plain(tag: str, architecture: str) -> str:
    """Releases name images with their architecture (``kube-apiserver-amd64:v1.37.1``), which kubeadm does not ask for."""
    repository, colon, version = tag.rpartition(":")
    return f"{repository.removesuffix(f'-{architecture}')}{colon}{version}"


def _machine(program: Path) -> str:
    with program.open("rb") as file:
        header = file.read(20)
    if not header.startswith(b"\x7fELF"):
        return "something that is not Linux"
    number = int.from_bytes(header[18:20], "big" if header[5] == 2 else "little")  # noqa: PLR2004 - EI_DATA, ELFDATA2MSB
    return _MACHINES.get(number, f"machine {number}")
