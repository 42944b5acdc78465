"""Whether an object is what it must be to serve: ready, and as many as are wanted. Pure."""

from __future__ import annotations

from pytest_kind.pristine.model import Document

# What a thing must be again, where it was.
_CONDITIONS = {
    "apiservices.apiregistration.k8s.io": "Available",
    "customresourcedefinitions.apiextensions.k8s.io": "Established",
    "nodes": "Ready",
    "pods": "Ready",
}
WORKLOADS = ("deployments.apps", "daemonsets.apps", "statefulsets.apps", "replicasets.apps", "replicationcontrollers")


def unready(resource: str, recorded: Document, one: Document) -> str | None:
    """Why an object that had a condition has it no more, if so."""
    wanted = _CONDITIONS.get(resource)
    if wanted is None:
        return None
    was, now = condition(recorded, wanted), condition(one, wanted)
    return (now.get("message") or f"not {wanted}") if was.get("status") == "True" != now.get("status") else None


def unsettled(resource: str, one: Document) -> str | None:
    """Why what makes pods has not made all that are wanted now, as far as it says so itself."""
    status, wanted = one.get("status", {}), one.get("spec", {}).get("replicas", 1)
    if status.get("observedGeneration", 0) < one["metadata"].get("generation", 0):
        return "its controller has not seen the last change yet"
    if resource == "daemonsets.apps":
        wanted, there, new = (status.get(name, 0) for name in ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled"))
    else:
        there = new = status.get("replicas", 0)
        if resource == "deployments.apps":
            new = status.get("updatedReplicas", 0)
        elif resource == "statefulsets.apps" and _rolls(one) and status.get("currentRevision") != status.get("updateRevision"):
            new = min(there, status.get("updatedReplicas", 0) + _partition(one))
    if there != wanted:
        return f"{there} pods instead of {wanted}"
    return "pods of an older template" if new != there else None


def is_outdated(stateful_set: Document, pod: Document) -> bool:
    """Whether a pod is of another template than its StatefulSet is now, and its successor would not be.

    A rollout stops at a pod that does not get ready, and with ``OnDelete`` there is none.
    """
    status = stateful_set.get("status", {})
    if status.get("observedGeneration", 0) < stateful_set["metadata"].get("generation", 0) or _partition(stateful_set):
        return False
    wanted, found = status.get("updateRevision"), pod["metadata"].get("labels", {}).get("controller-revision-hash")
    return bool(wanted and found and wanted != found)


def _rolls(stateful_set: Document) -> bool:
    return bool(stateful_set.get("spec", {}).get("updateStrategy", {}).get("type", "RollingUpdate") == "RollingUpdate")


def _partition(stateful_set: Document) -> int:
    """How many pods stay of the older template."""
    return int(stateful_set.get("spec", {}).get("updateStrategy", {}).get("rollingUpdate", {}).get("partition", 0))


def has_ended(pod: Document) -> bool:
    """Whether it does not run any more, and never will again."""
    return pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}


def condition(one: Document, name: str) -> Document:
    """A condition of an object; nothing where it has none of that name."""
    return next((found for found in one.get("status", {}).get("conditions", ()) if found["type"] == name), {})
