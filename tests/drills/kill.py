"""Kills pytest with SIGKILL at random moments, from process start to exit, and checks what the next run leaves.

Usage: python tests/drills/kill.py [--times 30] [--seed N] [--cache-dir DIR]

Each round starts a run in a process group of its own, kills the group (builders included) at a random moment, starts
another run that must be green, and then lists what is left of either: containers, volumes, networks, session folders,
locks, temporary files. In every third round the node image is removed first, so that the kill falls into a build.
Needs an engine; takes about half a minute a round.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_kind import labels
from pytest_kind.image.inputs import read_inputs
from pytest_kind.image.store import cached_labels
from pytest_kind.provision import docker_engine

TEST = "def test_it(kind_cluster, kind_namespace):\n    assert 'Ready' in kind_cluster.kubectl('get', 'nodes')\n"


def left(cache: Path, temporary: Path) -> list[str]:
    """Everything of ours that is there while nothing of ours runs."""
    provider = docker_engine.connect()
    try:
        found = [f"container {one.name}" for one in provider.containers({labels.SESSION: None})]
        found += [f"volume {one.name}" for one in provider.volumes({labels.SESSION: None})]
    finally:
        provider.close()
    networks = subprocess.run(
        ["docker", "network", "ls", "--quiet", "--filter", f"label={labels.SESSION}"], capture_output=True, text=True, check=True
    )
    found += [f"network {one}" for one in networks.stdout.split()]
    found += [f"session {one.name}" for one in (cache / "sessions").glob("*")]
    found += [f"lock {one.name}" for one in (cache / "locks").glob("*")]
    found += [f"temporary file {one.name}" for one in temporary.iterdir() if not one.name.startswith("pytest-of-")]
    return found


def remove_image() -> None:
    """Removes the default node image, so that the next run assembles it again from its cached parts."""
    provider = docker_engine.connect()
    try:
        for image in provider.images(cached_labels(read_inputs(provider.info().architecture))):
            provider.remove_image(image.id)
    finally:
        provider.close()


def main() -> int:
    """Returns 0 when nothing was left in any round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--cache-dir", type=Path, required=True)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - a drill
    print(f"seed {arguments.seed}", flush=True)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(TEST, encoding="utf-8")
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--kind-cache-dir={arguments.cache_dir}", folder]
        environment = {**os.environ, "TMPDIR": str(temporary)}
        for round_ in range(arguments.times):
            building = round_ % 3 == 2
            if building:
                remove_image()
            after = chance.uniform(0, 34 if building else 13)
            victim = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                victim.wait(after)
                ended = f"had ended with {victim.returncode}"
            except subprocess.TimeoutExpired:
                os.kill(victim.pid, signal.SIGKILL)  # not its group: its children must go by themselves
                victim.wait()
                ended = "killed"
            following = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            remains = left(arguments.cache_dir, temporary)
            good = following.returncode == 0 and not remains
            bad += not good
            print(
                f"round {round_ + 1}: {'building, ' if building else ''}{ended} after {after:.1f} s; "
                f"next run {following.returncode}; left: {remains or 'nothing'}",
                flush=True,
            )
            if following.returncode:
                print(following.stdout[-3000:], flush=True)
    print(f"{arguments.times - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
