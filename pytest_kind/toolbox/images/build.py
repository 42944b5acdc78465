"""A folder with a Dockerfile, as an image named after its content."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_kind import labels
from pytest_kind.errors import UsageError
from pytest_kind.provision.provider import Image, Provider
from pytest_kind.toolbox.images.names import full_name

_REPOSITORY = "localhost/pytest-kind/built"
_DIGITS = 16
_OLD_SECONDS = 3600.0
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)


def build_image(
    provider: Provider, context: Path, *, dockerfile: str | None = None, args: Mapping[str, str] | None = None, tag: str | None = None
) -> str:
    """Builds an image with the engine's builder, unless it has one of the same content, and returns its full reference.

    The content is every file that the builder would get (``.dockerignore`` is heeded), with its mode but not its time, the
    Dockerfile, the arguments, and the images of its FROM lines as the engine has them now.

    The image stays in the engine: it is what makes the next run short. Images that the same folder led to before, named by
    us and over an hour old, lose that name when a new one is built; ``docker image prune --all --filter
    label=io.pytest-kind.kind=test-image`` removes all that no container uses.

    Args:
        context: the folder.
        dockerfile: its path below the folder; ``Dockerfile`` by default.
        args: for ``ARG`` lines.
        tag: the image's name; by default one of our own, which ends with the content's digest. With a name of the user's, the
            digest is in a label, and decides all the same.

    Raises:
        UsageError: there is no such folder or Dockerfile.
        ImageError: the build failed; its message ends with the builder's last lines.
    """
    folder, recipe = context.resolve(), dockerfile or "Dockerfile"
    if not folder.is_dir():
        raise UsageError(f"kind_image: {context}: no such folder; a build takes a folder with a Dockerfile")
    if not (folder / recipe).is_file():
        raise UsageError(f"kind_image: {context}: has no file {recipe}; name another with dockerfile=…")
    bases = {base: image.id for base in _FROM.findall((folder / recipe).read_text(encoding="utf-8")) if (image := provider.image(base))}
    known = json.dumps([recipe, dict(args or {}), bases], sort_keys=True)
    digest = _digest(known, folder, {*provider.context_files(folder, recipe), recipe})
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or "image"
    own = f"{_REPOSITORY}/{name}"
    reference = full_name(tag) if tag else f"{own}:{digest[:_DIGITS]}"
    there = provider.image(reference)
    if there is None or there.labels.get(labels.IMAGE_DIGEST) != digest:
        marks = {labels.KIND: labels.KIND_TEST_IMAGE, labels.IMAGE_DIGEST: digest, labels.CREATED: str(int(time.time())), labels.CONTEXT: str(folder)}
        provider.build(folder, dockerfile=recipe, tag=reference, labels=marks, arguments=args or {})
        _forget(provider, provider.images({labels.KIND: labels.KIND_TEST_IMAGE, labels.CONTEXT: str(folder)}), f"{own}:", reference)
    return reference


def _digest(known: str, folder: Path, names: Iterable[str]) -> str:
    digest = hashlib.sha256(known.encode())
    for name in sorted(names):
        path = folder / name
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = f"link {path.readlink()}"
        elif stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                content = f"file {hashlib.file_digest(file, 'sha256').hexdigest()}"
        else:
            content = "folder"
        digest.update(f"{name}\0{stat.S_IMODE(status.st_mode):o} {content}\n".encode())
    return digest.hexdigest()


def _forget(provider: Provider, images: Iterable[Image], own: str, current: str) -> None:
    """Names of ours alone: whatever was made of such an image inherited its labels, but not its name."""
    for image in images:
        age = time.time() - float(image.labels.get(labels.CREATED) or 0)
        for tag in image.tags:
            if tag.startswith(own) and tag != current and age > _OLD_SECONDS:
                provider.remove_image(tag)
