"""The part of the boot benchmark that runs inside of our pytest processes: a plugin of theirs, and their one test.

What it is to do is in the environment's ``BOOT_*``; what came of it is in files, for the process that measures.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import boot_answer
import boot_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind import KindCluster  # all that tests do with one: no test has to load it

TEST = "from boot_inside import measure\ndef test_a_pod_answers(kind_cluster):\n    measure(kind_cluster)\n"
HOLD_SECONDS = 3600
_fixture: list[float] = []


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Notes how long the fixture takes that hands the cluster over."""
    begin = time.monotonic()
    value = yield
    if fixturedef.argname == "kind_cluster":
        _fixture.append(time.monotonic() - begin)
    return value


def measure(cluster: KindCluster) -> None:
    """The test: waits for the pods' answer, leaves the cluster to the process that measures, and removes it, or the pods of a kept one."""
    handed = time.monotonic()
    folder, image, first = Path(os.environ["BOOT_FOLDER"]), os.environ["BOOT_IMAGE"], cluster.nodes[0].container
    image = image or boot_engine.web_image(first)
    answered = boot_answer.answered(cluster.kubeconfig_path, first, image, [node.name for node in cluster.nodes])
    note = {"handed": handed, "answered": answered, "fixture": _fixture[-1], "kubeconfig": str(cluster.kubeconfig_path), "phases": cluster.phases}
    _write(folder / "answered", note)

    def released() -> NotYet | None:
        return None if (folder / "release").exists() else NotYet("others are measured")

    wait_for("leave to go on", released, Deadline(HOLD_SECONDS), every=0.02)
    if cluster.kept:
        boot_answer.forgotten(cluster.kubeconfig_path, image)
        _write(folder / "ended", None)
    else:
        _write(folder / "ended", boot_engine.removed(cluster.name, cluster.delete))


def _write(file: Path, content: object) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.rename(file)
