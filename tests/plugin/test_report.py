"""``--kind-report``: what a run leaves of itself, what of its clusters is watched, and what it costs where it is not given or cannot be had."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from support.api_server import ApiServer
from support.credentials import admin_conf
from support.processes import ASKED, listed
from support.project import Project

PASSES = "def test_a(kind_cluster): pass\n"
PODS = "/api/v1/pods"
EVENTS = "/api/v1/events"


def event(name: str, **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "default", "name": "web"}
    meta = {"uid": name, "resourceVersion": "7", "creationTimestamp": "2026-11-28T15:00:00Z"}
    return {"metadata": meta, "involvedObject": about, "reason": name, "message": "it is", "type": "Warning", **more}


@pytest.fixture
def project(project: Project, api_server: ApiServer) -> Project:
    """One whose nodes and API say what they are asked."""
    project.engine.publish("127.0.0.1", api_server.port)
    project.engine.answer(ASKED, listed())
    pod = {"metadata": {"uid": "1", "name": "web"}, "status": {"phase": "Running"}}
    api_server.answer("GET", "/api/v1/namespaces/kube-system/pods", (200, {"items": []}))
    api_server.answer("GET", "/readyz", (200, "ok"))
    api_server.answer("GET", "/version", (200, {"gitVersion": "v9.8.7"}))
    api_server.answer("GET", PODS, (200, {"metadata": {"resourceVersion": "5"}, "items": [pod]}))
    api_server.answer("GET", EVENTS, (200, {"metadata": {"resourceVersion": "5"}, "items": [event("There")]}))
    changed = [{"type": "ADDED", "object": event("Came")}, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}]
    lines = "".join(f"{json.dumps(one)}\n" for one in changed)
    api_server.answer("GET", f"{EVENTS}?watch=1&resourceVersion=5&allowWatchBookmarks=true", (200, lines))
    api_server.answer("GET", f"{PODS}?watch=1&resourceVersion=5&allowWatchBookmarks=true", (200, f"{json.dumps({'type': 'DELETED', 'object': pod})}\n"))
    return project


def shown(project: Project, folder: str = "out") -> dict[str, Any]:
    """What is in the page."""
    text = (project.pytester.path / folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def outcomes(project: Project) -> dict[str, str]:
    return {one["id"].partition("::")[2] or one["id"]: one["outcome"] for one in shown(project)["tests"]}


def test_a_run_leaves_a_page_with_its_tests_and_its_cluster(project: Project) -> None:
    project.tests(f"import time\ndef test_a(kind_cluster, kind_namespace): time.sleep(0.2)\ndef test_b(kind_client):\n    print('said')\n    assert 1 == 3\n")
    result = project.run("--kind-report=out", "--kind-name=c", "--kind-artifacts=artifacts")
    result.assert_outcomes(passed=0, failed=1, errors=1) if False else None
    page = shown(project)
    print(json.dumps({k: v for k, v in page.items() if k != 'clusters'}, indent=1)[:3000])
    print({k: v for k, v in page['clusters'][0].items() if k != 'picture'})
    result.stdout.fnmatch_lines(["*kind: report*", f"{project.pytester.path}/out/index.html"])
    result.stdout.no_fnmatch_line("not to be had*")
    assert 0
