"""An engine of the drill's own with the containerd image store; a cluster there, and images into it.

pytest tests/drills/containerd_store.py (as root, with an engine that has the node image)

One of its images is an index of two platforms of which the engine has one, as after a pull: kind#3795.
"""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.options import resolve
from support import own_engine
from support.images import Layout, tar_of
from support.own_engine import OwnEngine

TESTS = """
import time

def has(node, name):
    return name in node.exec("ctr", "--namespace", "k8s.io", "images", "list", "--quiet").split()

def test_an_index_whose_other_platform_is_missing(kind_cluster):
    kind_cluster.load_image("drill/two-platforms:1")
    node = kind_cluster.nodes[0]
    assert has(node, "docker.io/drill/two-platforms:1")
    node.exec("sh", "-c", "mkdir /run/seen && ctr -n k8s.io images mount docker.io/drill/two-platforms:1 /run/seen && grep . /run/seen/from")

def test_a_built_image_runs_in_a_pod_and_the_second_load_is_quick(kind_cluster, kind_image):
    image = kind_image("context")
    assert has(kind_cluster.nodes[0], image)
    kind_cluster.kubectl("run", "it", f"--image={image}", "--image-pull-policy=IfNotPresent")
    kind_cluster.kubectl("wait", "--for=condition=Ready", "pod/it", "--timeout=60s")
    start = time.monotonic()
    assert kind_image("context") == image
    seconds = time.monotonic() - start
    print(f"the second load: {seconds:.2f} s")
    assert seconds < 1
"""


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> str:
    """The node image: the one of the options, else this checkout's."""
    return resolve(pytestconfig).image or own_engine.node_image()


@pytest.fixture(scope="module")
def engine(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """With the store switched on, and the node image."""
    file = tmp_path_factory.mktemp("engine") / "daemon.json"
    file.write_text('{"features": {"containerd-snapshotter": true}}', encoding="utf-8")
    with own_engine.running(f"--config-file={file}") as started:
        assert "io.containerd.snapshotter" in started.docker("info", "--format={{.DriverStatus}}")
        started.bring(image)
        yield started


def load_half_an_index(engine: OwnEngine, folder: Path) -> None:
    """Has the engine know an index of two platforms, and lose what belongs to the other machine's."""
    layout = Layout()
    children = [layout.image([tar_of({"from": name.encode()})], name) for name in ("amd64", "arm64")]
    layout.add(layout.index(children), "docker.io/drill/two-platforms:1")
    archive = folder / "two.tar"
    archive.write_bytes(layout.archive())
    engine.docker("load", f"--input={archive}")
    here = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    foreign = next(one for one in children if one["platform"]["architecture"] != here)
    manifest = json.loads(layout.blobs[foreign["digest"]])
    blobs = [foreign["digest"], manifest["config"]["digest"], *(one["digest"] for one in manifest["layers"])]
    engine.ctr("content", "rm", *blobs)


def static_program(engine: OwnEngine, image: str, context: Path) -> None:
    """A context whose image is one program: the node image's busybox, which is static."""
    container = engine.docker("create", image, "true").strip()
    copied = subprocess.run(
        ["docker", "--host", engine.host, "cp", "--follow-link", f"{container}:/bin/busybox", "-"], check=True, stdout=subprocess.PIPE
    )
    engine.docker("rm", "--volumes", container)
    context.mkdir()
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as tar:
        member = next(iter(tar))
        member.name = "busybox"
        tar.extract(member, context, filter="data")
    (context / "Dockerfile").write_text('FROM scratch\nCOPY busybox /busybox\nENTRYPOINT ["/busybox", "sleep", "1000"]\n', encoding="utf-8")


def test_images_reach_a_cluster(engine: OwnEngine, image: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    load_half_an_index(engine, tmp_path)
    static_program(engine, image, tmp_path / "context")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    options = [f"--kind-cache-dir={resolve(pytestconfig).cache_dir}", f"--kind-image={image}", f"--rootdir={tmp_path}", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-rP", "-p", "no:cacheprovider", *options],
        env={**os.environ, "DOCKER_HOST": engine.host},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout
