"""What explains that an object is not what it should be: its status, its pods, their last words, and its events."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pytest_kind.api.http import Api, ApiError
from pytest_kind.diagnose.once import messages, once
from pytest_kind.diagnose.redact import redacted
from pytest_kind.toolbox import selectors
from pytest_kind.toolbox.objects import conditions, controllers, moments, pods
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.model import KindObject, shown
from pytest_kind.toolbox.objects.target import Wanted, elsewhere

Document = dict[str, Any]

_OBJECTS, _PODS, _EVENTS, _LINES, _WIDTH = 3, 5, 10, 5, 400


def evidence(connection: Connection, wanted: Wanted, objects: list[KindObject]) -> list[str]:
    """Lines for a message. Best effort: what cannot be had is said, and nothing is raised."""
    lines: list[str] = []
    said: list[str] = []
    try:
        if not objects:
            return _others(connection, wanted)
        for one in objects[:_OBJECTS]:
            lines += _status(one)
            there = _pods_of(connection.api, one)
            said += messages(there)
            bad = [pod for pod in there if not pods.is_ready(pod)]
            for pod in bad[:_PODS]:
                lines += _pod(connection.api, pod)
            if len(bad) > _PODS:
                lines.append(f"and {len(bad) - _PODS} more pods that are not ready")
            lines += _controller(connection, one)
            lines += _events(connection.api, one, there)
    except ApiError as error:
        lines.append(f"no more is known: {error}")
    return [redacted(line)[:_WIDTH] for line in once(lines, said)]


def _others(connection: Connection, wanted: Wanted) -> list[str]:
    """What there is instead."""
    resource = wanted.resource(connection)
    if resource is None:
        return []
    items = connection.api.get(resource.path(wanted.place(resource))).get("items") or []
    names = sorted(one["metadata"]["name"] for one in items)
    where = f"in namespace {wanted.namespace}" if resource.namespaced else "in the cluster"
    lines = [f"{resource.plural} {where}: {', '.join(names[:20]) or 'none'}{', …' if len(names) > 20 else ''}"]  # noqa: PLR2004 - enough to see
    return lines if wanted.name in names else [*lines, *elsewhere(connection, wanted, resource)]


def _status(one: KindObject) -> list[str]:
    status = one.get("status") or {}
    lines = [f"{shown(one)}: phase {status['phase']}"] if isinstance(status.get("phase"), str) else []
    return [*lines, *(f"{shown(one)}: {conditions.told(each)}" for each in status.get("conditions") or () if isinstance(each, dict))]


def _pods_of(api: Api, one: KindObject) -> list[Document]:
    if one.get("kind") == "Pod":
        return [one]
    selector = selectors.of_pods(one)
    if not selector or one.namespace is None:
        return []
    return list(api.get(f"/api/v1/namespaces/{one.namespace}/pods?labelSelector={quote(selector, safe='')}").get("items") or ())


def _controller(connection: Connection, one: KindObject) -> list[str]:
    """Of a custom resource, which nobody but its operator acts on."""
    resource = connection.of(one) if one.get("apiVersion") and one.get("kind") else None
    if resource is None or resource.is_kubernetes:
        return []
    found = controllers.candidates(connection.api, resource, one.namespace)
    lines = controllers.told(one)
    if not found.accounts:
        return [*lines, f"no ServiceAccount may watch {resource.name}: its controller, if it has one, does not run in a pod with rights of its own"]
    if not found.pods:
        names = ", ".join("/".join(account) for account in found.accounts[:_PODS])
        return [*lines, f"no pod runs as one that may watch {resource.name} (ServiceAccount {names})"]
    for pod in sorted(found.pods, key=pods.is_ready)[:_PODS]:
        meta = pod["metadata"]
        lines.append(f"perhaps its controller: pod {meta['name']} in namespace {meta['namespace']}, which may watch {resource.name}")
        lines += _pod(connection.api, pod) if not pods.is_ready(pod) else ["  it is ready", *_words(connection.api, pod, pods.default_container(pod))]
    return lines


def _pod(api: Api, pod: Document) -> list[str]:
    lines = []
    for trouble in pods.troubles(pod):
        lines.append(f"pod {pod['metadata']['name']}: {trouble.told}")
        if trouble.container:
            lines += _words(api, pod, trouble.container, previous=trouble.previous)
    return lines


def _words(api: Api, pod: Document, container: str, *, previous: bool = False) -> list[str]:
    """What a container said last."""
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/log"
    try:
        said = api.text(f"{path}?container={container}&tailLines={_LINES}{'&previous=true' if previous else ''}").splitlines()
    except ApiError as error:
        said = [f"(its log cannot be had: {error})"]
    return [f"  | {line}" for line in said] or ["  (its log is empty)"]


def _events(api: Api, one: KindObject, there: list[Document]) -> list[str]:
    """The newest events of the object, its pods, and what is between them."""
    space = one.namespace or "default"  # where those of objects without one are
    about = {one["metadata"].get("uid"), *(pod["metadata"].get("uid") for pod in there)}
    about |= {owner.get("uid") for pod in there for owner in pod["metadata"].get("ownerReferences") or ()}
    found = [
        event for event in api.get(f"/api/v1/namespaces/{space}/events").get("items") or () if event.get("involvedObject", {}).get("uid") in about
    ]
    found.sort(key=_moment)
    return ["events:", *(f"  {_event(event)}" for event in found[-_EVENTS:])] if found else [f"no events of it in namespace {space}"]


def _event(event: Document) -> str:
    about, count = event["involvedObject"], event.get("count") or (event.get("series") or {}).get("count") or 1
    times = f" ({count} times)" if count > 1 else ""
    text = " ".join(str(event.get("message", "")).split())
    at = moments.clock(_moment(event))
    return f"{at} {event.get('type')} {event.get('reason')} {about.get('kind', '').lower()}/{about.get('name')}{times}: {text}"


def _moment(event: Document) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
