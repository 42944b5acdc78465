"""Container images written as an archive (the format of ``docker save``) without an engine: layers are tar files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# A time stamp of one's own would give the same content another digest.
EPOCH = 0

CAP_NET_BIND_SERVICE = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12
"""``setcap cap_net_bind_service=+ep`` as the kernel stores it (``struct vfs_cap_data``, revision 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """An image to be written.

    Attributes:
        tag: its full reference.
        layers: tar files, the lowest first; images share those that are the same file.
        entrypoint: what it runs, whatever arguments it is given.
        command: what it runs where it is given none.
        user: ``uid:gid``.
    """

    tag: str
    layers: Sequence[Path]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})


def write_layer(target: Path, files: Mapping[str, Path], capabilities: Mapping[str, str] | None = None) -> Path:
    """A layer of executables, owned by root.

    Args:
        target: the tar file to write.
        files: path in the image -> file of this machine.
        capabilities: path in the image -> its ``security.capability`` attribute.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        folders: set[str] = set()
        for name, source in sorted(files.items()):
            for parent in reversed(Path(name).parents):
                if str(parent) != "." and str(parent) not in folders:
                    folders.add(str(parent))
                    tar.addfile(member(str(parent), tarfile.DIRTYPE, 0o755))
            entry = member(name, tarfile.REGTYPE, 0o755, source.stat().st_size)
            if capabilities and name in capabilities:
                entry.pax_headers = {"SCHILY.xattr.security.capability": capabilities[name]}
            with source.open("rb") as content:
                tar.addfile(entry, content)
    return target


def rebase_layer(source: IO[bytes], folder: str, target: Path) -> Path:
    """A layer from an archive of a folder: what was below the folder is below the root."""
    with tarfile.open(fileobj=source, mode="r|") as old, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as new:
        for entry in old:
            name = entry.name.removeprefix(folder).lstrip("/")
            if not name:
                continue
            if entry.islnk():
                entry.linkname = entry.linkname.removeprefix(f"{folder}/")
            entry.name, entry.mtime = name, EPOCH
            entry.pax_headers = {}
            new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return target


def write_images(target: Path, architecture: str, plans: Sequence[ImagePlan]) -> Path:
    """An archive that ``ctr images import`` and ``docker load`` take."""
    digests = {layer: _digest(layer) for plan in plans for layer in plan.layers}
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for layer, digest in sorted(digests.items(), key=lambda item: item[1]):
            with layer.open("rb") as content:
                tar.addfile(member(f"{digest}.tar", tarfile.REGTYPE, 0o644, layer.stat().st_size), content)
        manifest = []
        for plan in plans:
            config = json.dumps(
                {
                    "architecture": architecture,
                    "os": "linux",
                    "created": "1970-01-01T00:00:00Z",
                    "config": {
                        "Entrypoint": list(plan.entrypoint) or None,
                        "Cmd": list(plan.command) or None,
                        "Env": [f"{key}={value}" for key, value in plan.environment.items()],
                        "User": plan.user,
                        "WorkingDir": "/",
                    },
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digests[layer]}" for layer in plan.layers]},
                    "history": [{"created_by": "pytest-kind"} for _ in plan.layers],
                }
            ).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            tar.addfile(member(name, tarfile.REGTYPE, 0o644, len(config)), io.BytesIO(config))
            manifest.append({"Config": name, "RepoTags": [plan.tag], "Layers": [f"{digests[layer]}.tar" for layer in plan.layers]})
        text = json.dumps(manifest).encode()
        tar.addfile(member("manifest.json", tarfile.REGTYPE, 0o644, len(text)), io.BytesIO(text))
    return target


def retagged(source: IO[bytes], target: Path, rename: Callable[[str], str]) -> list[str]:
    """Copies an archive of images with other names; their content stays what it is.

    Newer archives carry an OCI index beside the manifest, with names of its own, which an import would prefer: it is left out.

    Args:
        rename: the new name of each tag.

    Returns:
        The new tags.

    Raises:
        ValueError: it is no such archive.
        tarfile.TarError: it is no archive, or not whole.
    """
    manifest: list[dict[str, list[str]]] | None = None
    with tarfile.open(fileobj=source, mode="r|*") as old, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as new:
        for entry in old:
            content = old.extractfile(entry) if entry.isreg() else None
            if entry.name == "manifest.json" and content is not None:
                manifest = json.load(content)
            elif entry.name not in {"repositories", "index.json", "oci-layout"}:
                new.addfile(entry, content)
        if manifest is None:
            raise ValueError("it has no manifest.json")
        try:
            for image in manifest:
                image["RepoTags"] = [rename(tag) for tag in image.get("RepoTags") or ()]
        except (AttributeError, TypeError) as error:
            raise ValueError("its manifest.json is no list of images") from error
        text = json.dumps(manifest).encode()
        new.addfile(member("manifest.json", tarfile.REGTYPE, 0o644, len(text)), io.BytesIO(text))
    return [tag for image in manifest for tag in image["RepoTags"]]


def files_archive(files: Mapping[str, bytes | Path], scratch: Path, mode: int | None = None) -> IO[bytes]:
    """A tar archive of files, as the engine's copy call takes it; a path keeps its mode, a text gets 0644.

    Names that end in ``/`` are folders. The parents' folders are not in it, so that their modes stay as they are.
    """
    import tempfile  # noqa: PLC0415 - an archive of binaries does not fit into memory everywhere

    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 << 20, dir=str(scratch))  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=spool, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            if name.endswith("/"):
                tar.addfile(member(name.rstrip("/"), tarfile.DIRTYPE, mode or 0o755))
            elif isinstance(content, bytes):
                tar.addfile(member(name, tarfile.REGTYPE, mode or 0o644, len(content)), io.BytesIO(content))
            else:
                stat = content.stat()
                with content.open("rb") as stream:
                    tar.addfile(member(name, tarfile.REGTYPE, mode or stat.st_mode & 0o755, stat.st_size), stream)
    spool.seek(0)
    return spool


def texts_archive(files: Mapping[str, tuple[bytes, int]]) -> IO[bytes]:
    """A tar archive of small files: path -> content and mode."""
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w") as tar:
        for name, (content, mode) in files.items():
            tar.addfile(member(name, tarfile.REGTYPE, mode, len(content)), io.BytesIO(content))
    spool.seek(0)
    return spool


def member(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    """A tar entry of root's, from the epoch."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.mtime = kind, mode, size, EPOCH
    entry.uname = entry.gname = "root"
    return entry


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
