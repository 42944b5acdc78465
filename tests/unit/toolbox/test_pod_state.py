"""A pod's state in words."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.toolbox.pod_state import pod_state

ENDED = {"terminated": {"exitCode": 1, "reason": "Error"}}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, "unknown"),
        ({"phase": "Failed"}, "Failed"),
        ({"phase": "Running", "containerStatuses": [{"name": "a", "ready": True}]}, "not ready"),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]},
            "Pending (Unschedulable: 0/1 nodes)",
        ),
        (
            {"phase": "Pending", "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}]},
            "Pending (a: ErrImagePull: no such)",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": "a",
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                    }
                ],
            },
            "not ready (a: CrashLoopBackOff, it ended with 1, Error)",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"name": "a", "state": {"running": {}}}, {"name": "b", "state": {"terminated": {"exitCode": 2}}}],
            },
            "not ready (a: runs, and its readiness probe does not succeed; b: it ended with 2)",
        ),
    ],
)
def test_why_it_is_not_ready(status: dict[str, Any], said: str) -> None:
    assert pod_state({"metadata": {}, "status": status}) == said
