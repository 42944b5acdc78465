"""Objects that wait for something, beside pods and nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.diagnose.scene import Document, Scene

DNS = ("kube-system", "kube-dns")


def lines_of(scene: Scene) -> list[str]:
    """Claims without a volume, Services without an endpoint, webhooks that nobody serves, quotas that are used up, namespaces that do not go."""
    return [*_claims(scene), *_services(scene), *_webhooks(scene), *_quotas(scene), *_namespaces(scene)]


def _name(one: Document) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}".lstrip("/")


def pending_claims(scene: Scene) -> list[Document]:
    """Claims that have no volume."""
    return [one for one in scene.of("persistentvolumeclaims") if (one.get("status") or {}).get("phase") != "Bound"]


def last_words(scene: Scene, kind: str, one: Document) -> str:
    """What the last event of an object says, warnings first; empty where there is none."""
    meta = one["metadata"]
    found = [
        event
        for event in scene.of("events")
        if (event.get("involvedObject") or {}).get("kind") == kind
        and (event["involvedObject"].get("name"), event["involvedObject"].get("namespace")) == (meta["name"], meta.get("namespace"))
    ]
    best = max(found, key=lambda event: (event.get("type") != "Normal", event.get("lastTimestamp") or ""), default=None)
    return "" if best is None else f"{best.get('reason', '')}: {best.get('message', '')}"


def _claims(scene: Scene) -> Iterator[str]:
    for one in pending_claims(scene):
        storage = (one.get("spec") or {}).get("storageClassName")
        words = last_words(scene, "PersistentVolumeClaim", one)
        yield f"PersistentVolumeClaim {_name(one)} has no volume (class {storage or 'none'}){': ' + words if words else ''}"


def without_endpoints(scene: Scene) -> list[Document]:
    """Services that choose pods and have none that is ready."""
    ready = {
        (one["metadata"].get("namespace", ""), (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name"))
        for one in scene.of("endpointslices")
        if any(_serves(endpoint.get("conditions") or {}) for endpoint in one.get("endpoints") or ())
    }
    return [
        one
        for one in scene.of("services")
        if (one.get("spec") or {}).get("selector") and (one["metadata"].get("namespace", ""), one["metadata"]["name"]) not in ready
    ]


def _serves(conditions: Document) -> bool:
    """Whether an endpoint is ready and stays: of a Service that publishes what is not, as DNS', one that goes is called ready, too."""
    return conditions.get("ready", True) and not conditions.get("terminating", False)


def chosen(scene: Scene, service: Document) -> list[Document]:
    """The pods that a Service chooses."""
    wanted = service["spec"]["selector"].items()
    pods = [one for one in scene.of("pods") if one["metadata"].get("namespace") == service["metadata"].get("namespace")]
    return [one for one in pods if wanted <= (one["metadata"].get("labels") or {}).items()]


def _services(scene: Scene) -> Iterator[str]:
    for one in without_endpoints(scene):
        pods = chosen(scene, one)
        selector = ",".join(f"{name}={value}" for name, value in one["spec"]["selector"].items())
        why = f"of its pods ({len(pods)}) none is ready" if pods else "no pod has its labels"
        yield f"Service {_name(one)} has no endpoint: {why} ({selector})"


def _webhooks(scene: Scene) -> Iterator[str]:
    """Webhooks whose Service is not there or has no endpoint: with failurePolicy Fail they refuse what they are asked for."""
    there = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in scene.of("services")}
    empty = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in without_endpoints(scene)}
    for kind in ("Validating", "Mutating"):
        for one in scene.of(f"{kind.lower()}webhookconfigurations"):
            for hook in one.get("webhooks") or ():
                service = (hook.get("clientConfig") or {}).get("service") or {}
                place = (service.get("namespace"), service.get("name"))
                if service and (place in empty or place not in there):
                    why = "has no endpoint" if place in there else "is not there"
                    why += f" (failurePolicy {hook.get('failurePolicy', 'Fail')})"
                    yield f"{kind}WebhookConfiguration {_name(one)}, {hook.get('name', '')}: its Service {place[0]}/{place[1]} {why}"


def _quotas(scene: Scene) -> Iterator[str]:
    for one in scene.of("resourcequotas"):
        status = one.get("status") or {}
        hard = status.get("hard") or {}
        full = [f"{what} {used} of {hard[what]}" for what, used in (status.get("used") or {}).items() if used == hard.get(what)]
        if full:
            yield f"ResourceQuota {_name(one)} is used up: {', '.join(full)}"


def _namespaces(scene: Scene) -> Iterator[str]:
    for one in scene.of("namespaces"):
        conditions = (one.get("status") or {}).get("conditions") or ()
        why = [condition.get("message", "") for condition in conditions if condition.get("status") == "True"]
        if (one.get("status") or {}).get("phase") == "Terminating" and why:
            yield f"Namespace {_name(one)} does not go: {'; '.join(why)}"
