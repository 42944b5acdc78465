"""What a pod does instead of serving, in the words of its status. Pure."""

from __future__ import annotations

from typing import Any


def pod_state(pod: dict[str, Any]) -> str:
    """For "it is …": its phase, or that it is not ready; and why, as far as its status says."""
    if "deletionTimestamp" in pod["metadata"]:
        return "being deleted"
    status = pod["status"]
    phase = str(status.get("phase", "unknown"))
    why = list(filter(None, (_not_scheduled(status), *map(_not_ready, status.get("containerStatuses") or ()))))
    return "not ready" * (phase == "Running") + phase * (phase != "Running") + (f" ({'; '.join(why)})" if why else "")


def _not_scheduled(status: dict[str, Any]) -> str:
    for one in status.get("conditions") or ():
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return f"{one.get('reason', 'not scheduled')}: {one.get('message', '')}".rstrip(": ")
    return ""


def _not_ready(container: dict[str, Any]) -> str:
    if container.get("ready"):
        return ""
    state, name = container.get("state") or {}, container.get("name", "")
    waiting, ended = state.get("waiting"), state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    words = [name]
    if waiting:
        words.append(": ".join(filter(None, (waiting.get("reason"), waiting.get("message")))))
    elif "running" in state:
        words.append("runs, and its readiness probe does not succeed")
    if ended:
        words.append(f"it ended with {ended.get('exitCode')}" + (f", {ended['reason']}" if ended.get("reason") else ""))
    return ": ".join((words[0], ", ".join(filter(None, words[1:])))).rstrip(": ")
