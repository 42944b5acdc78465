"""What a cluster's handle has for objects; each method is a few lines upon what does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from pytest_kind.toolbox.objects import conditions, connection, removal, wait
from pytest_kind.toolbox.objects import target as targets
from pytest_kind.toolbox.objects.changes import Changes
from pytest_kind.toolbox.objects.insight import Insight
from pytest_kind.toolbox.objects.scope import Scope
from pytest_kind.toolbox.objects.sources import apply_source

if TYPE_CHECKING:
    from pytest_kind.toolbox.objects.conditions import Condition
    from pytest_kind.toolbox.objects.connection import Host
    from pytest_kind.toolbox.objects.manifests import Source
    from pytest_kind.toolbox.objects.model import KindObject
    from pytest_kind.toolbox.objects.target import Target


class Objects(Insight):
    """``apply``, ``wait_for`` and what belongs to them."""

    # Making

    @overload
    def apply(
        self: Host,
        source: Mapping[str, Any],
        *,
        namespace: str | None = ...,
        values: None = ...,
        release: None = ...,
        timeout: float = ...,
    ) -> KindObject: ...

    @overload
    def apply(
        self: Host,
        source: Iterable[Mapping[str, Any]] | str | Path,
        *,
        namespace: str | None = ...,
        values: Mapping[str, Any] | None = ...,
        release: str | None = ...,
        timeout: float = ...,
    ) -> list[KindObject]: ...

    def apply(
        self: Host,
        source: Source,
        *,
        namespace: str | None = None,
        values: Mapping[str, Any] | None = None,
        release: str | None = None,
        timeout: float = 60.0,
    ) -> KindObject | list[KindObject]:
        """Applies manifests: server-side, as manager ``pytest-kind``, who takes over fields that others own.

        What others need comes first (namespaces, definitions, accounts, … in Helm's order), definitions are served before
        objects of theirs follow, and refusals that pass by themselves are waited for: a new namespace's ServiceAccount, a
        webhook whose pods do not answer yet, an object of the same name that is still being deleted. Unknown fields are refused.

        Args:
            source: a mapping, several of them, YAML text of any number of documents, or a :class:`~pathlib.Path`: of a file;
                of a folder, whose ``.yaml``, ``.yml`` and ``.json`` files are taken in order, also of folders below; of a
                kustomization, which the node's own kubectl renders; of a Helm chart, for which ``helm`` must be on PATH.
            namespace: of objects that name none; ``default`` by default.
            values: for a chart, instead of its own.
            release: a chart's name; its folder's by default.
            timeout: seconds for all of it.

        Returns:
            The objects as the API server has them, in the source's order: one for a mapping, else a list.

        Raises:
            ManifestError: something of it cannot be sent; nothing was.
            ApplyError: something was refused, everything that was at once; what the call did is undone.
        """
        done = Changes(lambda: connection.connection(self).api)  # which nobody is going to undo
        return apply_source(self, source, namespace or "default", done, values=values, release=release, timeout=timeout)

    def scope(self: Host, namespace: str | None = None) -> Scope:
        """For a ``with`` block: what is applied and made through it is undone at its end, in a fixture of any scope.

        Args:
            namespace: of objects that name none; ``default`` by default.
        """
        return Scope(self, namespace)

    def delete_objects(self: Host, objects: Iterable[Mapping[str, Any]] | Mapping[str, Any], *, timeout: float = 60.0) -> None:
        """Deletes objects, the last first, and waits until they are gone. What is not there is no error.

        Args:
            objects: as :meth:`apply` returned them, or any that have apiVersion, kind and metadata.
            timeout: seconds for each.

        Raises:
            UsageError: something is no object, or of a kind that the cluster does not serve.
            UndoError: what is not gone, and why; everything else is.
        """
        removal.delete_objects(self, [objects] if isinstance(objects, Mapping) else list(objects), timeout)

    # Looking

    def get(self: Host, target: Target, *, namespace: str | None = None) -> KindObject:
        """An object as it is now.

        Args:
            target: ``KIND/NAME`` in kubectl's words (``deploy/web``, ``widgets.example.com/one``), or an object.
            namespace: of a target that names none; ``default`` by default.

        Raises:
            UsageError: no such target can be.
            ApiError: there is none (``status`` 404).
        """
        return targets.get(connection.connection(self), targets.parse("get", target, None, namespace))

    def find(self: Host, kind: str, selector: str = "", *, namespace: str | None = None) -> list[KindObject]:
        """The objects of a kind, by name.

        Args:
            kind: in kubectl's words.
            selector: of labels, as ``kubectl -l`` takes it; all by default.
            namespace: ``default`` by default.

        Raises:
            UsageError: the cluster serves no such kind.
        """
        return targets.several(connection.connection(self), targets.parse("find", kind, selector, namespace))

    @overload
    def wait_for(  # type: ignore[overload-overlap] # a text that is known to be this one
        self: Host, target: Target, condition: Literal["delete"], *, timeout: float = ..., namespace: str | None = ..., selector: str | None = ...
    ) -> None: ...

    @overload
    def wait_for(self: Host, target: Target, condition: Condition, *, timeout: float = ..., namespace: str | None = ...) -> KindObject: ...

    @overload
    def wait_for(
        self: Host, target: Target, condition: Condition, *, timeout: float = ..., namespace: str | None = ..., selector: str
    ) -> list[KindObject]: ...

    def wait_for(
        self: Host, target: Target, condition: Condition, *, timeout: float = 60.0, namespace: str | None = None, selector: str | None = None
    ) -> KindObject | list[KindObject] | None:
        """Waits until an object, which need not be there yet, is what is wanted. It is watched, not asked again and again.

        Args:
            target: ``KIND/NAME`` in kubectl's words, an object, or with a ``selector`` a KIND.
            condition: the name of a condition that is to be True (``Available``) or something else (``Ready=False``); a
                JSONPath as kubectl has them (``{.status.phase}=Running``, or without a value for whatever there is); ``rollout``
                of a Deployment, StatefulSet or DaemonSet (what ``kubectl rollout status`` waits for); ``exists``; ``delete``; a
                function of the object. kubectl's ``condition=…``, ``jsonpath=…`` and ``create`` mean the same as there. A
                function is called whenever the object changes; one that misses a field (AttributeError, LookupError) says no.
            timeout: seconds.
            namespace: of a target that names none; ``default`` by default.
            selector: of labels: all that have them, at least one.

        Returns:
            The object as it was then; with a selector all of them; after ``delete`` nothing.

        Raises:
            UsageError: no such target or condition can be.
            WaitTimeout: with what was seen last: the condition's reason and message; pods that are not ready, why, and their
                last words; events. At once, as its subclass WaitHopeless, where a pod or a Job has ended otherwise.
        """
        wanted, wish = targets.parse("wait_for", target, selector, namespace), conditions.parse(condition)
        found = wait.wait(lambda: connection.connection(self), wanted, wish, timeout)
        if wish.gone:
            return None
        return found if selector is not None else found[0]
