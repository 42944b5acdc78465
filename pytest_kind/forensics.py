"""A failed test that uses a cluster: why, in its report, its artifacts, JUnit's properties and annotations.

Loaded when the first such test fails; one that passes costs the note of a time (``plugin.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import invocation, options
from pytest_kind.api import kubeconfig
from pytest_kind.api.reasons import message_of
from pytest_kind.attachments import attach
from pytest_kind.diagnose.collect import Asked, Place, collect
from pytest_kind.diagnose.records import write
from pytest_kind.diagnose.redact import redacted
from pytest_kind.diagnose.sections import Section, brief, sections, summary
from pytest_kind.keys import BEGAN, RUN
from pytest_kind.provision import docker_engine
from pytest_kind.toolbox.namespaces import LABEL, label_for

if TYPE_CHECKING:
    from pytest_kind.config.settings import Settings
    from pytest_kind.peer import KindCluster

CLUSTER, NAMESPACE, ARTIFACTS, WHY = "kind_cluster", "kind_namespace", "kind_artifacts", "kind_why"
_CONNECT_SECONDS = 5
_MAKES_CLUSTERS = {"kind_cluster", "kind_cluster_factory"}
_TOO_LATE = "not known: this was the last test of its cluster, which goes in the same teardown, before pytest tells that something failed"
_ARTIFACT_LINES = 5000
_NAME_LENGTH = 150
_BROKEN: pytest.StashKey[dict[str, list[_Found]]] = pytest.StashKey()
_ANNOTATIONS = 10  # GitHub shows so many of a step


def examine(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Adds to the report of a test that failed what its clusters tell, and leaves it among the artifacts.

    The report is told, whatever happens here: an interrupt ends the run after it.
    """
    try:
        _examine(item, call, report)
    except KeyboardInterrupt:
        item.session.shouldstop = "interrupted while the cluster was asked why a test failed"
    except pytest.exit.Exception:
        raise  # its exit code is the run's
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - of pytest's runner nobody catches it; a time limit's signal may be one
        reason = "".join(traceback.format_exception_only(error)).strip()
        report.sections.insert(0, ("kind: why", f"not to be had: {reason}"))


