"""The API of one cluster, as the tools for objects share it: connections that are kept open, and what is served."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api
from pytest_kind.api.kubeconfig import Credentials
from pytest_kind.api.resources import DISCOVERY, ROOTS, Resource, defined, served

if TYPE_CHECKING:
    from pytest_kind.handle import Site
    from pytest_kind.node import KindNode

_SECONDS = 30.0  # for one request; a webhook may take that long
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Host(Protocol):
    """What the tools need of a cluster's handle."""

    name: str
    _admin: dict[str, Any]
    _site: Site
    _connection: Connection | None

    @property
    def nodes(self) -> tuple[KindNode, ...]: ...

    @property
    def _control_plane(self) -> Callable[[], KindNode]: ...

    @property
    def kubectl(self) -> Callable[..., str]: ...


class Connection:
    """Connections to one API server.

    Attributes:
        scratch: a private folder.
        closing: what else ends with it.
        following: is told the server's URL where that is another one from now on.
    """

    def __init__(self, credentials: Credentials, scratch: Path) -> None:
        self.credentials, self.scratch = credentials, scratch
        self.api = Api(credentials, scratch, _SECONDS)
        self.closing = contextlib.ExitStack()
        self.following: list[Callable[[str], None]] = []
        self._served: list[Resource] | None = None

    def close(self) -> None:
        """Closes them."""
        self.closing.close()
        self.api.close()

    @property
    def served(self) -> list[Resource]:
        """All resources, the core's first, each in all its versions."""
        if self._served is None:
            self._served = list(served(self.api.get(path, DISCOVERY) for path in ROOTS))
        return self._served

    def find(self, wanted: Callable[[Resource], bool]) -> Resource | None:
        """The first resource that is wanted.

        Kubernetes' own are asked for once; others anew each time: tests define them, and define them differently.
        """
        found = next(filter(wanted, self.served), None)
        if found is None or not found.is_kubernetes:
            self._served = None
            found = next(filter(wanted, self.served), None)
        if found is None:
            # Discovery learns of a definition a moment after it is there.
            definitions: list[Mapping[str, Any]] = self.api.get(_DEFINITIONS)["items"]
            found = next(filter(wanted, (one for definition in definitions for one in defined(definition))), None)
        return found

    def of(self, document: Mapping[str, Any]) -> Resource | None:
        """The resource of an object, by its ``apiVersion`` and ``kind``."""
        group, _, version = str(document["apiVersion"]).rpartition("/")
        return self.find(lambda one: (one.group, one.version, one.kind) == (group, version, document["kind"]))


def connection(host: Host) -> Connection:
    """The cluster's; another one where its API is reached in another way by now."""
    credentials, known = kubeconfig.credentials(host._admin), host._connection  # noqa: SLF001 - of this package
    if known is None or known.credentials != credentials:
        host._connection = Connection(credentials, host._site.folder)  # noqa: SLF001
        if known is not None:
            host._connection.closing, host._connection.following = known.closing, known.following  # noqa: SLF001
            known.api.close()
            for follow in known.following:
                follow(credentials.server)
        return host._connection  # noqa: SLF001
    return known
