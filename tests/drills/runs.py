"""Drills of whole runs on the real engine; nothing may be left afterwards. They take minutes and are run by hand.

Usage:
    python tests/drills/runs.py kill --cache-dir DIR [--times 30] [--seed N]
        Kills pytest with SIGKILL at random moments, from process start to exit. Each round starts a run, kills it,
        starts another that must be green, and lists what is left. In every third round the node image is removed
        first, so that the kill falls into a build.
    python tests/drills/runs.py many --cache-dir DIR [--times 20] [--together 4]
        Runs many times in a row, then several at a time, from one folder, with no option but the cache's place.
    python tests/drills/runs.py workers --cache-dir DIR [--times 20] [--seed N]
        Forty tests on four workers of xdist, on one cluster and, every other time, on one for each; of every two runs one has a
        worker or two killed with SIGKILL, and once in four the controller. What was there before is let alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_kind import labels
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.store import cached_labels
from pytest_kind.provision import docker_engine

FORTY = """
import pytest, time
from kubernetes.client import CoreV1Api

@pytest.mark.parametrize("number", range(40))
def test_a_namespace_is_ones_own(kind_client, kind_namespace, number):
    api = CoreV1Api(kind_client)
    api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": "mine"}, "data": {"number": str(number)}})
    time.sleep(0.3)
    found = api.list_namespaced_config_map(kind_namespace).items
    assert [one.data["number"] for one in found if one.metadata.name == "mine"] == [str(number)]
