"""From what is known of a run to one file that needs no other. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources
from typing import Any

from pytest_kind.html_report.model import Cluster, Event, Run, Turn
from pytest_kind.html_report.texts import Texts

_FOLDER = "page"
# In this order they are one script.
_SCRIPTS = (
    "dom.js",
    "data.js",
    "overview.js",
    "scale.js",
    "timeline.js",
    "charts.js",
    "details.js",
    "failures.js",
    "specs.js",
    "tests.js",
    "main.js",
)


def page(run: Run) -> str:
    """The page's text."""
    script = f'"use strict";\n(() => {{\n{"".join(_file(name) for name in _SCRIPTS)}}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": escape(title(run)),
        # No script but ours runs, whatever a text of a test may be, and nothing is fetched from anywhere.
        "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "style": _file("style.css"),
        "data": data(run),
        "script": script,
    }
    text = _file("index.html")
    before, *rest = text.split("{{")
    return before + "".join(parts[name] + after for name, _, after in (one.partition("}}") for one in rest))


def data(run: Run) -> str:
    """What the script shows, as JSON that can stand between tags."""
    cleaned = Texts().clean(document(run))
    for one, cluster in zip(cleaned["clusters"], run.clusters, strict=True):
        one["picture"] = cluster.picture  # markup already, of names alone
    text = json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def title(run: Run) -> str:
    """How the run ended: ``3 failed, 41 passed``."""
    counts = {outcome: sum(1 for one in run.tests if one.outcome == outcome) for outcome in _ORDER}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "no test ran"


_ORDER = ("failed", "error", "passed", "skipped", "xfailed", "xpassed", "rerun")


def document(run: Run) -> dict[str, Any]:
    """Moments are seconds since the run began; what is empty is not there."""
    began = run.began
    return {
        "title": title(run),
        "began": round(began * 1000),
        "seconds": _seconds(run.ended - began),
        "exit": run.exit_code,
        "facts": dict(run.facts),
        "tests": [_test(one, began) for one in run.tests],
        "clusters": [_cluster(one, began) for one in run.clusters],
        "events": [_event(one, began) for one in run.events],
        "leftOut": run.left_out,
        "links": dict(run.links),
        "problems": list(run.problems),
    }


def _test(test: Turn, began: float) -> dict[str, Any]:
    phases = [[one.when, _seconds(one.start - began), _seconds(one.seconds)] for one in test.phases]
    sections = [[one.title, one.text] for one in test.sections]
    words = {name: getattr(test, name) for name in ("lane", "cluster", "namespace", "reason")}
    return _filled({"id": test.id, "outcome": test.outcome, "phases": phases, **words, "labels": list(test.labels), "sections": sections})


def _cluster(cluster: Cluster, began: float) -> dict[str, Any]:
    def moment(at: float | None) -> float | None:
        return None if at is None else _seconds(at - began)

    return {
        **{name: getattr(cluster, name) for name in ("name", "how", "kubernetes", "image", "logs")},
        **{name: moment(getattr(cluster, name)) for name in ("began", "ready", "ended")},
        "phases": [[one.when, moment(one.start), _seconds(one.seconds)] for one in cluster.phases],
        "nodes": [
            {"name": node.name, "role": node.role, "uses": [[moment(use.at), round(use.cpu, 2), use.memory >> 10] for use in node.uses]}
            for node in cluster.nodes
        ],
        "pods": [[moment(one.at), dict(one.phases)] for one in cluster.pods],
        "silent": [[moment(start), moment(end)] for start, end in cluster.silent],
    }


def _event(event: Event, began: float) -> list[Any]:
    # As a list: there may be thousands.
    return [
        _seconds(event.at - began), event.cluster, int(event.type == "Warning"), event.reason,
        event.regarding, event.namespace, event.message, event.count, event.source,
    ]  # fmt: skip


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in ("", [], None)}


def _seconds(seconds: float) -> float:
    return round(seconds, 3)


def _file(name: str) -> str:
    return resources.files("pytest_kind.html_report").joinpath(_FOLDER, name).read_text(encoding="utf-8")
