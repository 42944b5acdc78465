"""What is made through a scope is undone at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from pytest_kind.toolbox.objects import identities, rights
from pytest_kind.toolbox.objects.changes import Changes
from pytest_kind.toolbox.objects.connection import Host, connection
from pytest_kind.toolbox.objects.manifests import Source
from pytest_kind.toolbox.objects.model import KindObject
from pytest_kind.toolbox.objects.rights import Rule
from pytest_kind.toolbox.objects.sources import apply_source

if TYPE_CHECKING:
    from pytest_kind.api.client import IdentityClient


class Scope:
    """Applies objects and makes identities until its ``with`` block ends; then all of it is undone, the last first.

    What was not there before is deleted, what was there is as it was, clients are closed. It waits for what would hurt if it
    were left while it goes (definitions, webhook configurations) and for objects with finalizers, whose controller may be the
    next to go; for nothing else.

    Args:
        namespace: of objects that name none; ``default`` by default.
        root: what relative paths are below; the current folder by default.

    Attributes:
        namespace: as above.
    """

    def __init__(self, host: Host, namespace: str | None = None, root: Path | None = None) -> None:
        self.namespace = namespace or "default"
        self._host, self._root = host, root
        self._done = Changes(lambda: connection(host).api)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.undo()

    @overload
    def apply(
        self,
        source: Mapping[str, Any],
        *,
        namespace: str | None = ...,
        values: None = ...,
        release: None = ...,
        timeout: float = ...,
    ) -> KindObject: ...

    @overload
    def apply(
        self,
        source: Iterable[Mapping[str, Any]] | str | Path,
        *,
        namespace: str | None = ...,
        values: Mapping[str, Any] | None = ...,
        release: str | None = ...,
        timeout: float = ...,
    ) -> list[KindObject]: ...

    def apply(
        self,
        source: Source,
        *,
        namespace: str | None = None,
        values: Mapping[str, Any] | None = None,
        release: str | None = None,
        timeout: float = 60.0,
    ) -> KindObject | list[KindObject]:
        """The same as :meth:`Objects.apply`, undone at the end."""
        if isinstance(source, Path) and self._root is not None:
            source = self._root / source
        space = namespace or self.namespace
        return apply_source(self._host, source, space, self._done, values=values, release=release, timeout=timeout)

    def as_user(
        self,
        name: str,
        groups: Sequence[str] = (),
        *,
        rules: Sequence[Rule] = (),
        cluster_role: str | None = None,
        namespace: str | None = None,
        cluster_wide: bool = False,
    ) -> IdentityClient:
        """The same as :meth:`Objects.as_user`, undone at the end; its rights are in the scope's namespace by default."""
        space = None if cluster_wide else namespace or self.namespace
        return identities.user(self._host, name, groups, rights.parse("as_user", rules, cluster_role, space), self._done)

    def service_account(
        self,
        name: str,
        namespace: str | None = None,
        *,
        rules: Sequence[Rule] = (),
        cluster_role: str | None = None,
        cluster_wide: bool = False,
    ) -> IdentityClient:
        """The same as :meth:`Objects.service_account`, undone at the end; it is in the scope's namespace by default."""
        space = namespace or self.namespace
        said = rights.parse("service_account", rules, cluster_role, None if cluster_wide else space)
        return identities.service_account(self._host, name, space, said, self._done)

    def undo(self) -> None:
        """Undoes all that was made so far. Does nothing where that is nothing.

        Raises:
            UndoError: what is not undone, and why; everything else is.
        """
        self._done.undo()
