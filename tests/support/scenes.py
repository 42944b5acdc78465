"""Scenes that real clusters made: recorded from ``failing_tests.py``, with what is not needed left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_kind.diagnose.scene import Line, LogOf, MachineSeen, Scene

FOLDER = Path(__file__).parent.parent / "unit" / "diagnose" / "scenes"
NOW = datetime(2026, 11, 28, 16, 0, 10, tzinfo=UTC)
BEGAN = datetime(2026, 11, 28, 16, 0, 0, tzinfo=UTC)


def recorded(name: str) -> Scene:
    """One of the recorded ones."""
    return scene_of(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def scene_of(known: dict[str, Any]) -> Scene:
    """A scene as JSON has it."""
    machines = [
        MachineSeen(
            **{
                **one,
                "journal": tuple(Line(at=_time(line["at"]), unit=line["unit"], text=line["text"]) for line in one["journal"]),
                "kernel": tuple(one["kernel"]),
            }
        )
        for one in known["machines"]
    ]
    return Scene(
        cluster=known["cluster"],
        began=_time(known["began"]),
        now=_time(known["now"]),
        error=known["error"],
        own=tuple(known["own"]),
        objects={plural: tuple(several) for plural, several in known["objects"].items()},
        logs=tuple(LogOf(**one) for one in known["logs"]),
        machines=tuple(machines),
        foreign=known["foreign"],
        answered=known["answered"],
        missing=tuple(known["missing"]),
    )


def scene(**fields: Any) -> Scene:
    """A cluster of one machine that is well, but for what is given."""
    machines = (MachineSeen(name="c-control-plane", role="control-plane"),)
    return Scene(**{"cluster": "c", "began": BEGAN, "now": NOW, "own": ("mine",), "machines": machines, **fields})


def event(
    reason: str, message: str, *, kind: str = "Pod", name: str = "web", namespace: str = "mine", second: int = 5, **more: Any
) -> dict[str, Any]:
    """An event, so many seconds after the scene began."""
    return {
        "metadata": {"name": f"{name}.{second}", "namespace": namespace},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "lastTimestamp": f"2026-11-28T16:00:{second:02}Z",
        **more,
    }


def pod(name: str = "web", namespace: str = "mine", *, phase: str = "Running", ready: bool = False, **more: Any) -> dict[str, Any]:
    """A pod of one container.

    Args:
        more: ``state``, ``lastState``, ``restartCount`` of its container; ``spec``, ``status``, ``labels`` of the pod.
    """
    container = {key: more.pop(key) for key in ("state", "lastState", "restartCount") if key in more}
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": more.pop("labels", {"app": name})},
        "spec": {
            "nodeName": "c-control-plane",
            "containers": [{"name": "main", "image": "web:1", **more.pop("container", {})}],
            **more.pop("spec", {}),
        },
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready), **({} if ready else {"reason": "ContainersNotReady"})}],
            "containerStatuses": [{"name": "main", "ready": ready, **container}],
            **more.pop("status", {}),
        },
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
