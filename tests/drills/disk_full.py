"""An engine whose disk is full: before a cluster is asked for, and while upstream specs run on one. Run by hand, as root.

Usage: pytest tests/drills/disk_full.py --kind-cache-dir DIR
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.options import resolve
from support import own_engine
from support.own_engine import OwnEngine
from support.spec_runs import Run, suites

_GIB, _MIB = 1 << 30, 1 << 20
# Some that only ask the API, then some that want pods.
SPECS = r"FieldValidation should detect|ConfigMap should|\[sig-storage\] ConfigMap.*\[NodeConformance\]"


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> str:
    """The node image: the one of the options, else this checkout's."""
    return resolve(pytestconfig).image or own_engine.node_image()


@pytest.fixture(scope="module")
def engine(image: str) -> Iterator[OwnEngine]:
    """With the node image on a disk of its own, this thread in its network."""
    with own_engine.running("--storage-driver=overlay2", disk=5 * _GIB) as started:
        started.bring(image)
        yield started


@pytest.fixture(autouse=True)
def nothing_is_left(engine: OwnEngine) -> Iterator[None]:
    """Runs leave nothing in the engine; the next one has room again."""
    yield
    engine.empty()
    assert not engine.docker("ps", "--all", "--quiet"), "a container is left"
    assert not engine.docker("volume", "ls", "--quiet"), "a volume is left"


ASKED = [
    pytest.param(40 * _MIB, (), "disk-full: 40 MiB free in", id="looked at before"),
    pytest.param(4 * _MIB, ("--kind-preflight=no-disk-full",), "disk is full", id="nothing fits"),
    pytest.param(40 * _MIB, ("--kind-preflight=no-disk-full",), "disk is full", id="half a boot fits"),
]


@pytest.mark.parametrize(("spare", "options", "words"), ASKED)
def test_a_cluster_that_is_asked_for(
    engine: OwnEngine, image: str, spare: int, options: tuple[str, ...], words: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(kind_cluster): pass\n", encoding="utf-8")
    engine.fill(spare)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--kind-image={image}", "--kind-timeout=60", *options]
    environment = {**os.environ, "DOCKER_HOST": engine.host, "PYTEST_KIND_CACHE_DIR": str(resolve(pytestconfig).cache_dir)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert words in done.stdout, done.stdout


def test_while_specs_run(engine: OwnEngine, image: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    options = [f"--kind-focus={SPECS}", f"--kind-image={image}", "--kind-stand-ins", "--kind-procs=2", "--kind-spec-timeout=60"]
    run = Run(tmp_path, resolve(pytestconfig).cache_dir, *options, DOCKER_HOST=engine.host)
    try:
        for _ in range(3):
            run.until("PASSED", 400)
        ran = run.outcomes()
        engine.fill()
        outcomes = run.end(900)
    finally:
        run.process.terminate()
        run.process.wait(120)
    assert set(ran.values()) == {"PASSED"}
    assert outcomes.items() >= ran.items(), run.text
    assert set(outcomes.values()) == {"PASSED", "FAILED"}, run.text  # one that finds all it needs in memory may yet pass
    assert list(outcomes.values())[-10:] == ["FAILED"] * 10, run.text
    assert f"the disk of {run.cluster}-control-plane is full" in run.text, run.text
    assert suites(run) == []
