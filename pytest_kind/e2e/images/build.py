"""Stand-ins as a folder of blobs and manifests (an OCI layout), made once for a list of images."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytest_kind import labels
from pytest_kind.e2e.images.catalogue import Put, StandIn, choose
from pytest_kind.e2e.images.layers import Layer, Node, add_nodes, known, pack
from pytest_kind.e2e.images.programs import Programs, programs
from pytest_kind.e2e.images.roots import Roots, roots
from pytest_kind.image import go_modules
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop

# Changed when this module makes something else of the same catalogue.
_MAKER = "1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_NAME = "org.opencontainers.image.ref.name"
Store = Callable[[Mapping[str, Any], str], dict[str, Any]]
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Stand-ins on this machine's disk.

    Attributes:
        folder: an OCI layout with all of them.
        images: upstream name -> what it is made of.
        digests: upstream name -> the digest of its manifest.
        left_out: upstream name -> why nothing stands in for it.
    """

    folder: Path
    images: Mapping[str, str]
    digests: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes of all together; what they share counts once."""
        return sum(blob.stat().st_size for blob in (self.folder / "blobs/sha256").iterdir())


def build(workshop: Workshop, inputs: Inputs, images: Iterable[str]) -> Built:
    """Stand-ins for as many of the images as there can be, from the cache or made.

    Args:
        inputs: of the Kubernetes whose specs are to run: agnhost and its like are of that version.
        images: the suite's list.

    Raises:
        ImageError: Debian's part has to be made, and this is not root.
        CommandError: debootstrap fails.
    """
    choice = choose(images)
    had = programs(workshop, inputs, {module for one in choice.made.values() for module in one.modules})
    made, left_out = dict(choice.made), dict(choice.left_out)
    for image, one in choice.made.items():
        failed = sorted(one.modules & had.failures.keys())
        if failed:
            del made[image]
            left_out[image] = "; ".join(f"Go module {name}: {had.failures[name]}" for name in failed)
    base = roots(workshop, inputs)
    facts = [f"{image} {one!r}" for image, one in sorted(made.items())] + [folder.name for _, folder in sorted(had.folders.items())]
    shared = json.dumps([known(base.debian), known(base.small)])
    digest = inputs.digest_of(_MAKER, inputs.kubernetes, *facts, shared)
    folder = workshop.part("stand-ins-layout", digest, lambda target: _Maker(workshop, inputs, base, had, target).make(made), 20)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    digests = {one["annotations"][_NAME]: one["digest"] for one in index["manifests"]}
    return Built(folder=folder, images={image: one.made_of for image, one in sorted(made.items())}, digests=digests, left_out=left_out)


class _Maker:
    """Fills the folder of one part."""

    def __init__(self, workshop: Workshop, inputs: Inputs, base: Roots, had: Programs, target: Path) -> None:
        self._inputs, self._had, self._target = inputs, had, target
        self._base = {"debian": (base.debian,), "small": (base.small,), "": ()}
        self._blobs = target / "blobs/sha256"
        self._work = workshop.scratch / "stand-ins-layers"
        self._workshop = workshop
        self._source: Path | None = None
        self._packed: dict[str, Layer] = {}

    def make(self, made: Mapping[str, StandIn]) -> None:
        self._blobs.mkdir(parents=True)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        done: dict[str, dict[str, Any]] = {}
        entries = []
        for image, one in sorted(made.items()):
            if one.repository not in done:
                done[one.repository] = self._image(one)
            entries.append({**done[one.repository], "annotations": {_NAME: image}})
        self._write("index.json", {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
        self._write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        shutil.rmtree(self._work)

    def _image(self, one: StandIn) -> dict[str, Any]:
        layers: list[Layer] = list(self._base[one.base])
        layers += [self._layer(files) for files in one.layers]
        for layer in layers:
            place = self._blobs / layer.digest.removeprefix("sha256:")
            if not place.exists():
                _link(layer.file, place)
        return self._blob(self._manifest(one, layers, self._blob), MANIFEST)

    def _manifest(self, one: StandIn, layers: Sequence[Layer], store: Store) -> dict[str, Any]:
        config = {
            "architecture": self._inputs.architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": list(one.entrypoint) or None,
                "Cmd": list(one.command) or None,
                "Env": [_PATH],
                "User": one.user,
                "WorkingDir": "/",
                # Whoever looks at the image sees that it is not upstream's.
                "Labels": {labels.KIND: "stand-in"},
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created_by": f"pytest-kind: {one.made_of}"} for _ in layers],
        }
        return {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": store(config, _CONFIG),
            "layers": [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
        }

    def _registry(self, path: str, put: Put) -> dict[str, Node]:
        """One repository of agnhost's ``fake-registry-server``, with the tag ``testing`` (test/images/agnhost/fakeregistryserver)."""
        name = put.value.rpartition("/")[2]
        one = StandIn(repository=name, made_of="a program of ours", base="", entrypoint=(f"/{name}",))
        layer = self._layer({name: Put("program", put.value, 0o755)})
        nodes = {_stored(path, "blobs", layer.digest): Node(content=layer.file)}

        def keep(kind: str, document: Mapping[str, Any], media_type: str) -> dict[str, Any]:
            descriptor, data = _described(document, media_type)
            nodes[_stored(path, kind, descriptor["digest"])] = Node(content=data)
            return descriptor

        manifest = keep("manifests", self._manifest(one, [layer], partial(keep, "blobs")), MANIFEST)
        nodes[f"{path}/manifests/testing"] = Node(content=manifest["digest"].encode())
        return nodes

    def _layer(self, files: Mapping[str, Put]) -> Layer:
        key = repr(files)
        if key not in self._packed:
            nodes: dict[str, Node] = {}
            for path, put in files.items():
                nodes |= self._registry(path, put) if put.kind == "registry" else {path: self._node(put)}
            self._packed[key] = pack(self._work / f"{len(self._packed)}.tar.gz", lambda tar: add_nodes(tar, nodes))
        return self._packed[key]

    def _node(self, put: Put) -> Node:
        match put.kind:
            case "program":
                module, _, name = put.value.partition("/")
                return Node(content=self._had.folders[module] / name, mode=put.mode)
            case "source":
                self._source = self._source or go_modules.kubernetes_source(self._workshop, self._inputs)
                return Node(content=self._source / put.value, mode=put.mode)
            case "text":
                return Node(content=put.value.encode(), mode=put.mode)
            case "link":
                return Node(link=put.value)
            case _:
                return Node(mode=put.mode)

    def _blob(self, document: Mapping[str, Any], media_type: str) -> dict[str, Any]:
        descriptor, data = _described(document, media_type)
        (self._blobs / descriptor["digest"].removeprefix("sha256:")).write_bytes(data)
        return descriptor

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        (self._target / name).write_text(json.dumps(document), encoding="utf-8")


def _described(document: Mapping[str, Any], media_type: str) -> tuple[dict[str, Any], bytes]:
    """A document's descriptor, and its bytes."""
    data = json.dumps(document).encode()
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}, data


def _stored(path: str, kind: str, digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{path}/{kind}/{algorithm}/{value[:2]}/{value}/data"


def _link(source: Path, target: Path) -> None:
    """The same file where the file system lets us, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
