"""Server tarballs of Kubernetes, small ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

BIN = "kubernetes/server/bin/"
MACHINES = {"amd64": 62, "arm64": 183}


def program(architecture: str = "amd64", content: bytes = b"") -> bytes:
    """The beginning of a Linux program."""
    return b"\x7fELF\x02\x01\x01" + bytes(11) + MACHINES[architecture].to_bytes(2, "little") + content


def image(tag: str, extra: Mapping[str, bytes] | None = None) -> bytes:
    """An archive of an image, as ``docker save`` writes them."""
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    return tar({"config.json": b"{}", "layer.tar": b"layer", "manifest.json": manifest, **(extra or {})})


def contents(architecture: str = "amd64", version: str = "v1.37.1") -> dict[str, bytes]:
    """The files of a server tarball."""
    files = {f"{BIN}{name}": program(architecture, name.encode()) for name in ("kubeadm", "kubectl", "kubelet")}
    for name in ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"):
        files[f"{BIN}{name}.tar"] = image(f"registry.k8s.io/{name}-{architecture}:{version}")
        files[f"{BIN}{name}.docker_tag"] = version.replace("+", "_").encode()
        files[f"{BIN}{name}"] = program(architecture)  # there too, and not needed
    return {"kubernetes/LICENSES": b"...", **files, "kubernetes/version": f"{version}\n".encode()}


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def write(target: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A server tarball."""
    target.write_bytes(gzip.compress(tar(contents() if files is None else files), mtime=0))
    return target