def _examine(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    if getattr(item, "says_why", False) or not _uses_clusters(item):  # upstream specs mostly do
        return
    settings = options.resolve(item.config)
    if settings.forensics == "off":
        return
    clusters = item.config.stash[RUN].living
    if not clusters and call.when == "teardown":
        report.sections.insert(0, ("kind: why", _TOO_LATE))
    broken, known = getattr(item, "broken", ""), item.config.stash.setdefault(_BROKEN, {})
    found = known.get(broken) or [_look(item, call, report, cluster, settings) for cluster in clusters]
    if broken and broken not in known:
        known[broken] = [replace(one, parts=[brief(one.why, item.nodeid)]) for one in found]  # hundreds may follow, for the same reason
    named = len(clusters) > 1
    why = [one.why.shown(one.cluster if named else "") for one in found]
    others = [part.shown(one.cluster if named else "") for one in found for part in one.parts[1:]]
    report.sections[:0] = why  # before what the test printed
    report.sections += others
    _note(item, report, found)
    attach(item, report, why, others, [one.folder for one in found if one.folder is not None])


def forget(item: pytest.Item, report: pytest.TestReport) -> None:
    """Of a test that runs again: what an earlier turn noted is none of this one's."""
    for properties in (item.user_properties, report.user_properties):
        properties[:] = [one for one in properties if one[0] not in {CLUSTER, NAMESPACE, ARTIFACTS, WHY}]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one cluster told."""

    cluster: str
    own: tuple[str, ...]
    parts: list[Section]
    folder: Path | None

    @property
    def why(self) -> Section:
        return self.parts[0]


def _look(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport, cluster: KindCluster, settings: Settings) -> _Found:
    scene = collect(_asked(item, call, cluster, settings))
    parts = sections(scene, settings.forensics_lines)
    folder = _folder(item, report)
    if folder is not None:
        try:
            write(folder, scene, sections(scene, _ARTIFACT_LINES, apart=True))
        except OSError as error:
            parts.append(Section("artifacts", "kind: artifacts", (f"{folder}: it cannot be written: {error.strerror or error}",)))
            folder = None
    return _Found(cluster.name, scene.own, parts, folder)


def _uses_clusters(item: pytest.Item) -> bool:
    """Whether it has one, by an argument, a fixture's, or ``request.getfixturevalue``."""
    by_name = getattr(getattr(item, "_request", None), "_fixture_defs", ())  # there is no public way
    return bool(_MAKES_CLUSTERS & {*getattr(item, "fixturenames", ()), *by_name})


def _asked(item: pytest.Item, call: pytest.CallInfo[Any], cluster: KindCluster, settings: Settings) -> Asked:
    # What a cluster's own start says is none of the test's that happened to make it.
    ready = cluster.begins[-1] + cluster.phases[-1][1] if cluster.begins else 0.0
    began = max(item.stash.get(BEGAN, call.start), time.time() - (time.monotonic() - ready) if ready else 0.0)
    values: Mapping[str, object] = getattr(item, "funcargs", {})
    return Asked(
        cluster=cluster.name,
        elapsed=max(0.0, time.time() - began),
        error="\n".join(_words(call.excinfo.value if call.excinfo else None)),
        names=frozenset(value for value in values.values() if isinstance(value, str)),
        mark=LABEL,
        test=label_for(item.name),
        places=[Place(one.name, one.machine.place.role, one.container) for one in cluster._machines],  # noqa: SLF001 - the load balancer is no node
        credentials=kubeconfig.credentials(cluster._admin),  # noqa: SLF001
        scratch=cluster._site.folder,  # noqa: SLF001
        connect=lambda: docker_engine.connect(_CONNECT_SECONDS),
        seconds=settings.forensics_timeout,
    )


def _words(error: BaseException | None) -> Iterator[str]:
    """What an exception says, with those that led to it; programs' output and answers' bodies are attributes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        said = _said(error)
        yield f"{type(error).__name__}: {_answer(error) or said}"
        for name in ("output", "stdout", "stderr"):
            value = getattr(error, name, None)
            text = value.decode(errors="replace") if isinstance(value, bytes) else value
            if isinstance(text, str) and text not in said:
                yield text
        error = error.__cause__ or error.__context__


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a test's own class may do anything
        return ""


def _answer(error: BaseException) -> str:
    """What the API said, where the error is its answer to the kubernetes package, which prints headers and the whole document."""
    status, reason, body = (getattr(error, name, None) for name in ("status", "reason", "body"))
    return f"({status})\nReason: {reason}\n{message_of(str(body).encode())}" if status and body else ""


def _folder(item: pytest.Item, report: pytest.TestReport) -> Path | None:
    """Where its artifacts are left, if any are: of a test that fails again, and of each of its clusters, beside the others."""
    place = invocation.artifacts(item.config)
    if place is None:
        return None
    folder = place / "tests" / safe_name(report.nodeid)
    taken = chain([folder], (folder.with_name(f"{folder.name}-{number}") for number in count(2)))
    return next(one for one in taken if not one.exists())


def safe_name(nodeid: str) -> str:
    """A test's id as the name of a folder: readable, of at most 150 characters, another for another test."""
    readable = re.sub(r"[^\w.=-]+", "-", nodeid, flags=re.ASCII).strip("-.")
    if readable == nodeid.replace("::", "-").replace("/", "-") and len(readable) <= _NAME_LENGTH:
        return readable
    return f"{readable[: _NAME_LENGTH - 9]}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


def _note(item: pytest.Item, report: pytest.TestReport, found: Sequence[_Found]) -> None:
    """Properties, for JUnit and other reporters. JUnit takes those of the last phase, which are the item's."""
    values = {
        CLUSTER: ", ".join(one.cluster for one in found),
        NAMESPACE: ", ".join(name for one in found for name in one.own),
        ARTIFACTS: ", ".join(str(one.folder) for one in found if one.folder is not None),
        WHY: "; ".join(dict.fromkeys(summary(one.why) for one in found)),
    }
    fresh: list[tuple[str, object]] = [(name, value) for name, value in values.items() if value]
    for properties in (item.user_properties, report.user_properties):
        properties[:] = [one for one in properties if one[0] not in dict(fresh)] + fresh


def github_annotations(reports: Iterable[pytest.TestReport], root: Path) -> list[str]:
    """GitHub's workflow commands, one for each failed test whose cluster told why."""
    found = []
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or root)
    for report in reports:
        why = dict(report.user_properties).get(WHY)
        if why is None:
            continue
        file, line, _ = report.location
        path = Path(os.path.relpath(root / file, workspace))
        place = f"file={_property(str(path))},line={(line or 0) + 1},title={_property(report.nodeid)}"
        found.append(f"::error {place}::{_data(redacted(str(why)))}")
    return found[:_ANNOTATIONS]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
