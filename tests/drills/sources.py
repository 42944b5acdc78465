"""Where node images come from, for real: a server tarball from a local server, and an image made to kind's contract.

Release downloads and registries are out of reach of the machines that run this: the tarball is put together from the parts
of the Go-module build, and the image that stands for ``kindest/node`` from ours (see docs/images.md).
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import secrets
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.image import archive, debian, go_modules, inputs, store
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.options import resolve
from pytest_kind.progress import Progress
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Image, Provider
from support import published

Run = Callable[..., "subprocess.CompletedProcess[str]"]

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
# Beside what a ready cluster has proven: the default StorageClass of the image's own manifest gives a volume.
TEST = """
import json

from kubernetes.client import CoreV1Api

SCRIPT = "echo kept > /v/f && nslookup kubernetes.default.svc.cluster.local"


def test_it(kind_cluster, kind_client, kind_namespace):
    api = CoreV1Api(kind_client)
    server = json.loads(kind_cluster.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    print("node", api.list_node().items[0].status.node_info.kubelet_version, server)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    api.create_namespaced_persistent_volume_claim(kind_namespace, {"metadata": {"name": "claim"}, "spec": claim})
    container = {"name": "c", "image": "localhost/pytest-kind/busybox:1.35.0", "command": ["sh", "-c", SCRIPT]}
    container["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}]
    spec = {"containers": [container], "volumes": volumes, "restartPolicy": "Never"}
    api.create_namespaced_pod(kind_namespace, {"metadata": {"name": "pod"}, "spec": spec})
    kind_cluster.kubectl("wait", "-n", kind_namespace, "pod/pod", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    connected = docker_engine.connect()
    yield connected
    connected.close()


@pytest.fixture
def workshop(pytestconfig: pytest.Config, provider: Provider) -> Iterator[Workshop]:
    """A place to build in, on the real engine and cache; what it leaves in the engine is removed."""
    cache = resolve(pytestconfig).cache_dir
    session = Session.open(cache)
    yield Workshop(provider=provider, cache=cache, scratch=session.folder, labels=session.labels(lease=600), progress=Progress())
    for container in provider.containers({labels.SESSION: session.id}):
        provider.remove(container.id)
    session.close()


@pytest.fixture
def wanted(provider: Provider) -> Inputs:
    return inputs.read_inputs(provider.info().architecture)


@pytest.fixture
def run(tmp_path: Path, workshop: Workshop) -> Run:
    """Runs the test above."""
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")

    def pytest_run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-rP", f"--kind-cache-dir={workshop.cache}", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return pytest_run


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and remembers what it was asked for and how it answered."""

    answered: list[tuple[str, int]]

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del size
        self.answered.append((self.path, int(code)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Says nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[tuple[str, int]]]]:
    """A folder, its URL, and what was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Handler", (Server,), {"answered": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", handler.answered  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def server_tarball(workshop: Workshop, wanted: Inputs, target: Path) -> None:
    """What a release has, from the programs that the Go modules gave: images with the architecture in their names."""
    programs = go_modules.build(workshop, wanted, go_modules.KUBERNETES)
    scratch = workshop.scratch
    with gzip.GzipFile(target, "wb", compresslevel=1, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:

        def add(name: str, content: Path | bytes) -> None:
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            entry = archive.member(f"kubernetes/{name}", tarfile.REGTYPE, 0o755, size)
            with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
                tar.addfile(entry, stream)

        add("LICENSES", b"...")
        for program in ("kubeadm", "kubectl", "kubelet"):
            add(f"server/bin/{program}", programs / program)
        below = proxy_root(workshop, wanted, scratch / "proxy.tar")
        for program in CONTROL_PLANE:
            layer = archive.write_layer(scratch / "layer.tar", {f"usr/local/bin/{program}": programs / program})
            tag = f"registry.k8s.io/{program}-{wanted.architecture}:{wanted.kubernetes}"
            layers = [below, layer] if program == "kube-proxy" else [layer]
            add(
                f"server/bin/{program}.tar",
                archive.write_images(scratch / "image.tar", wanted.architecture, [archive.ImagePlan(tag=tag, layers=layers)]),
            )
            add(f"server/bin/{program}.docker_tag", wanted.kubernetes.encode())
        add("version", f"{wanted.kubernetes}\n".encode())


def proxy_root(workshop: Workshop, wanted: Inputs, target: Path) -> Path:
    """The lowest layer of kube-proxy's image."""
    provider = workshop.provider
    builder = provider.create(workshop.builder(debian.base_image(workshop, wanted), purpose="proxy", volume="/build"))
    provider.start(builder)
    with archive.files_archive({"layers": wanted.root / "build/layers"}, workshop.scratch) as files:
        provider.put(builder, "/build", files)
    done = provider.exec(builder, ["/build/layers", "/build/proxy", "/build/busybox"])
    assert done.code == 0, done.output
    with provider.get(builder, "/build/proxy") as stream:
        archive.rebase_layer(stream, "proxy", target)
    provider.remove(builder)
    return target


def images_of_sources(provider: Provider) -> dict[str, Image]:
    return {image.tags[0]: image for image in provider.images({labels.KIND: "node-image"}) if json.loads(image.labels[labels.FACTS]).get("source")}


def test_a_server_tarball_from_a_server(
    run: Run, workshop: Workshop, wanted: Inputs, provider: Provider, served: tuple[Path, str, list[tuple[str, int]]]
) -> None:
    folder, url, answered = served
    name = f"kubernetes-server-linux-{wanted.architecture}.tar.gz"
    server_tarball(workshop, wanted, folder / name)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / f"{name}.sha256").write_text(f"{digest}  {name}\n", encoding="utf-8")
    before = images_of_sources(provider)
    try:
        done = run(f"--kind-source={url}/{name}")
        assert done.returncode == 0, done.stdout
        assert f"node {wanted.kubernetes} {wanted.kubernetes}" in done.stdout
        assert answered == [(f"/{name}", 200), (f"/{name}.sha256", 200), (f"/{name}.sha512", 404)]
        assert f"Kubernetes {wanted.kubernetes} is taken from {url}/{name}" in done.stdout
        (tag,) = set(images_of_sources(provider)) - set(before)
        assert json.loads(images_of_sources(provider)[tag].labels[labels.FACTS])["source"] == digest
        answered.clear()
        again = run(f"--kind-source={url}/{name}")
        assert again.returncode == 0, again.stdout
        assert answered == [(f"/{name}", 304)]
        assert "assembling" not in again.stdout
    finally:
        for tag in set(images_of_sources(provider)) - set(before):
            provider.remove_image(tag)


def test_an_image_to_the_contract_of_kinds_published_ones(run: Run, workshop: Workshop, wanted: Inputs, provider: Provider) -> None:
    ours = store.resolve(workshop)
    tag = f"localhost/pytest-kind-test/published:{secrets.token_hex(4)}"
    image = published.make(provider, ours.id, tag, {**workshop.labels, labels.KIND: "builder"})
    try:
        assert not any(image.labels.values())
        done = run(f"--kind-image={tag}")
        assert done.returncode == 0, done.stdout
        assert f"node {wanted.kubernetes} {wanted.kubernetes}" in done.stdout
    finally:
        provider.remove_image(tag)
