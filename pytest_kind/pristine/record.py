"""Looking at a whole cluster: every object of every resource, and what runs and lies on its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.resources import CRDS, DISCOVERY, ROOTS, served
from pytest_kind.api.resources import defined as defined_by
from pytest_kind.errors import CommandError
from pytest_kind.pristine.kinds import is_looked_at
from pytest_kind.pristine.model import Document, Key, Listing, Resource, listed

if TYPE_CHECKING:
    from pytest_kind.api.apis import Apis
    from pytest_kind.provision.provider import Provider

_NOT_FOUND, _NOT_ALLOWED = 404, 405
_VERBS = {"list", "delete"}


def discovered(documents: Iterable[Document]) -> list[Resource]:
    """The resources that can be listed and deleted, each in the version that its server prefers."""
    found: dict[str, Resource] = {}
    for one in served(documents):
        if set(one.verbs) >= _VERBS:
            found.setdefault(one.name, one)
    return [one for one in found.values() if is_looked_at(one)]


def defined(listing: Listing) -> list[Resource]:
    """The resources of definitions that discovery does not tell of (yet)."""
    unknown = (list(defined_by(one)) for key, one in listing.of(CRDS) if key.name not in listing.resources)
    return [versions[0] for versions in unknown if versions]


def look(apis: Apis, only: Iterable[str] | None = None, known: Listing | None = None) -> Listing:
    """Lists a cluster.

    Args:
        only: the names of those resources alone, which ``known`` has.

    Raises:
        ApiError: it cannot be said what there is.
    """
    if only is not None and known is not None:
        return known.with_(_listed(apis, [known.resources[name] for name in only if name in known.resources]))

    def discover(api: Api, path: str) -> Document:
        return api.get(path, DISCOVERY)

    found = _listed(apis, discovered(apis.each(discover, ROOTS)))
    late = defined(found)
    return found.with_(_listed(apis, late)) if late else found


def _listed(apis: Apis, wanted: Sequence[Resource]) -> Listing:
    # In one piece: the API server has that in memory. In pages it asks etcd, at a third more.
    def items(api: Api, resource: Resource) -> tuple[list[Document] | None, str]:
        try:
            return api.get(resource.path()).get("items") or [], ""
        except ApiError as error:
            # Gone since, or not there yet.
            return ([], "") if error.status in {_NOT_FOUND, _NOT_ALLOWED} else (None, str(error))

    answers = list(zip(wanted, apis.each(items, wanted), strict=True))
    there = {resource.name: several for resource, (several, _) in answers if several is not None}
    return listed(wanted, there, {resource.name: why for resource, (several, why) in answers if several is None})


# Nodes


@dataclass(frozen=True, slots=True)
class OnNode:
    """What runs and lies on a node.

    Attributes:
        pods: the uids of pods that have processes.
        volumes: the folders of volumes.
    """

    pods: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()


_REAP = resources.files("pytest_kind").joinpath("pristine", "node", "reap")
_WAIT = 3


def reap(provider: Provider, container: str, name: str, pods: Iterable[str] = (), volumes: Iterable[str] = ()) -> OnNode:
    """Ends pods on a node, removes folders there, and looks at what is left.

    Raises:
        CommandError: the node does not tell.
    """
    argv = ["bash", "-c", _REAP.read_text(encoding="utf-8").rstrip(), "reap", str(_WAIT), " ".join(pods), *volumes]
    result = provider.exec(container, argv, seconds=30)
    if result.code:
        raise CommandError(name, argv[3:], result.code, result.output)
    words = [line.partition(" ") for line in result.stdout.splitlines()]
    return OnNode(
        pods=frozenset(rest for word, _, rest in words if word == "pod"), volumes=frozenset(rest for word, _, rest in words if word == "volume")
    )


def known_pods(listing: Listing) -> set[str]:
    """The uids under which nodes know the pods of a listing."""
    found: set[str] = set()
    for _, one in listing.of("pods"):
        annotations: dict[str, Any] = one["metadata"].get("annotations", {})
        found |= {
            str(one["metadata"].get("uid", "")),
            annotations.get("kubernetes.io/config.hash", ""),
            annotations.get("kubernetes.io/config.mirror", ""),
        }
    return found - {""}


def used_volumes(listing: Listing) -> set[str]:
    """The folders that PersistentVolumes stand for."""
    specs = [one["spec"] for _, one in listing.of("persistentvolumes")]
    return {str(spec[kind]["path"]) for spec in specs for kind in ("hostPath", "local") if kind in spec}


def without(listing: Listing, gone: Iterable[Key]) -> Listing:
    """A listing less some objects."""
    away = set(gone)
    return replace(listing, objects={key: one for key, one in listing.objects.items() if key not in away})
