"""Archives of images as engines and tools write them, and a containerd that takes them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_kind.provision.provider import Result

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def chains(layers: Sequence[str]) -> list[str]:
    """The chain ids of layers, the lowest first."""
    found: list[str] = []
    for layer in layers:
        found.append(digest_of(f"{found[-1]} {layer}".encode()) if found else layer)
    return found


def tar_of(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def members_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name: found.read() for one in tar if (found := tar.extractfile(one))}


@dataclass(slots=True)
class Layout:
    """An OCI layout in the making, with a ``manifest.json`` where wanted, as ``docker save`` writes."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def blob(self, content: bytes) -> str:
        self.blobs[digest_of(content)] = content
        return digest_of(content)

    def image(self, layers: Sequence[bytes], architecture: str = "amd64", **more: Any) -> dict[str, Any]:
        """A manifest's descriptor; its layers are not packed."""
        digests = [self.blob(layer) for layer in layers]
        configuration = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}, **more}
        manifest = {
            "schemaVersion": 2,
            "config": {"digest": self.blob(json.dumps(configuration).encode())},
            "layers": [{"digest": digest} for digest in digests],
        }
        return self._descriptor(MANIFEST, manifest) | {"platform": {"os": "linux", "architecture": architecture}}

    def index(self, children: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return self._descriptor(INDEX, {"schemaVersion": 2, "manifests": list(children)})

    def add(self, descriptor: Mapping[str, Any], name: str | None, key: str = "io.containerd.image.name") -> None:
        self.entries.append({**descriptor, "annotations": {key: name} if name else {}})

    def configuration(self, descriptor: Mapping[str, Any]) -> str:
        return str(json.loads(self.blobs[descriptor["digest"]])["config"]["digest"])

    def archive(self, manifest: Sequence[Mapping[str, Any]] | None = None) -> bytes:
        members = {f"blobs/sha256/{digest.removeprefix('sha256:')}": content for digest, content in sorted(self.blobs.items())}
        members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": self.entries}).encode()
        if manifest is not None:
            members["manifest.json"] = json.dumps(manifest).encode()
        return tar_of({**members, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'})

    def _descriptor(self, kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
        content = json.dumps(document).encode()
        return {"mediaType": kind, "digest": self.blob(content), "size": len(content)}


@dataclass(slots=True)
class NodeContainerd:
    """What ``ctr`` on a node says and does, as far as loading goes."""

    images: dict[str, str] = field(default_factory=dict)
    unpacked: set[str] = field(default_factory=set)
    imports: list[dict[str, bytes]] = field(default_factory=list)
    refuses: str = ""  # what import says after it made its references, as when the disk is full

    def run(self, argv: Sequence[str], archive: bytes = b"") -> Result:
        if argv[0] == "sh":
            return _said(["overlayfs", "KEY PARENT KIND", *(f"{one} Committed" for one in sorted(self.unpacked))])
        verb, arguments = argv[4], argv[5:]
        if verb == "list":
            return _said(
                [
                    "REF TYPE DIGEST SIZE PLATFORMS LABELS",
                    *(f"{name} {MANIFEST} {digest} 1 MiB linux/amd64 -" for name, digest in self._fit(arguments)),
                ]
            )
        if verb == "tag":
            self.images[arguments[-1]] = self.images[arguments[-2]]
        elif verb == "remove":
            for name in arguments:
                self.images.pop(name, None)
        else:
            return self._import(archive)
        return _said([])

    def _fit(self, filters: Iterable[str]) -> list[tuple[str, str]]:
        wanted = [one.replace('"', "").split("==") for one in filters]
        return [
            (name, digest)
            for name, digest in sorted(self.images.items())
            if any(value == (name if key == "name" else digest) for key, value in wanted)
        ]

    def _import(self, archive: bytes) -> Result:
        try:
            members = members_of(archive)
        except tarfile.TarError:
            return Result(1, "", "ctr: short read: unexpected EOF")
        self.imports.append(members)
        blobs = {f"sha256:{name.rpartition('/')[2]}": content for name, content in members.items() if name.startswith("blobs/")}
        if "index.json" not in members:
            for one in json.loads(members["manifest.json"]):
                for name in one["RepoTags"]:
                    self._made(f"docker.io/library/{name}", digest_of(archive), digest_of(members[one["Config"]]))
            return _said([])
        for entry in json.loads(members["index.json"])["manifests"]:
            manifest = _manifest(entry["digest"], blobs)
            if manifest is None:
                return Result(1, "", "ctr: image might be filtered out")
            name = entry["annotations"]["io.containerd.image.name"]
            self.images[name] = entry["digest"]
            diffs = json.loads(blobs[manifest["config"]["digest"]])["rootfs"]["diff_ids"]
            for layer, chain in zip(manifest["layers"], chains(diffs), strict=True):
                if chain not in self.unpacked and layer["digest"] not in blobs:
                    return Result(1, "", f"ctr: content digest {layer['digest']}: not found")
            self._made(name, entry["digest"], manifest["config"]["digest"])
            if self.refuses:
                return Result(1, "", self.refuses)
            self.unpacked |= set(chains(diffs))
        return _said([])

    def _made(self, name: str, target: str, configuration: str) -> None:
        self.images |= {name: target, configuration: target}


def _manifest(digest: str, blobs: Mapping[str, bytes]) -> dict[str, Any] | None:
    if digest not in blobs:
        return None
    document = dict(json.loads(blobs[digest]))
    if "config" in document:
        return document
    children = [one["digest"] for one in document["manifests"] if one["platform"]["architecture"] == "amd64"]
    return next((found for one in children if (found := _manifest(one, blobs))), None)


def _said(lines: Sequence[str]) -> Result:
    text = "".join(f"{line}\n" for line in lines)
    return Result(0, text, text)
