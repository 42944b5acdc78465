"""A project that runs upstream specs, of a suite that is played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.fake_suite import install, spec
from support.images import tar_of
from support.project import Project

DNS, VOLUMES = "test/e2e/network/dns.go", "test/e2e/storage/volumes.go"
SPECS = [
    spec("[sig-network] DNS should answer [Conformance]", labels=("sig-network", "Conformance"), line=30),
    spec("[sig-network] DNS should fail", "fail", labels=("sig-network", "Feature:SCTP"), line=40),
    spec("[sig-storage] volumes need two nodes", "skip", labels=("sig-storage",), file=VOLUMES),
    spec("[sig-storage] volumes keep [Serial]", labels=("sig-storage", "Serial"), file=VOLUMES, line=20),
]


class Specs:
    """A project that runs specs."""

    def __init__(self, project: Project, place: Path) -> None:
        self.project, self._place = project, place
        version = json.dumps({"serverVersion": {"gitVersion": "v1.37.1"}})
        project.engine.answer(["kubectl", "version"], version)
        project.engine.answer(["sh", "-c", "command -v kubectl"], "/usr/bin/kubectl\n")
        project.engine.answer(["realpath"], "/usr/bin/kubectl\n")
        project.engine.offer("/usr/bin/kubectl", tar_of({"kubectl": b"#!/bin/sh\n"}))
        self.suite = self.has(*SPECS)

    def has(self, *specs: dict[str, Any], **plan: Any) -> Path:
        """The suite has these."""
        return install(self._place / "e2e.test", list(specs), **plan)

    def run(self, *args: str, apart: bool = False) -> pytest.RunResult:
        """Runs pytest with the suite."""
        run = self.project.run_apart if apart else self.project.run
        return run(f"--kind-suite={self.suite}", *args)
