"""What a node image is made of, and the digest over it: pure, a few milliseconds, no network."""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_kind.errors import ImageError

# The Python that puts an image together decides what it is as much as the files that it puts together. An image is put
# together in a minute; what takes longer, compiled parts and the base layer, has digests of its own, with a number in each
# module that is raised when it makes something else of the same sources.
_ASSEMBLERS = (
    *("assemble.py", "archive.py", "checkout.py", "debian.py", "derived.py", "go_modules.py", "module_folder.py", "source.py", "source_folder.py"),
    "tarball.py",
)
# The standard library's tokenizer takes a hundred times as long.
_STRING_OR_COMMENT = re.compile(
    r"""(?P<string>\"{3}(?:[^"\\]|\\.|"(?!""))*"{3}|'{3}(?:[^'\\]|\\.|'(?!''))*'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\#[^\n]*""", re.DOTALL
)


def node_image_dir() -> Path:
    """``node-image/``: inside an installed package, or beside a checkout's.

    Raises:
        ImageError: neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for place in (package / "_node_image", package.parent / "node-image"):
        if (place / "versions.toml").is_file():
            return place
    raise ImageError(f"the files of the node image are missing from the installation at {package}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that decides what an image is.

    Attributes:
        root: the folder ``node-image/``.
        versions: ``versions.toml``.
        kubernetes: such as ``v1.37.1``.
        architecture: in Go's words.
        source: the digest of what Kubernetes comes from, where its version alone does not say it.
    """

    root: Path
    versions: dict[str, Any]
    kubernetes: str
    architecture: str
    source: str = ""

    @property
    def pinned(self) -> bool:
        """Whether go.sum files for exactly this Kubernetes are committed."""
        return bool(self.kubernetes == self.versions["kubernetes"]["version"])

    @property
    def packages(self) -> list[str]:
        """Debian packages of the base layer."""
        return _lines(self.root / "packages.txt")

    @property
    def masked_units(self) -> list[str]:
        """Systemd units that are switched off."""
        return _lines(self.root / "masked-units.txt")

    def digest_of(self, *parts: str | Path) -> str:
        """A digest over texts, files and folders (names, modes and contents)."""
        digest = hashlib.sha256(f"{self.architecture}\n".encode())
        for part in parts:
            if isinstance(part, str):
                digest.update(f"{len(part)} {part}\n".encode())
                continue
            for file in _files(part):
                content = file.read_bytes()
                mode = "x" if file.stat().st_mode & 0o100 else "-"
                digest.update(f"{file.relative_to(self.root)} {mode} {len(content)}\n".encode())
                digest.update(content)
        return digest.hexdigest()[:16]

    @property
    def digest(self) -> str:
        """Over everything."""
        here = Path(__file__).parent
        return self.digest_of(self.kubernetes, self.source, *(_code(here / name) for name in _ASSEMBLERS), self.root)

    @property
    def image_version(self) -> str:
        """The version as tags have it: those have no ``+`` (Kubernetes' own build writes it so, and its kubeadm asks for it)."""
        return self.kubernetes.replace("+", "_")

    @property
    def tag(self) -> str:
        """Where an image of these inputs is found."""
        return f"pytest-kind/node:{self.image_version}-{self.digest}"


def read_inputs(architecture: str, kubernetes: str | None = None, source: str = "") -> Inputs:
    """The inputs as they lie on disk.

    Args:
        architecture: the engine's, in Go's words.
        kubernetes: a version, or the pinned default.
        source: the digest of what Kubernetes comes from; its Go modules have none.
    """
    root = node_image_dir()
    versions = tomllib.loads((root / "versions.toml").read_text(encoding="utf-8"))
    kubernetes = kubernetes or versions["kubernetes"]["version"]
    return Inputs(root=root, versions=versions, kubernetes=kubernetes, architecture=architecture, source=source)


def _code(file: Path) -> str:
    """A module's text without its comments and empty lines: what they say changes no image."""
    return _uncommented(file.read_text(encoding="utf-8"))


@functools.cache  # a digest is asked for several times over
def _uncommented(text: str) -> str:
    lines = _STRING_OR_COMMENT.sub(lambda found: found["string"] or "", text).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]


def _files(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return sorted(file for file in place.rglob("*") if file.is_file())
