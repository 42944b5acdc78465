"""Where Kubernetes comes from: its Go modules, a server tarball, a checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_kind.errors import SourceError
from pytest_kind.image import checkout, go_modules, module_folder, tarball

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kind.image.host import Host
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop

ACCEPTED = "the folder of a checkout, the path or URL of a server tarball, or a release such as release:v1.37.1"
OLDEST_MINOR = 31  # the first whose kubeadm reads v1beta4
_RELEASE = re.compile(r"v1\.(\d+)\.\d+(-(?:alpha|beta|rc)\.\d+)?")
_BUILD = re.compile(r"v1\.(\d+)\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


class Source(Protocol):
    """Where the programs and control-plane images of a Kubernetes come from.

    Its version and digest are known without making anything of it, or as good as: they decide whether there is an image.
    """

    @property
    def kubernetes(self) -> str:
        """The version, such as ``v1.37.1``."""

    @property
    def digest(self) -> str:
        """Over what it is made of; empty where the version says it all."""

    @property
    def how(self) -> str:
        """What is done where no image of it is cached, for people."""

    def components(self, workshop: Workshop, inputs: Inputs) -> Mapping[str, str]:
        """The versions that its kubeadm deploys: ``etcd``, ``coredns``, ``pause``."""

    def pause(self, workshop: Workshop, inputs: Inputs) -> Path:
        """The C source of Kubernetes' pause."""

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A folder with the node's programs and, for each part of the control plane, a program or an image.

        The node's are ``kubeadm``, ``kubectl`` and ``kubelet``. An image is an archive, ``kube-apiserver.tar`` beside no
        ``kube-apiserver``, and is used as it is.
        """

    def suite(self, workshop: Workshop, inputs: Inputs, host: Host) -> Path:
        """A folder with the upstream specs of exactly this Kubernetes, as a program of this machine: ``e2e.test``."""


@dataclass(frozen=True, slots=True)
class GoModules:
    """A version through Go's module proxy, compiled."""

    kubernetes: str
    digest: str = ""

    @property
    def how(self) -> str:
        """See :class:`Source`."""
        return f"Kubernetes {self.kubernetes} is compiled from its Go modules, once (about 12 min on two cores; parts that are cached take none)"

    def components(self, workshop: Workshop, inputs: Inputs) -> Mapping[str, str]:
        """From kubeadm's source."""
        return go_modules.kubeadm_constants(go_modules.kubernetes_source(workshop, inputs))

    def pause(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A file of the module."""
        return go_modules.kubernetes_source(workshop, inputs) / go_modules.PAUSE

    def programs(self, workshop: Workshop, inputs: Inputs) -> Path:
        """From the cache or compiled."""
        return go_modules.build(workshop, inputs, go_modules.KUBERNETES)

    def suite(self, workshop: Workshop, inputs: Inputs, host: Host) -> Path:
        """From the cache or compiled, for this machine."""
        return go_modules.build(workshop, replace(inputs, architecture=host.architecture), _specs(host), "e2e-test")

    def suite_built(self, workshop: Workshop, inputs: Inputs, host: Host) -> bool:
        """Whether ``suite`` has it in the cache."""
        return go_modules.built(workshop, replace(inputs, architecture=host.architecture), _specs(host), "e2e-test")


def _specs(host: Host) -> go_modules.Module:
    return go_modules.E2E if host.system == "linux" else replace(go_modules.E2E, system=host.system)


def named(workshop: Workshop, text: str | Path, architecture: str) -> Source:
    """The source that ``--kind-source`` names.

    Args:
        text: see ``ACCEPTED``.
        architecture: the engine's, in Go's words.

    Raises:
        SourceError: it is none of these, cannot be had, is damaged, for another architecture, or of a version that is too old.
    """
    source: Source
    if isinstance(text, str) and text.startswith("release:"):
        version = text.removeprefix("release:")
        if not accepted(version, released=True):
            raise SourceError(f"--kind-source: {text!r} is not accepted; accepted is the form release:v1.37.1, from v1.{OLDEST_MINOR}.0 on")
        source = tarball.released(workshop, version, architecture)
    elif isinstance(text, str) and text.startswith(("http://", "https://")):
        source = tarball.at_url(workshop, text, architecture)
    else:
        path = Path(text).expanduser().absolute()
        if path.is_dir():
            source = folder(workshop, path)
        elif path.is_file():
            source = tarball.at_path(workshop, path, architecture)
        else:
            raise SourceError(f"--kind-source: {text}: no such file or folder; accepted is {ACCEPTED}")
    return _young_enough(source, text)


def folder(workshop: Workshop, path: Path) -> Source:
    """The source that a folder is: a checkout with Kubernetes' make, or its module alone. The engine is not asked.

    Raises:
        SourceError: it is neither, its version cannot be told or is too old.
    """
    source = module_folder.opened(workshop, path) if module_folder.is_one(path) else checkout.opened(workshop, path)
    return _young_enough(source, path)


def _young_enough(source: Source, text: str | Path) -> Source:
    if not accepted(source.kubernetes, released=False):
        raise SourceError(f"--kind-source: {text}: its version is {source.kubernetes!r}; accepted are those from v1.{OLDEST_MINOR}.0 on")
    return source


def accepted(version: str, *, released: bool) -> bool:
    """Whether a version can be booted. One that was not released may have more in it, such as ``-dirty`` or ``+`` and a commit."""
    found = (_RELEASE if released else _BUILD).fullmatch(version)
    return found is not None and int(found[1]) >= OLDEST_MINOR


def release_of(version: str) -> str:
    """The release that a version is, or that it was built after: ``v1.37.1`` of ``v1.37.1-dirty``."""
    found = _RELEASE.match(version)
    if found is None:
        raise SourceError(f"Kubernetes {version}: it does not begin with a release such as v1.37.1")
    return found[0]
