"""Archives of images, into nodes: what ``docker save``, ``podman save``, ``skopeo copy`` and builders write."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pytest_kind.errors import ImageError
from pytest_kind.provision.provider import Provider
from pytest_kind.toolbox.images.load import Source, load
from pytest_kind.toolbox.images.names import full_name
from pytest_kind.toolbox.images.node import Target, Wanted
from pytest_kind.toolbox.images.stream import DOCUMENT, NAME, Documents, Entry, first_line, key_of

_REF = "org.opencontainers.image.ref.name"
_DEPTH = 3  # an index of an index of manifests; deeper ones are nobody's


def load_archive(provider: Provider, nodes: Iterable[Target], path: Path) -> tuple[str, ...]:
    """Puts the images of an archive into nodes, and returns their full references.

    It may be ``docker save``'s or an OCI layout's, plain or compressed by gzip, bzip2 or xz. Of an image for several platforms
    the nodes' one is taken. It is read twice: first for what is in it, then for what nodes lack.

    Raises:
        ImageError: it can't be read, has no image for the nodes' platform or one without a name, or a node did not take it.
    """
    try:
        contents = _survey(path, provider.info().architecture)
    except OSError as error:
        raise ImageError(f"load_archive: {path}: {error.strerror or error}") from error
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise ImageError(f"load_archive: {path}: no whole archive of images: {first_line(error)}") from error

    @contextlib.contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with path.open("rb") as file:
            yield file

    unwanted = frozenset(contents.blobs - contents.needed) if contents.entries else frozenset[str]()
    load(provider, nodes, contents.wanted, Source(open=opened, entries=lambda _: contents.entries, unwanted=unwanted), f"load_archive: {path}")
    return tuple(one.name for one in contents.wanted)


@dataclass(slots=True)
class _Contents:
    wanted: list[Wanted] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    blobs: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)


def _survey(path: Path, architecture: str) -> _Contents:
    documents, contents = Documents(), _Contents()
    with tarfile.open(path, "r:*") as tar:
        for member in tar:
            key = key_of(member.name)
            if key.startswith("sha256:") and not member.isdir():
                contents.blobs.add(key)
            content = tar.extractfile(member) if member.isreg() and member.size <= DOCUMENT else None
            if content is not None:
                documents.keep(key, content.read())
    problems = []
    if "index.json" in documents.found:
        for entry in documents.json("index.json").get("manifests") or ():
            problems += _add_oci(entry, documents, contents, architecture)
    elif "manifest.json" in documents.found:
        for entry in _listed(documents.found["manifest.json"]):
            problems += _add_docker(entry, documents, contents, architecture)
    else:
        problems = ["no archive of images: it has neither an index.json nor a manifest.json"]
    if not contents.wanted and not problems:
        problems = ["it lists no image"]
    if problems:
        raise ImageError("\n".join(f"load_archive: {path}: {problem}" for problem in problems))
    return contents


def _add_oci(entry: Entry, documents: Documents, contents: _Contents, architecture: str) -> list[str]:
    annotations = entry.get("annotations") or {}
    name = annotations.get(NAME) or annotations.get(_REF) or ""
    if not (set("/:") & set(name)):  # a tag alone, which the layout's own specification allows
        return [f"the image {entry.get('digest')} has no name (found {name!r}); write the archive with one (`docker save NAME:TAG`)"]
    found, manifest = _pick(entry, documents, architecture)
    if found is None:
        platforms = ", ".join(sorted(_platforms(entry, documents))) or "none at all"
        return [f"{name} is for {platforms}; the nodes are linux/{architecture}"]
    configuration, layers = str(manifest["config"]["digest"]), [str(layer["digest"]) for layer in manifest.get("layers") or ()]
    needed = {str(found["digest"]), configuration, *layers}
    missing = needed - contents.blobs
    if missing:
        return [f"{name}: the archive lacks {', '.join(sorted(missing))}"]
    contents.needed |= needed
    diffs = _diff_ids(documents.json(configuration))
    contents.wanted.append(Wanted(name=full_name(name), id=configuration, layers=diffs, blobs=tuple(layers)))
    contents.entries.append(
        {"mediaType": found.get("mediaType"), "digest": found["digest"], "size": found["size"], "annotations": {NAME: full_name(name)}}
    )
    return []


def _pick(entry: Entry, documents: Documents, architecture: str, depth: int = _DEPTH) -> tuple[Entry | None, dict[str, Any]]:
    document = documents.json(str(entry.get("digest", "")))
    if isinstance(document.get("config"), dict):
        fits = _platform(entry, documents) == f"linux/{architecture}"
        return (entry, document) if fits else (None, {})
    children = document.get("manifests") or () if depth else ()
    picked = (_pick(child, documents, architecture, depth - 1) for child in children)
    return next((one for one in picked if one[0] is not None), (None, {}))


def _platforms(entry: Entry, documents: Documents, depth: int = _DEPTH) -> set[str]:
    children = documents.json(str(entry.get("digest", ""))).get("manifests") or () if depth else ()
    found = {one for child in children for one in _platforms(child, documents, depth - 1)} or {_platform(entry, documents)}
    return found - {"unknown/unknown"}  # attestations


def _platform(entry: Entry, documents: Documents) -> str:
    stated = entry.get("platform") or documents.json(next(iter(documents.configurations(str(entry.get("digest", "")))), ""))
    return f"{stated.get('os') or 'unknown'}/{stated.get('architecture') or 'unknown'}"


def _add_docker(entry: Entry, documents: Documents, contents: _Contents, architecture: str) -> list[str]:
    place, names = str(entry.get("Config", "")), entry.get("RepoTags") or ()
    if not names:
        return [f"the image {place} has no name; write the archive with one (`docker save NAME:TAG`)"]
    key = key_of(place)  # Bazel's rules_oci names a blob
    if key not in documents.found:
        return [f"{names[0]}: the archive lacks its configuration {place}"]
    configuration = documents.json(key)
    if configuration.get("architecture") != architecture:
        return [f"{names[0]} is for {configuration.get('os')}/{configuration.get('architecture')}; the nodes are linux/{architecture}"]
    identity = f"sha256:{hashlib.sha256(documents.found[key]).hexdigest()}"
    contents.wanted += [Wanted(name=full_name(str(name)), id=identity) for name in names]
    return []


def _diff_ids(configuration: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one) for one in (configuration.get("rootfs") or {}).get("diff_ids") or ())


def _listed(document: bytes) -> list[Entry]:
    try:
        found = json.loads(document)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
