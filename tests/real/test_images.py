"""Images into the nodes of a real cluster."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_kind import KindCluster
from pytest_kind.errors import ImageError, UnknownImage
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Provider
from pytest_kind.toolbox.images.names import full_name


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    connected = docker_engine.connect()
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def base(kind_cluster: KindCluster, provider: Provider) -> Iterator[str]:
    """An image of one layer: busybox, from the node."""
    tag = f"pytest-kind-test/base:{kind_cluster.name}"
    with provider.get(kind_cluster.nodes[0].container, "/bin/busybox") as archive:
        provider.import_image(archive, tag, {})
    yield tag
    provider.remove_image(tag)


@pytest.fixture
def context(base: str, tmp_path: Path) -> Path:
    """A folder whose image has two layers more."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "one").write_text(f"one {tmp_path}", encoding="utf-8")
    (folder / "two").write_text(f"two {tmp_path}", encoding="utf-8")
    (folder / "secret").write_text("no", encoding="utf-8")
    (folder / ".dockerignore").write_text("secret\n", encoding="utf-8")
    lines = [f"FROM {base}", "ARG WORD=none", "COPY one /one", "COPY . /all/", "ENV WORD=$WORD", 'ENTRYPOINT ["/busybox"]', 'CMD ["true"]']
    (folder / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def forgotten(provider: Provider) -> Iterator[Callable[[str], str]]:
    """Names that the engine loses at the end."""
    names: list[str] = []

    def keep(name: str) -> str:
        names.append(name)
        return name

    yield keep
    for name in names:
        provider.remove_image(name)


def there(cluster: KindCluster) -> set[str]:
    return set(cluster.nodes[0].exec("ctr", "--namespace", "k8s.io", "images", "list", "--quiet").split())


def leftovers(cluster: KindCluster) -> set[str]:
    """What a broken import may leave: half written content, and leases (each running pod's sandbox has one too)."""
    return set(cluster.nodes[0].exec("sh", "-c", "ctr -n k8s.io leases list --quiet; ctr -n k8s.io content active | tail -n +2").splitlines())


def output(cluster: KindCluster, namespace: str, image: str, *command: str) -> str:
    """What a command in a pod of the image prints."""
    name = f"pod-{time.monotonic_ns()}"
    pulled = "--image-pull-policy=IfNotPresent"
    cluster.kubectl("run", name, "-n", namespace, f"--image={image}", pulled, "--restart=Never", "--command", "--", "/busybox", *command)
    cluster.kubectl("wait", "-n", namespace, f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    return cluster.kubectl("logs", "-n", namespace, name)


def test_a_folder_is_built_loaded_and_run(
    kind_cluster: KindCluster, kind_image: Callable[..., str], kind_namespace: str, context: Path, forgotten: Callable[[str], str]
) -> None:
    image = forgotten(kind_image(context, args={"WORD": "given"}))
    assert output(kind_cluster, kind_namespace, image, "sh", "-c", "/busybox echo $WORD; /busybox ls /all").split() == [
        "given",
        "Dockerfile",
        "one",
        "two",
    ]
    start = time.monotonic()
    assert kind_image(context, args={"WORD": "given"}) == image
    assert time.monotonic() - start < 10  # neither built nor loaded again; the figure is the benchmark's
    (context / "one").write_text("changed", encoding="utf-8")
    assert forgotten(kind_image(context, args={"WORD": "given"})) != image


def test_only_the_layers_that_a_node_lacks(
    kind_cluster: KindCluster, kind_namespace: str, base: str, kind_image: Callable[..., str], context: Path, forgotten: Callable[[str], str]
) -> None:
    # Its packed layers are discarded: importing the second image must do with the unpacked one of the first.
    kind_cluster.load_image(base)
    image = forgotten(kind_image(context))
    content = kind_cluster.nodes[0].exec("sh", "-c", "ctr -n k8s.io content list | awk '{print $2}'")
    assert "MB" not in content
    assert output(kind_cluster, kind_namespace, image, "cat", "/one").startswith("one ")


def test_several_names_at_once_and_a_second_name(
    kind_cluster: KindCluster, base: str, kind_image: Callable[..., str], context: Path, forgotten: Callable[[str], str]
) -> None:
    second = forgotten(f"pytest-kind-test/second:{kind_cluster.name}")
    assert kind_image(context, tag=second) == full_name(second)
    kind_cluster.load_image(base, second)
    assert {full_name(base), full_name(second)} <= there(kind_cluster)


def test_unknown_images_are_one_error(kind_cluster: KindCluster, base: str) -> None:
    with pytest.raises(UnknownImage, match=r"^load_image: the engine has no images 'nobody/has:it', 'nor:this'; build or pull them first$"):
        kind_cluster.load_image("nobody/has:it", base, "nor:this")


def test_archives(kind_cluster: KindCluster, provider: Provider, kind_namespace: str, base: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar"
    with provider.save_images([base]) as chunks, saved.open("wb") as file:
        file.writelines(chunks)
    packed = tmp_path / "saved.tar.gz"
    with saved.open("rb") as source, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(source, target)
    bazel = tmp_path / "bazel.tar"  # of rules_oci: blobs, and no index of OCI's beside the manifest
    with tarfile.open(saved) as source, tarfile.open(bazel, "w") as target:
        for member in source:
            if member.name not in {"index.json", "oci-layout", "repositories"}:
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    node = kind_cluster.nodes[0]
    for path in (saved, packed, bazel):
        for name in there(kind_cluster) & {full_name(base)}:
            node.exec("ctr", "--namespace", "k8s.io", "images", "remove", "--sync", name)
        assert kind_cluster.load_archive(path) == (full_name(base),)
        assert full_name(base) in there(kind_cluster)
    assert output(kind_cluster, kind_namespace, base, "echo", "hello") == "hello\n"


def test_an_archive_that_ends_in_the_middle_leaves_nothing(kind_cluster: KindCluster, provider: Provider, base: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar"
    with provider.save_images([base]) as chunks:
        saved.write_bytes(b"".join(chunks)[:300_000])
    before = there(kind_cluster)
    with pytest.raises(ImageError, match=r"saved\.tar: no whole archive of images"):
        kind_cluster.load_archive(saved)
    assert there(kind_cluster) == before


def test_a_node_that_cannot_unpack_it_says_why_and_keeps_nothing(
    kind_cluster: KindCluster, provider: Provider, tmp_path: Path, forgotten: Callable[[str], str]
) -> None:
    name = forgotten(f"pytest-kind-test/broken:{kind_cluster.name}")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY large /\n", encoding="utf-8")
    (tmp_path / "large").write_bytes(b"x" * 30_000_000)
    provider.build(tmp_path, dockerfile="Dockerfile", tag=name, labels={}, arguments={})
    node = kind_cluster.nodes[0]
    snapshots = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
    before, held = there(kind_cluster), leftovers(kind_cluster)
    node.exec("sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', "sh", snapshots)
    try:
        with pytest.raises(ImageError, match=rf"(?s)1 of 1 nodes did not take .*{node.name}: .*read-only file system"):
            kind_cluster.load_image(name)
    finally:
        node.exec("umount", snapshots)
    assert there(kind_cluster) == before
    kind_cluster.load_image(name)
    assert full_name(name) in there(kind_cluster)
    assert leftovers(kind_cluster) <= held


def test_an_early_end_and_a_late_one(kind_cluster: KindCluster, provider: Provider) -> None:
    container = kind_cluster.nodes[0].container
    counted = provider.exec_with_input(container, ["wc", "-c"], (b"x" * 100_000 for _ in range(100)), seconds=30)
    assert (counted.code, counted.stdout.strip()) == (0, "10000000")
    early = provider.exec_with_input(container, ["sh", "-c", "head -c 3; exit 7"], (b"abc" * 100_000 for _ in range(100)), seconds=30)
    assert (early.code, early.stdout) == (7, "abc")
    echoed = provider.exec_with_input(container, ["cat"], (b"y" * 100_000 for _ in range(100)), seconds=30)
    assert len(echoed.stdout) == 10_000_000
    late = provider.exec_with_input(container, ["sleep", "30"], [], seconds=0.2)
    assert late.code == 124
