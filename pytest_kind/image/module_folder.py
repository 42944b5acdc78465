"""A folder of Kubernetes' Go module without a make of its own: what the module proxy serves, or an archive of it, with changes.

Go builds it in place of the published module, whose compiled packages its cache has: what costs time is what changed. Modules of
Kubernetes' staging folder that are not there are the published ones.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import ImageError, SourceError
from pytest_kind.image import checkout, go_modules
from pytest_kind.image.inputs import node_image_dir
from pytest_kind.image.source_folder import SourceFolder

if TYPE_CHECKING:
    from pytest_kind.image.host import Host
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same folder.
_MAKER = "1"
_MODULE = "k8s.io/kubernetes"
_GO_MOD = re.compile(rf"^module\s+{re.escape(_MODULE)}\s*$", re.MULTILINE)
_RELEASE = re.compile(r"v1\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?")
_NAMED = re.compile(rf"[@-]v?({_RELEASE.pattern[1:]})$")
_LEFT_OUT = {".git", "_output"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFolder(SourceFolder):
    """See :class:`~pytest_kind.image.source.Source`.

    Attributes:
        published: the release that it is made from, whose staging modules are used.
    """

    published: str

    @property
    def how(self) -> str:
        """See :class:`~pytest_kind.image.source.Source`."""
        return (
            f"Kubernetes {self.kubernetes} is compiled from {self.folder}, which has no make of its own, "
            "by Go alone (about 12 min on two cores the first time)"
        )

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """From the cache, or compiled: those alone that a change reaches.

        Raises:
            CommandError: Go refused.
            ImageError: the folder changed meanwhile.
        """
        return self._part(workshop, inputs, go_modules.KUBERNETES, "folder", inputs.architecture, 300)

    def suite(self, workshop: Workshop, inputs: Inputs, host: Host) -> Path:
        """``e2e.test`` for this machine; see ``programs``."""
        return self._part(workshop, inputs, replace(go_modules.E2E, system=host.system), "suite-folder", host.architecture, 120)

    def _part(self, workshop: Workshop, inputs: Inputs, module: go_modules.Module, what: str, architecture: str, usual: float) -> Path:
        label = f"{what}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"
        digest = inputs.digest_of(_MAKER, self.kubernetes, self.digest, module.system, architecture)

        earlier = sorted(workshop.cache.glob(f"parts/{label}-*"), key=lambda place: place.stat().st_mtime)

        def make(target: Path) -> None:
            for program in earlier[-1].iterdir() if earlier else ():
                os.link(program, target / program.name)  # Go leaves those that still fit, and puts new files in place of others
            work = self._work(workshop, inputs)
            stamp = go_modules.stamped(workshop, work, self.kubernetes, self.published)
            go_modules.compile_into(workshop, module, target, architecture, work=work, mode="mod", stamp=stamp)
            shutil.rmtree(work)
            if opened(workshop, self.folder) != self:
                raise ImageError(f"{self.folder}: it changed while it was built; start again")

        return workshop.part(label, digest, make, None if earlier else usual)

    def _work(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A module that needs this folder in place of the published one; nothing is written into the folder itself."""
        work = workshop.scratch / "go-folder"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        upstream = (self.folder / "go.mod").read_text(encoding="utf-8")
        own = {name: self.folder / "staging/src" / name for name in go_modules.staged(upstream)}
        there = {_MODULE: self.folder, **{name: path for name, path in own.items() if (path / "go.mod").is_file()}}
        text = go_modules.kubernetes_go_mod(upstream, self.published)
        for number, (name, path) in enumerate(there.items()):
            (work / f"{number}").symlink_to(path)  # go.mod takes no path with an @ in it
            text = re.sub(rf"^\t{re.escape(name)} => .*\n", "", text, flags=re.MULTILINE) + f"replace {name} => ./{number}\n"
        (work / "go.mod").write_text(text, encoding="utf-8")
        sums = [inputs.root / "go/kubernetes/go.sum", self.folder / "go.sum"]
        (work / "go.sum").write_text("".join(file.read_text(encoding="utf-8") for file in sums if file.is_file()), encoding="utf-8")
        return work


def is_one(folder: Path) -> bool:
    """Whether it is Kubernetes' module and has no make."""
    go_mod = folder / "go.mod"
    return not (folder / "Makefile").exists() and go_mod.is_file() and bool(_GO_MOD.search(go_mod.read_text(encoding="utf-8", errors="replace")))


def opened(workshop: Workshop, folder: Path) -> ModuleFolder:
    """A folder as it is now. Its version is what git says of it, else what its name ends with (``kubernetes@v1.37.1``).

    Raises:
        SourceError: it lacks files, or its version cannot be told.
    """
    for file in (go_modules.PAUSE, go_modules.CONSTANTS):
        if not (folder / file).is_file():
            raise SourceError(f"--kind-source: {folder}: it is no checkout of Kubernetes: {file} is missing")
    if (folder / ".git").exists():
        digest, version = checkout.state(folder), checkout.version(workshop, folder)
    else:
        found = _NAMED.search(folder.name)
        version, digest = f"v{found[1]}" if found else "", _sum(folder, f"{_MODULE}@v{found[1]}" if found else "")
        if version and not _is_published(version, digest):
            version = f"{version}-dirty"  # as Kubernetes' own build says it
    published = _RELEASE.match(version)
    if published is None:
        raise SourceError(
            f"--kind-source: {folder}: it has no version: it has no make, and neither git tells it nor its name; "
            "let the name end with it (kubernetes@v1.37.1), or `git init`, commit and tag it v1.37.1"
        )
    return ModuleFolder(folder=folder, kubernetes=version, digest=digest, published=published[0])


def _is_published(version: str, digest: str) -> bool:
    """Whether it is known to be as it was published: by the sums that are committed here."""
    sums = (node_image_dir() / "go/kubernetes/go.sum").read_text(encoding="utf-8")
    return f"{_MODULE} {version} {digest}\n" in sums


def _sum(folder: Path, prefix: str) -> str:
    """The checksum of a module's folder as go.sum has it (``h1:``, golang.org/x/mod/sumdb/dirhash)."""
    lines = hashlib.sha256()
    for name in sorted(_names(folder)):
        if (folder / name).is_file():  # no link to nowhere
            lines.update(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {prefix}/{name}\n".encode())
    return f"h1:{base64.b64encode(lines.digest()).decode()}"


def _names(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in files:
            yield (Path(place) / name).relative_to(folder).as_posix()
