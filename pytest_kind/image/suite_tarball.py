"""Kubernetes' test tarballs (``kubernetes-test-<system>-<architecture>.tar.gz``), which lie beside the server tarballs: ``e2e.test`` of them."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import SourceError
from pytest_kind.image import download

if TYPE_CHECKING:
    from pytest_kind.image.host import Host
    from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same tarball.
_UNPACKER = "1"
_PROGRAM = "kubernetes/test/bin/e2e.test"
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)


class NoSuite(SourceError):
    """No test tarball is to be had there."""


def beside(workshop: Workshop, server: str, digest: str, kubernetes: str, host: Host) -> Path:
    """A folder with ``e2e.test``, from the test tarball beside a server tarball.

    Args:
        server: path or URL of the server tarball.
        digest: over it: what lies beside it belongs to it.
        kubernetes: the version that the specs must be of.

    Raises:
        NoSuite: none lies there, or no server answers.
        SourceError: it is damaged, is something else, or of another version.
    """
    place, slash, _ = server.rpartition("/")
    name = f"{place}{slash}kubernetes-test-{host.system}-{host.architecture}.tar.gz"
    remote = server.startswith(("http://", "https://"))
    if not remote and not Path(name).is_file():
        raise NoSuite(f"{name} is not there")
    stamp = "" if remote else f"{Path(name).stat().st_size} {Path(name).stat().st_mtime_ns}"
    key = hashlib.sha256(f"{_UNPACKER} {name} {digest} {kubernetes} {stamp}".encode()).hexdigest()[:16]

    def make(target: Path) -> None:
        file = _fetched(workshop, name) if remote else Path(name)
        try:
            _unpack(file, name, kubernetes, target)
        finally:
            if remote:
                file.unlink()

    return workshop.part("test-tarball", key, make, 60)


def _fetched(workshop: Workshop, url: str) -> Path:
    file = workshop.scratch / "test.tar.gz"
    try:
        download.fetch(workshop, url, file, {})
    except download.NotThere as error:
        raise NoSuite(str(error).removeprefix("--kind-source: ")) from error
    except OSError as error:
        raise NoSuite(f"{url}: {error}") from error
    return file


def _unpack(file: Path, name: str, kubernetes: str, target: Path) -> None:
    program = target / "e2e.test"
    try:
        with tarfile.open(file, "r:*") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.name.removeprefix("./") == _PROGRAM else None
                if content is not None:
                    with program.open("wb") as out:
                        shutil.copyfileobj(content, out)
                    break  # the rest are other programs
    except _DAMAGED as error:
        raise SourceError(f"--kind-source: {name}: it is no test tarball, or not whole: {str(error) or type(error).__name__}") from error
    if not program.exists():
        raise SourceError(f"--kind-source: {name}: it is no test tarball: it lacks {_PROGRAM}")
    if kubernetes.encode() not in program.read_bytes():
        raise SourceError(f"--kind-source: {name}: its e2e.test does not carry the version {kubernetes}; it belongs to another build")
    program.chmod(0o755)
