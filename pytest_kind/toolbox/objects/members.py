"""The pods that a target means, and a container of one."""

from __future__ import annotations

from urllib.parse import quote

from pytest_kind.api.resources import Document
from pytest_kind.errors import UsageError
from pytest_kind.toolbox import selectors
from pytest_kind.toolbox.objects import pods, target
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.target import Wanted


def of(connection: Connection, wanted: Wanted) -> list[Document]:
    """Pods: those that are meant, or of the workload or Service that is, by name.

    Raises:
        UsageError: what is meant has no pods.
        ApiError: there is no such object (``status`` 404).
    """
    if not wanted.name:
        there = target.several(connection, wanted)
        if any(one["kind"] != "Pod" for one in there):
            raise UsageError(f"{wanted.who}: a selector is for pods; of others name one: {wanted.kind}/{there[0].name}")
        return list(there)
    one = target.get(connection, wanted)
    if one["kind"] == "Pod":
        return [one]
    selector = selectors.of_pods(one)
    if not selector:
        raise UsageError(f"{wanted.who}: {wanted} selects no pods; name a pod, a workload or a Service")
    path = f"/api/v1/namespaces/{one.namespace}/pods?labelSelector={quote(selector, safe='')}"
    return sorted(connection.api.get(path).get("items") or (), key=lambda pod: str(pod["metadata"]["name"]))


def container(pod: Document, name: str | None, who: str) -> str:
    """The container that is meant: by default kubectl's.

    Raises:
        UsageError: the pod has none of that name.
    """
    if name is None:
        return pods.default_container(pod)
    there = pods.containers(pod)
    if name not in there:
        raise UsageError(f"{who}: pod {pod['metadata']['name']} has no container {name!r}; it has {', '.join(there)}")
    return name
