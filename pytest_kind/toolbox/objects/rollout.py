"""Whether a workload's pods are those that are wanted: what ``kubectl rollout status`` says. Pure.

Its rules are kubectl's (``staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go``).
"""

from __future__ import annotations

from typing import Any

from pytest_kind.waiting import NotYet


def unfinished(one: dict[str, Any]) -> NotYet | None:
    """Why it is not rolled out."""
    spec, status, kind = one.get("spec") or {}, one.get("status") or {}, one.get("kind")
    if kind not in {"Deployment", "StatefulSet", "DaemonSet"}:
        return NotYet(f"a {kind} has no rollout; a Deployment, a StatefulSet, a DaemonSet has one")
    if status.get("observedGeneration", 0) < one["metadata"].get("generation", 0):
        return NotYet("its controller has not seen the last change yet")
    why = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}[kind](spec, status)
    return NotYet(why) if why else None


def _deployment(spec: dict[str, Any], status: dict[str, Any]) -> str:
    wanted, new = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    there, ready = status.get("replicas", 0), status.get("availableReplicas", 0)
    if new < wanted:
        return f"{new} of {wanted} pods are new"
    if there > new:
        return f"{there - new} old pods are still there"
    return f"{ready} of {new} pods are available" if ready < new else ""


def _stateful_set(spec: dict[str, Any], status: dict[str, Any]) -> str:
    wanted, ready, new = spec.get("replicas", 1), status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    strategy = spec.get("updateStrategy") or {}
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    if strategy.get("type") == "OnDelete":
        return ""  # new pods come when somebody deletes the old ones
    kept = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if new < wanted - kept:
        return f"{new} of {wanted - kept} pods are new"
    if not kept and status.get("updateRevision") != status.get("currentRevision"):
        return f"{new} of {wanted} pods are of revision {status.get('updateRevision')}"
    return ""


def _daemon_set(spec: dict[str, Any], status: dict[str, Any]) -> str:
    wanted, new, ready = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and new < wanted:
        return f"{new} of {wanted} pods are new"
    return f"{ready} of {wanted} pods are available" if ready < wanted else ""
