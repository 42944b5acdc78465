"""Blobs and manifests of an OCI layout into a registry, over its HTTP API (the distribution specification's)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode, urljoin

import urllib3

from pytest_kind.e2e.images.names import split
from pytest_kind.errors import ImageError

_NAME = "org.opencontainers.image.ref.name"
_SECONDS = 120.0
_CREATED, _ACCEPTED = 201, 202


def push(registry: str, layout: Path) -> int:
    """Puts every image of a layout into a registry, under ``<its own registry's name>/<its path>``, and returns their number.

    Two upstream registries' images so never meet, and a node's mirror for one of them is a path of this registry.

    Args:
        registry: ``http://ADDRESS:PORT``.

    Raises:
        ImageError: it refuses, or cannot be reached.
    """
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    with urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=_SECONDS)) as pool:
        sender = _Sender(pool, registry, layout)
        for entry in index["manifests"]:
            host, path, tag = split(entry["annotations"][_NAME])
            sender.image(f"{host}/{path}", tag, entry["digest"], entry["mediaType"])
    return len(index["manifests"])


class _Sender:
    """One connection. A blob that one repository has is mounted into the next one, not sent again."""

    def __init__(self, pool: urllib3.PoolManager, registry: str, layout: Path) -> None:
        self._pool, self._registry, self._layout = pool, registry, layout
        self._where: dict[str, str] = {}

    def image(self, repository: str, tag: str, digest: str, media_type: str) -> None:
        data = self._file(digest).read_bytes()
        manifest = json.loads(data)
        for blob in (manifest["config"], *manifest["layers"]):
            self._blob(repository, blob["digest"])
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", _CREATED, data, media_type)

    def _blob(self, repository: str, digest: str) -> None:
        if self._where.get(digest) == repository:
            return
        other = {"mount": digest, "from": self._where[digest]} if digest in self._where else {}
        status, location = self._ask("POST", f"/v2/{repository}/blobs/uploads/?{urlencode(other)}", _ACCEPTED)
        if status != _CREATED:  # not mounted
            mark = "&" if "?" in location else "?"
            with self._file(digest).open("rb") as content:
                self._ask("PUT", f"{location}{mark}{urlencode({'digest': digest})}", _CREATED, content.read(), "application/octet-stream")
        self._where[digest] = repository

    def _ask(self, method: str, path: str, expected: int, body: bytes | None = None, content: str = "application/octet-stream") -> tuple[int, str]:
        url = urljoin(self._registry, path)
        headers = {"Content-Type": content, "Content-Length": str(len(body or b""))}
        try:
            answer = self._pool.request(method, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ImageError(f"the registry of the stand-ins cannot be reached: {method} {url}: {error}") from error
        if answer.status not in {expected, _CREATED}:
            raise ImageError(f"the registry of the stand-ins refused {method} {url}: {answer.status} {answer.data[:300].decode(errors='replace')}")
        return answer.status, str(answer.headers.get("Location", ""))

    def _file(self, digest: str) -> Path:
        return self._layout / "blobs/sha256" / digest.removeprefix("sha256:")