"""
TEST = "def test_it(kind_cluster, kind_namespace):\n    assert 'Ready' in kind_cluster.kubectl('get', 'nodes')\n"
BUILDS_EVERY = 3
BOOT_SECONDS, BUILD_SECONDS = 13, 34


@dataclass(frozen=True)
class Project:
    """A folder with one test, and a place for temporary files that is looked into afterwards."""

    folder: Path
    cache: Path

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def start(self, *options: str) -> subprocess.Popen[str]:
        """One run of pytest."""
        environment = {**os.environ, "TMPDIR": str(self.temporary), "PYTEST_KIND_CACHE_DIR": str(self.cache)}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def left(self) -> list[str]:
        """Everything of runs with this cache that is there while none should run."""

        def own(marks: Mapping[str, str]) -> bool:
            return str(self.cache) in marks.get(labels.OWNER, "")

        with engine() as provider:
            found = [f"container {one.name}" for one in provider.containers({labels.SESSION: None}) if own(one.labels)]
            found += [f"volume {one.name}" for one in provider.volumes({labels.SESSION: None}) if own(one.labels)]
        networks = ["docker", "network", "ls", "--quiet", "--filter", f"label={labels.SESSION}"]
        found += [f"network {one}" for one in subprocess.run(networks, capture_output=True, text=True, check=True).stdout.split()]
        found += [f"session {one.name}" for one in (self.cache / "sessions").glob("*")]
        found += [f"lock {one.name}" for one in (self.cache / "locks").glob("*")]
        found += [f"temporary file {one.name}" for one in self.temporary.iterdir() if not one.name.startswith("pytest-of-")]
        return found


@contextlib.contextmanager
def engine() -> Iterator[docker_engine.DockerEngine]:
    """The engine, for a moment."""
    provider = docker_engine.connect()
    try:
        yield provider
    finally:
        provider.close()


def remove_image() -> None:
    """Removes the default node image, so that the next run assembles it again from its cached parts."""
    with engine() as provider:
        for image in provider.images(cached_labels(read_inputs(provider.info().architecture))):
            provider.remove_image(image.id)


def kill(project: Project, times: int, seed: int) -> int:
    """Rounds that failed."""
    chance = random.Random(seed)  # noqa: S311 - a drill
    print(f"seed {seed}", flush=True)
    bad = 0
    for round_ in range(1, times + 1):
        building = round_ % BUILDS_EVERY == 0
        if building:
            remove_image()
        after = chance.uniform(0, BUILD_SECONDS if building else BOOT_SECONDS)
        victim = project.start()
        try:
            victim.communicate(timeout=after)
            ended = f"had ended with {victim.returncode}"
        except subprocess.TimeoutExpired:
            os.kill(victim.pid, signal.SIGKILL)  # not its group: its children must go by themselves
            victim.communicate()
            ended = "killed"
        following = project.start()
        output = following.communicate()[0]
        remains = project.left()
        bad += bool(following.returncode or remains)
        print(
            f"round {round_}: {'building, ' if building else ''}{ended} after {after:.1f} s; "
            f"next run {following.returncode}; left: {remains or 'nothing'}",
            flush=True,
        )
        if following.returncode:
            print(output[-3000:], flush=True)
    return bad


def many(project: Project, times: int, together: int) -> int:
    """Runs that failed, and one more if anything is left."""
    bad = 0
    for batch in [1] * times + [together]:
        begin = time.monotonic()
        runs = [project.start() for _ in range(batch)]
        outputs = [run.communicate()[0] for run in runs]
        codes = [run.returncode for run in runs]
        bad += sum(code != 0 for code in codes)
        print(f"{batch} at a time: {codes} in {time.monotonic() - begin:.1f} s", flush=True)
        for output in (output for output, code in zip(outputs, codes, strict=True) if code):
            print(output[-3000:], flush=True)
    remains = project.left()
    print(f"left: {remains or 'nothing'}")
    return bad + bool(remains)


def workers(project: Project, times: int, seed: int) -> int:
    """Runs that failed for another reason than a death, or left something."""
    chance = random.Random(seed)  # noqa: S311 - a drill
    print(f"seed {seed}", flush=True)
    bad, before = 0, set(project.left())
    for round_ in range(times):
        per_worker, deaths = bool(round_ & 1), chance.randint(1, 2) if round_ & 2 else 0
        controller = round_ % 8 == 6
        begin = time.monotonic()
        run = project.start("-n4", *(["--kind-per-worker"] if per_worker else []))
        killed = 0
        for _ in range(deaths):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(chance.uniform(2, 12))
            children = children_of(run.pid)
            if children and run.poll() is None:
                os.kill(run.pid if controller else chance.choice(children), signal.SIGKILL)
                killed += 1
        said = run.communicate()[0]
        if controller and killed:
            project.start("--kind-gc").communicate()  # what the next run would do first
        summary = next((line for line in reversed(said.splitlines()) if re.search(r" in [\d.]+s", line)), "")
        counts = {what: int(count) for count, what in re.findall(r"(\d+) (passed|failed|errors?)", summary)}
        remains = sorted(set(project.left()) - before)
        # A death costs the test that its worker was at; xdist says which, and has the others run by a new worker.
        well = (controller and killed) or (
            counts.get("passed", 0) >= 40 - killed and sum(counts.values()) >= 40 and counts.get("failed", 0) <= killed
        )
        bad += bool(remains or not well)
        how = f"{'the controller' if controller else killed} killed" if killed else "nobody killed"
        form = "a cluster for each" if per_worker else "one cluster"
        print(f"round {round_ + 1}: {form}, {how}: {counts} in {time.monotonic() - begin:.1f} s; left: {remains or 'nothing'}", flush=True)
        if not well:
            print(said[-4000:], flush=True)
    return bad


def children_of(pid: int) -> list[int]:
    """The processes that a process started: a controller's workers, after its first moments."""
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "-c" in line.split()]


def main() -> int:
    """Returns 0 when all was well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("drill", choices=["kill", "many", "workers"])
    parser.add_argument("--cache-dir", type=lambda text: Path(text).absolute(), required=True)
    parser.add_argument("--times", type=int)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), arguments.cache_dir)
        project.temporary.mkdir()
        (project.folder / "test_it.py").write_text(TEST, encoding="utf-8")
        if arguments.drill == "workers":
            (project.folder / "test_it.py").write_text(FORTY, encoding="utf-8")
            bad = workers(project, arguments.times or 20, arguments.seed)
        elif arguments.drill == "kill":
            bad = kill(project, arguments.times or 30, arguments.seed)
        else:
            bad = many(project, arguments.times or 20, arguments.together)
    print("all was well" if not bad else f"{bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
