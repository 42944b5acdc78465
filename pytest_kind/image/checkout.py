"""A checkout of Kubernetes, built by its own make: only what a node needs, and only when something changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, ImageError, SourceError
from pytest_kind.image import go_modules
from pytest_kind.image.source_folder import SourceFolder
from pytest_kind.image.workshop import need

if TYPE_CHECKING:
    from pytest_kind.image.host import Host
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same checkout.
_MAKER = "1"
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet")
# Kubernetes' build reads these (its hack/lib/golang.sh).
_VARIABLES = ("DBG", "GOEXPERIMENT", "GOFLAGS", "GOGCFLAGS", "GOLDFLAGS", "GOTOOLCHAIN", "KUBE_CGO_OVERRIDES", "KUBE_GIT_VERSION_FILE", "KUBE_RACE")
_STATUS = "hack/print-workspace-status.sh"
_GIT_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout(SourceFolder):
    """See :class:`~pytest_kind.image.source.Source`."""

    @property
    def how(self) -> str:
        """See :class:`~pytest_kind.image.source.Source`."""
        return f"Kubernetes {self.kubernetes} is made in {self.folder} by its own make (about 12 min on two cores the first time)"

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """From the cache, or made.

        Raises:
            CommandError: its make failed.
            ImageError: the checkout changed meanwhile, or the build carries another version.
        """
        digest = inputs.digest_of(_MAKER, self.kubernetes, self.digest)
        targets = [f"cmd/{program}" for program in _PROGRAMS]

        def make(target: Path) -> None:
            self._make(workshop, f"linux/{inputs.architecture}", targets, target)
            if self.kubernetes.encode() not in (target / "kubeadm").read_bytes():
                raise ImageError(f"{self.folder}: its make built a kubeadm that does not carry the version {self.kubernetes}; start again")

        return workshop.part("checkout", digest, make, 600)

    def suite(self, workshop: Workshop, inputs: Inputs, host: Host) -> Path:
        """``e2e.test`` for this machine; see ``programs``."""
        digest = inputs.digest_of(_MAKER, self.kubernetes, self.digest, str(host))
        return workshop.part("suite-checkout", digest, lambda target: self._make(workshop, str(host), ["test/e2e/e2e.test"], target), 300)

    def _make(self, workshop: Workshop, system: str, targets: Sequence[str], target: Path) -> None:
        make, go = need("make", "`apt-get install make`"), go_modules.go_program()
        environment = {
            "KUBE_BUILD_PLATFORMS": system,
            # The kubelet alone is linked to the build machine's libraries by default; the node has other ones.
            "KUBE_STATIC_OVERRIDES": "kubelet",
            "PATH": f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "MAKEFLAGS": "",  # of a make that runs the tests
            # Stamped as the build's date: with the time of day in it, programs that did not change would be linked anew.
            "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or _git(self.folder, "log", "-1", "--format=%ct").decode().strip(),
        }
        programs = [one.rsplit("/", 1)[1] for one in targets]
        with workshop.locked(f"checkout-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}", f"in {self.folder}"):
            workshop.run([make, "all", f"WHAT={' '.join(targets)}"], cwd=self.folder, env=environment)
            made = self.folder / "_output" / os.environ.get("KUBE_OUTPUT_SUBPATH", "local") / "bin" / system
            lacking = [program for program in programs if not (made / program).is_file()]
            if lacking:
                raise ImageError(f"{self.folder}: its make ended well, but {made} lacks {', '.join(lacking)}")
            for program in programs:
                shutil.copy2(made / program, target / program)
        if opened(workshop, self.folder) != self:
            raise ImageError(f"{self.folder}: it changed while it was built; start again")


def opened(workshop: Workshop, folder: Path) -> Checkout:
    """A checkout as it is now: its commit, what differs from it, and the files that git does not know but would add.

    Raises:
        SourceError: the folder is none, or its version cannot be told.
    """
    for file in ("Makefile", go_modules.PAUSE, go_modules.CONSTANTS, _STATUS):
        if not (folder / file).is_file():
            raise SourceError(f"--kind-source: {folder}: it is no checkout of Kubernetes: {file} is missing")
    digest, said = state(folder), version(workshop, folder)
    if not said:
        raise SourceError(
            f"--kind-source: {folder}: it has no version: no tag like v1.37.0 is in its history; `git fetch --tags` (and no shallow clone)"
        )
    return Checkout(folder=folder, kubernetes=said, digest=digest)


def version(workshop: Workshop, folder: Path) -> str:
    """What Kubernetes' own build takes for its version: `git describe`, as a semantic version. Nothing where no tag is in the history."""
    said = workshop.run([need("bash", "`apt-get install bash`"), str(folder / _STATUS)], cwd=folder)
    return next((line.partition(" ")[2].strip() for line in said.splitlines() if line.startswith("gitVersion ")), "")


def state(folder: Path) -> str:
    """A digest over the commit, what differs from it, the files that git would add, and what of the environment the build reads."""
    digest = hashlib.sha256()
    digest.update(_git(folder, "rev-parse", "HEAD^{commit}"))
    digest.update(_git(folder, "diff", "--binary", "--no-ext-diff", "--no-color", "HEAD"))
    for name in sorted(_git(folder, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")):
        if name:
            digest.update(name + b"\0" + _content(folder / os.fsdecode(name)))
    digest.update("\n".join(f"{name}={os.environ.get(name, '')}" for name in _VARIABLES).encode())
    return digest.hexdigest()


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
