"""Upstream specs as pytest items against the real ``ginkgo``: one kept cluster, the same specs, processes and suite, alternating.

Usage: ``python benchmarks/specs.py --cache-dir DIR [--rounds 5] [--procs 4] [--stand-ins] [--name NAME] [--focus …] [--skip …]``.
A first run with this plugin makes the cluster, has its nodes pull the images, and fills the caches (the listing, the order); it is not
counted. Then whole processes are measured, from start to exit: ``pytest --kind-keep --kind-name=NAME --kind-focus=…`` and ``ginkgo
--procs=… --focus=… e2e.test -- …``. Between two runs it is waited until the namespaces of the one before are gone. Every run's outcomes
must be equal, spec by spec. Shares are the time until the first spec begins, that until the last one has ended, and what follows.
The cluster is removed at the end, if it was made here (no ``--name``).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ginkgo import Ginkgo, Row
from pytest_kind import attach
from pytest_kind.provision import docker_engine
from pytest_kind.waiting import Deadline, NotYet, wait_for

# Quick specs whose pods run agnhost alone.
FOCUS = r"\[sig-storage\] (ConfigMap|Secrets|Downward API volume|Projected \w+) .*\[NodeConformance\]"
SKIP = r"LinuxOnly|update|optional|immutable|Serial|Slow"
CLUSTER = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n- role: worker\n- role: worker\n"
GONE_SECONDS = 120
# What a run says of itself, at its end: each spec, how it ended, and when it ran.
RECORDER = """
import json, os
specs = []
def pytest_runtest_logreport(report):
    if report.when == "call":
        specs.append([report.nodeid.partition(".go::")[2], report.outcome, report.start, report.stop])
def pytest_sessionfinish():
    with open(os.environ["SPECS_RECORD"], "w") as file:
        json.dump(specs, file)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One process, in seconds.

    Attributes:
        before: until its first spec began.
        specs: from then until the last one had ended.
        after: until the process was gone.
        outcomes: of each spec.
    """

    before: float
    specs: float
    after: float
    outcomes: dict[str, str]

    @property
    def whole(self) -> float:
        return self.before + self.specs + self.after


class Bench:
    """The cluster, and what both run."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments, self.folder = arguments, folder
        self.name = arguments.name or f"specs-benchmark-{os.getpid()}"
        self.engine = docker_engine.connect()
        (folder / "recorder.py").write_text(RECORDER, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
        self.ginkgo = Ginkgo(self.engine, arguments.cache_dir, folder, self.name)

    def ours(self, *more: str) -> Run:
        """Pytest, attached to the cluster."""
        record, one = self.folder / "record.json", self.arguments
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "recorder", "-p", "no:cacheprovider", "-p", "no:randomly", f"--kind-procs={one.procs}"),
            *(f"--kind-focus={one.focus}", f"--kind-skip={one.skip}", f"--kind-cache-dir={one.cache_dir}"),
            *("--kind-keep", f"--kind-name={self.name}", "--kind-config=cluster.yaml", *more),
        ]
        paths = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": paths, "SPECS_RECORD": str(record)}
        with (self.folder / "pytest.log").open("w", encoding="utf-8") as output:
            start = time.time()
            subprocess.run(command, cwd=self.folder, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
        return _run_of([Row(*row) for row in json.loads(record.read_text(encoding="utf-8"))], start, time.time())

    def theirs(self) -> Run:
        """Ginkgo's own command."""
        start = time.time()
        self.ginkgo.run(f"--procs={self.arguments.procs}", f"--focus={self.arguments.focus}", f"--skip={self.arguments.skip}")
        end = time.time()
        return _run_of(self.ginkgo.rows(), start, end)

    def rest(self) -> None:
        """Waits until no spec has a namespace."""
        node = next(one for one in attach.machines(self.engine, self.name) if "control-plane" in one.name)

        def probe() -> NotYet | None:
            argv = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "namespaces", "-l", "e2e-run", "-o", "name"]
            said = self.engine.exec(node.id, argv)
            return NotYet(said.output) if said.code or said.stdout.strip() else None

        wait_for("namespaces of specs to be gone", probe, Deadline(GONE_SECONDS))


def _run_of(rows: list[Row], start: float, end: float) -> Run:
    if not rows:
        raise SystemExit("no spec ran; see the logs")
    first, last = min(row.begin for row in rows), max(row.end for row in rows)
    return Run(first - start, last - first, end - last, {row.name: row.outcome for row in rows})


def compare(bench: Bench, rounds: int) -> int:
    """Runs both in turns, and prints.

    Returns:
        How many specs ended differently in some run.
    """
    runs: dict[str, list[Run]] = {"pytest": [], "ginkgo": []}
    for number in range(rounds):
        for tool in sorted(runs, reverse=bool(number % 2)):
            bench.rest()
            one = bench.ours() if tool == "pytest" else bench.theirs()
            runs[tool].append(one)
            print(
                f"{tool}: {one.whole:.1f} s (before {one.before:.1f}, specs {one.specs:.1f}, after {one.after:.1f}), {len(one.outcomes)} specs",
                flush=True,
            )
    everyone = [run for found in runs.values() for run in found]
    names = {name for run in everyone for name in run.outcomes}
    different = [name for name in sorted(names) if len({run.outcomes.get(name, "none") for run in everyone}) > 1]
    for name in different:
        print(f"differs: {name}: " + "; ".join(f"{tool} {' '.join(run.outcomes.get(name, 'none') for run in found)}" for tool, found in runs.items()))
    middle = {}
    for tool, found in runs.items():
        middle[tool] = statistics.median(run.whole for run in found)
        shares = ", ".join(f"{what} {statistics.median(getattr(run, what) for run in found):.1f}" for what in ("before", "specs", "after"))
        print(f"{tool}: median {middle[tool]:.1f} s ({shares})")
    print(f"{len(names)} specs, {len(different)} with different outcomes; pytest/ginkgo {middle['pytest'] / middle['ginkgo']:.3f}")
    return len(different)


def main() -> int:
    """Returns 0 where all outcomes were equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=lambda text: Path(text).absolute(), required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--procs", type=int, default=4)
    parser.add_argument("--focus", default=FOCUS)
    parser.add_argument("--skip", default=SKIP)
    parser.add_argument("--stand-ins", action="store_true", help="for machines without a container registry: the nodes pull them in the first run")
    parser.add_argument("--name", help="a kept cluster, which stays (default: one that is made and removed)")
    parser.add_argument("--logs", type=Path, help="where the runs' output is left (default: nowhere)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = (arguments.logs or Path(made)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(arguments, folder)
        try:
            first = bench.ours(*(["--kind-stand-ins"] if arguments.stand_ins else []))
            print(
                f"first run, not counted: {first.whole:.1f} s (before {first.before:.1f}, specs {first.specs:.1f}, after {first.after:.1f})",
                flush=True,
            )
            return 1 if compare(bench, arguments.rounds) else 0
        finally:
            if arguments.name is None:
                delete = [
                    str(Path(sys.executable).with_name("pytest-kind")),
                    "--cache-dir",
                    str(arguments.cache_dir),
                    "delete",
                    "cluster",
                    "--name",
                    bench.name,
                ]
                subprocess.run(delete, check=False)
            bench.engine.close()


if __name__ == "__main__":
    sys.exit(main())
