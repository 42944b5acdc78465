"""What was found, as files: for a CI system to collect."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from pytest_kind.diagnose.redact import redacted, redacted_document
from pytest_kind.diagnose.scene import Scene
from pytest_kind.diagnose.sections import Section

OBJECTS = "objects.yaml"
_MOST = 1 << 20  # characters of a file


def write(folder: Path, scene: Scene, sections: Iterable[Section]) -> None:
    """A file for each section, the logs of pods in trouble, and the test's objects; for this user alone to read.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True)
    for one in sections:
        _write(folder / f"{one.name}.txt", one.text)
    for log in scene.logs:
        _write(folder / "logs" / f"{log.namespace}_{log.pod}_{log.container}{'.previous' if log.previous else ''}.log", redacted(log.text))
    documents = [
        {"resource": plural, **redacted_document(one)}
        for plural, several in scene.objects.items()
        if plural != "events"
        for one in several
        if one["metadata"].get("namespace") in scene.own
    ]
    if documents:
        _write(folder / OBJECTS, yaml.safe_dump_all(documents, sort_keys=False))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    short = text if len(text) <= _MOST else f"{text[:_MOST]}\n… {len(text) - _MOST} more characters"
    path.write_text(short if short.endswith("\n") else f"{short}\n", encoding="utf-8", errors="backslashreplace")  # what a test says may be no text
