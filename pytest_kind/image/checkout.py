"""A checkout of Kubernetes, built by its own make: only what a node needs, and only when something changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import go_modules
from pytest_kind.image.workshop import need

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same checkout.
_MAKER = "1"
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet")
# Kubernetes' build reads these (its hack/lib/golang.sh).
_VARIABLES = ("DBG", "GOEXPERIMENT", "GOFLAGS", "GOGCFLAGS", "GOLDFLAGS", "GOTOOLCHAIN", "KUBE_CGO_OVERRIDES", "KUBE_GIT_VERSION_FILE", "KUBE_RACE")
_GIT_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """See :class:`~pytest_kind.image.source.Source`."""

    folder: Path
    kubernetes: str
    digest: str

    @property
    def how(self) -> str:
        """See :class:`~pytest_kind.image.source.Source`."""
        return f"Kubernetes {self.kubernetes} is made in {self.folder} by its own make (about 12 min on two cores the first time)"

    def components(self, workshop: Workshop, inputs: Inputs) -> Mapping[str, str]:
        """From kubeadm's source."""
        del workshop, inputs
        return go_modules.kubeadm_constants(self.folder)

    def pause(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A file of the checkout."""
        del workshop, inputs
        return self.folder / go_modules.PAUSE

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """From the cache, or made.

        Raises:
            CommandError: its make failed.
            ImageError: the checkout changed meanwhile, or the build carries another version.
        """
        digest = inputs.digest_of(_MAKER, self.kubernetes, self.digest)
        return workshop.part("checkout", digest, lambda target: self._make(workshop, inputs.architecture, target), 600)

    def _make(self, workshop: Workshop, architecture: str, target: Path) -> None:
        make, go = need("make", "`apt-get install make`"), go_modules.go_program()
        environment = {
            "KUBE_BUILD_PLATFORMS": f"linux/{architecture}",
            # The kubelet alone is linked to the build machine's libraries by default; the node has other ones.
            "KUBE_STATIC_OVERRIDES": "kubelet",
            "PATH": f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "MAKEFLAGS": "",  # of a make that runs the tests
        }
        targets = " ".join(f"cmd/{program}" for program in _PROGRAMS)
        with workshop.locked(f"checkout-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}", f"in {self.folder}"):
            workshop.run([make, "all", f"WHAT={targets}"], cwd=self.folder, env=environment)
            made = self.folder / "_output" / os.environ.get("KUBE_OUTPUT_SUBPATH", "local") / "bin/linux" / architecture
            lacking = [program for program in _PROGRAMS if not (made / program).is_file()]
            if lacking:
                raise ImageError(f"{self.folder}: its make ended well, but {made} lacks {', '.join(lacking)}")
            for program in _PROGRAMS:
                shutil.copy2(made / program, target / program)
        if opened(workshop, self.folder) != self:
            raise ImageError(f"{self.folder}: it changed while it was built; start again")
        if self.kubernetes.encode() not in (target / "kubeadm").read_bytes():
            raise ImageError(f"{self.folder}: its make built a kubeadm that does not carry the version {self.kubernetes}; start again")


def opened(workshop: Workshop, folder: Path) -> Checkout:
    """A checkout as it is now: its commit, what differs from it, and the files that git does not know but would add.

    Raises:
        SourceError: the folder is none, or its version cannot be told.
    """
    status = folder / "hack/print-workspace-status.sh"
    for file in ("Makefile", go_modules.PAUSE, go_modules.CONSTANTS, status.relative_to(folder)):
        if not (folder / file).is_file():
            raise SourceError(f"--kind-source: {folder}: it is no checkout of Kubernetes: {file} is missing")
    digest = hashlib.sha256()
    digest.update(_git(folder, "rev-parse", "HEAD^{commit}"))
    digest.update(_git(folder, "diff", "--binary", "--no-ext-diff", "--no-color", "HEAD"))
    for name in sorted(_git(folder, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")):
        if name:
            digest.update(name + b"\0" + _content(folder / os.fsdecode(name)))
    digest.update("\n".join(f"{name}={os.environ.get(name, '')}" for name in _VARIABLES).encode())
    # What Kubernetes' own build takes for its version: `git describe`, as a semantic version.
    said = workshop.run([str(status)], cwd=folder)
    version = next((line.partition(" ")[2].strip() for line in said.splitlines() if line.startswith("gitVersion ")), "")
    if not version:
        raise SourceError(
            f"--kind-source: {folder}: it has no version: no tag like v1.37.0 is in its history; `git fetch --tags` (and no shallow clone)"
        )
    return Checkout(folder=folder, kubernetes=version, digest=digest.hexdigest())


def _content(file: Path) -> bytes:
    if file.is_symlink():
        return os.fsencode(file.readlink())
    if not file.is_file():
        return b""  # a repository inside of this one
    content = file.read_bytes()
    return f"{file.stat().st_mode & 0o100} {len(content)} ".encode() + content


def _git(folder: Path, *arguments: str) -> bytes:
    # Without a lock: whoever works in the checkout at the same time is not to be disturbed.
    argv = [need("git", "`apt-get install git`"), "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, check=False, timeout=_GIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CommandError("this machine", argv, 124, f"not within {_GIT_SECONDS} s") from error
    if done.returncode:
        raise SourceError(f"--kind-source: {folder}: {CommandError('this machine', argv, done.returncode, done.stderr.decode(errors='replace'))}")
    return done.stdout
