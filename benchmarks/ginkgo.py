"""The suite's own ``ginkgo`` on a kept cluster: what ours is compared with."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from pytest_kind import attach
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.suite import companions, suite_for
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.progress import Progress
from pytest_kind.provision.provider import Provider


@dataclass(frozen=True, slots=True)
class Row:
    """One spec of a run.

    Attributes:
        name: its whole text.
        outcome: ``passed``, ``failed`` or ``skipped``, as pytest would say.
        begin: seconds since the epoch.
        end: the same.
        message: why it failed or was skipped.
    """

    name: str
    outcome: str
    begin: float
    end: float
    message: str = ""


class Ginkgo:
    """Runs specs as people without this plugin do.

    Args:
        cache: where the plugin's caches are: suite and ginkgo are those that it uses itself.
        folder: for the kubeconfig, the report and the log.
        name: of the cluster, which must be there when specs are run.
    """

    def __init__(self, engine: Provider, cache: Path, folder: Path, name: str) -> None:
        self._engine, self._folder, self._name = engine, folder, name
        session = Session.open(cache)
        try:
            workshop = Workshop(provider=engine, cache=cache, scratch=session.folder, labels=session.labels(lease=300), progress=Progress())
            self._suite = suite_for(workshop).binary
            self._ginkgo = companions(workshop, read_inputs(engine.info().architecture).kubernetes)["ginkgo"]
        finally:
            session.close()

    def run(self, *options: str) -> None:
        """One process, to its end.

        Args:
            options: ginkgo's, such as ``--focus``.
        """
        kubeconfig, report = self._folder / "kubeconfig", self._folder / "ginkgo.json"
        kubeconfig.write_text(yaml.safe_dump(attach.kubeconfig_of(self._engine, self._name)), encoding="utf-8")
        kubeconfig.chmod(0o600)
        report.unlink(missing_ok=True)
        command = [
            *(str(self._ginkgo), *options, "--no-color", "--timeout=24h", f"--json-report={report.name}", f"--output-dir={self._folder}"),
            *(str(self._suite), "--", "--provider=skeleton", f"--kubeconfig={kubeconfig}", "--num-nodes=2", "--disable-log-dump=true"),
        ]
        with (self._folder / "ginkgo.log").open("w", encoding="utf-8") as output:
            subprocess.run(command, cwd=self._folder, env=dict(os.environ), stdout=output, stderr=subprocess.STDOUT, check=False)

    def rows(self) -> list[Row]:
        """Of the last run, without what the options left out.

        Raises:
            OSError: it wrote no report: its log says why.
        """
        (whole,) = json.loads((self._folder / "ginkgo.json").read_text(encoding="utf-8"))
        return [_row(one) for one in whole["SpecReports"] if one["LeafNodeType"] == "It" and _ran(one)]


def _ran(report: dict[str, Any]) -> bool:
    # What the focus leaves out is reported, too: as skipped, without a word.
    return report["State"] not in {"skipped", "pending"} or bool(report.get("Failure"))


def _row(report: dict[str, Any]) -> Row:
    state = report["State"]
    return Row(
        name=" ".join([*report["ContainerHierarchyTexts"], report["LeafNodeText"]]),
        outcome=state if state in {"passed", "skipped"} else "failed",
        begin=datetime.fromisoformat(report["StartTime"]).timestamp(),
        end=datetime.fromisoformat(report["EndTime"]).timestamp(),
        message=report.get("Failure", {}).get("Message", ""),
    )
