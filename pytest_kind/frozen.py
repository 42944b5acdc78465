"""Frozen clusters in the engine: found by what they were made of, kept, bounded, thrown away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.boot import freeze
from pytest_kind.boot.frozen import Frozen
from pytest_kind.boot.kubeadm import uncopied
from pytest_kind.errors import Conflict, KindError
from pytest_kind.image.facts import facts_of
from pytest_kind.provision.provider import ContainerSpec
from pytest_kind.provision.proxies import has_credentials

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootContext
    from pytest_kind.boot.kubeadm import ClusterFacts
    from pytest_kind.provision.provider import Image, Provider
    from pytest_kind.wanted import Images, Request

_REPOSITORY = "pytest-kind/frozen"
_KEPT = 8  # of them; each is a few megabytes beside its node image


def obstacle(request: Request, images: Images, facts: ClusterFacts, environment: Mapping[str, str]) -> str | None:
    """Why no copies can be made of a cluster, as far as that is known before it is there.

    Args:
        environment: of its nodes.
    """
    if len({image.id for image in images.of.values()}) > 1:  # what is frozen is one image
        return "its nodes have different images"
    if has_credentials(environment):  # kubeadm writes it into what is frozen
        return "the URL of its nodes' proxy has credentials, which an image must not have"
    return uncopied(request.config, facts)


def digest(request: Request, images: Images, name: str, environment: Mapping[str, str]) -> str:
    """What a frozen cluster was made of, so that a copy is never older than what it would be made of now.

    Args:
        name: the cluster's: of a frozen one every copy's is as long.
        environment: of its nodes, but for their names, which a copy has its own of.
    """
    parts = [
        metadata.version("pytest-kind-native"),
        _code(),
        request.config.digest,
        images.digest,
        str(len(name)),
        str(request.keep),
        str(request.pods_of_control_plane),
        *request.manifests,
        *(f"{key}={value}" for key, value in sorted(environment.items())),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _code() -> str:
    """Of everything that decides how a cluster boots."""
    digest = hashlib.sha256()
    for folder in ("boot", "boot/node", "provision", "config"):
        place = resources.files("pytest_kind").joinpath(*folder.split("/"))
        for file in sorted(place.iterdir(), key=lambda one: one.name):
            if file.is_file():
                digest.update(f"{folder}/{file.name}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def find(provider: Provider, wanted: str) -> Frozen | None:
    """The frozen cluster of that digest, if the engine has one."""
    there = provider.images({labels.KIND: labels.KIND_FROZEN, labels.FROZEN: wanted})
    found = max(there, key=_made, default=None)
    return None if found is None else Frozen.of(found.id, facts_of(found))


def discard(provider: Provider, image: str) -> None:
    """Removes one that is no good, or too many. Where copies of it still run the engine keeps it, and so it goes another time."""
    with contextlib.suppress(Conflict):
        provider.remove_image(image)


def _made(image: Image) -> float:
    return float(facts_of(image).get("made", 0))


class Freezing:
    """A thread that keeps a cluster that has just become ready, beside the first test.

    Args:
        connect: it has a connection of its own.
        told: of what went wrong: the cluster itself is none the worse for it.
    """

    def __init__(
        self, connect: Callable[[], Provider], context: BootContext, *, image: str, wanted: str, marks: Mapping[str, str], told: Callable[[str], None]
    ) -> None:
        self._connect, self._context = connect, context
        self._image, self._wanted, self._marks, self._told = image, wanted, marks, told
        self._thread = threading.Thread(target=self._run, name="pytest-kind-freeze", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when it is done: what it reads of the cluster is needed no more."""
        self._thread.join()

    def _run(self) -> None:
        try:
            provider = self._connect()
            try:
                self._keep(provider)
            finally:
                provider.close()
        except KindError as error:
            self._told(f"cluster {self._context.facts.cluster} could not be frozen: {error}")

    def _keep(self, provider: Provider) -> None:
        frozen = self._context.frozen
        if frozen is None:
            return
        from pytest_kind.image.assemble import ENTRYPOINT  # noqa: PLC0415 - with all that builds images

        facts = {**frozen.as_facts(), "made": time.time()}
        spec = ContainerSpec(name=f"{frozen.cluster}-frozen", image=self._image, labels=self._marks)
        builder = provider.create(spec)
        try:
            with freeze.archive(self._context, provider) as layer:
                provider.put(builder, "/", layer)
            provider.commit(
                builder,
                f"{_REPOSITORY}:{self._wanted}",
                labels={labels.KIND: labels.KIND_FROZEN, labels.FROZEN: self._wanted, labels.FACTS: json.dumps(facts)},
                entrypoint=ENTRYPOINT,
                environment={},
            )
        finally:
            provider.remove(builder)
        for old in sorted(provider.images({labels.KIND: labels.KIND_FROZEN}), key=_made)[:-_KEPT]:
            discard(provider, old.id)
