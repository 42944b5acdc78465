"""The upstream specs of a cluster: ``e2e.test`` of exactly its version, from the same place as its node image."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import SourceError, UsageError
from pytest_kind.image import go_modules, kindest, store, suite_tarball, tarball
from pytest_kind.image import inputs as image_inputs
from pytest_kind.image import source as sources
from pytest_kind.image.host import Host, this_machine

if TYPE_CHECKING:
    from pytest_kind.image.workshop import Workshop

_PUBLISHED = re.compile(r"(?:docker\.io/)?kindest/node:(v1\.\d+\.\d+)(?:@.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFiles:
    """The upstream specs on this machine.

    Attributes:
        binary: ``e2e.test``, for this machine.
        kubernetes: its version, such as ``v1.37.1``.
    """

    binary: Path
    kubernetes: str


def suite_for(
    workshop: Workshop, *, reference: str | None = None, kubernetes: str | None = None, source: str | Path | None = None, host: Host | None = None
) -> SuiteFiles:
    """The specs that belong to a node image, from the cache, or made with progress.

    The engine is asked only where the version is in a node image or a server tarball: not for Go modules, a folder, a
    release and ``kindest/node`` of a version.

    Args:
        reference: a node image (``--kind-image``).
        kubernetes: a version (``--kind-version``); the pinned default where none of the three is given.
        source: where Kubernetes comes from (``--kind-source``).
        host: the machine that is to run them; this one by default.

    Raises:
        UsageError: a version that is none.
        SourceError: the source cannot be used, or has no specs and they are to be had nowhere else.
        ImageError: they cannot be built.
    """
    host = host or this_machine()
    if source is not None:
        return _of_source(workshop, source, host)
    if reference is not None:
        found = _PUBLISHED.fullmatch(reference)
        return _released(workshop, found[1] if found else _version_in(workshop, reference), reference, host)
    if kubernetes is not None and not sources.accepted(kubernetes, released=True):
        raise UsageError(f"--kind-version: {kubernetes!r} is not accepted; accepted is the form v1.37.1, from v1.{sources.OLDEST_MINOR}.0 on")
    return _modules(workshop, kubernetes, host)


def companions(workshop: Workshop, kubernetes: str) -> dict[str, Path]:
    """``ginkgo`` for this machine and ``agnhost`` for the engine's, of the release that a Kubernetes is or is made from."""
    release, host = sources.release_of(kubernetes), this_machine()
    here = image_inputs.read_inputs(host.architecture, release)
    runner = go_modules.GINKGO if host.system == "linux" else replace(go_modules.GINKGO, system=host.system)
    there = image_inputs.read_inputs(workshop.provider.info().architecture, release)
    return {
        "ginkgo": go_modules.build(workshop, here, runner, "ginkgo") / "ginkgo",
        "agnhost": go_modules.build(workshop, there, go_modules.AGNHOST, "agnhost") / "agnhost",
    }


def _of_source(workshop: Workshop, source: str | Path, host: Host) -> SuiteFiles:
    text = str(source)
    version = text.removeprefix("release:")
    if version != text and sources.accepted(version, released=True):
        return _released(workshop, version, text, host)  # nothing has to be read to know the version
    path = Path(source).expanduser().absolute()
    found = sources.folder(workshop, path) if path.is_dir() else sources.named(workshop, source, workshop.provider.info().architecture)
    wanted = image_inputs.read_inputs(host.architecture, found.kubernetes, found.digest)
    try:
        return SuiteFiles(binary=found.suite(workshop, wanted, host) / "e2e.test", kubernetes=found.kubernetes)
    except suite_tarball.NoSuite as error:
        return _instead(workshop, found.kubernetes, text, host, str(error))


def _released(workshop: Workshop, version: str, name: str, host: Host) -> SuiteFiles:
    """The release's own test tarball, else its Go modules; those first where they were built already."""
    if sources.accepted(version, released=True) and _modules_built(workshop, version, host):
        return _modules(workshop, version, host)
    try:
        place = suite_tarball.beside(workshop, f"{tarball.RELEASES}/{version}/", version, version, host)
    except suite_tarball.NoSuite as error:
        return _instead(workshop, version, name, host, str(error))
    return SuiteFiles(binary=place / "e2e.test", kubernetes=version)


def _instead(workshop: Workshop, version: str, name: str, host: Host, why: str) -> SuiteFiles:
    if not sources.accepted(version, released=True):
        raise SourceError(
            f"no specs of {name} (Kubernetes {version}) are to be had: {why}; it is no release, so Go modules have none either: "
            "give its e2e.test with --kind-suite"
        )
    workshop.progress.note(f"no test tarball of Kubernetes {version} ({why.splitlines()[0]}): its specs are built from Go modules")
    return _modules(workshop, version, host)


def _modules(workshop: Workshop, version: str | None, host: Host) -> SuiteFiles:
    wanted = image_inputs.read_inputs(host.architecture, version)
    place = sources.GoModules(wanted.kubernetes).suite(workshop, wanted, host)
    return SuiteFiles(binary=place / "e2e.test", kubernetes=wanted.kubernetes)


def _modules_built(workshop: Workshop, version: str, host: Host) -> bool:
    return sources.GoModules(version).suite_built(workshop, image_inputs.read_inputs(host.architecture, version), host)


def _version_in(workshop: Workshop, reference: str) -> str:
    image = store.existing(workshop, reference)
    return image.kubernetes or kindest.kubernetes_in(workshop, image.id)
