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
        there = status.get("replicas", 0)
        new = status.get("updatedReplicas", 0) if resource == "deployments.apps" else there
    if there != wanted:
        return f"{there} pods instead of {wanted}"
    return "pods of an older template" if new != there else None


def condition(one: Document, name: str) -> Document:
    """A condition of an object; nothing where it has none of that name."""
    return next((found for found in one.get("status", {}).get("conditions", ()) if found["type"] == name), {})
