"""A file from a URL, whole, and checked against the checksums that lie beside it."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import SourceError

if TYPE_CHECKING:
    from typing import IO

    from pytest_kind.image.workshop import Workshop

CHECKSUMS = ("sha256", "sha512")
_SILENCE_SECONDS = 30.0
_WHOLE_SECONDS = 1800.0
_NOT_MODIFIED = 304
_MISSING = (403, 404, 410)  # a bucket that may not be listed answers 403 for what is not there
_CHUNK = 1 << 20


class NotThere(SourceError):
    """The server has no such file."""


def fetch(workshop: Workshop, url: str, target: Path, known: Mapping[str, str]) -> dict[str, str] | None:
    """Downloads a file and returns its SHA-256 and what its server needs to say later that it has not changed.

    Args:
        known: what an earlier call returned, or nothing.

    Returns:
        Nothing where the server says that it is still the known one; no file is written then.

    Raises:
        NotThere: the server says that it has none.
        SourceError: it cannot be had, is not whole, or does not fit a checksum.
        OSError: no server answers.
    """
    headers = {
        **({"If-None-Match": known["etag"]} if known.get("etag") else {}),
        **({"If-Modified-Since": known["modified"]} if known.get("modified") else {}),
    }
    try:
        response = _open(url, headers)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _NOT_MODIFIED and known:
            return None
        problem = NotThere if error.code in _MISSING else SourceError
        raise problem(f"--kind-source: {url}: the server answers {error.code} {error.reason}") from error
    with response, target.open("wb") as file, workshop.progress.step(f"downloading {url}"):
        hashes = copied(response, file.write, url, workshop.progress.tick)
    verify(hashes, url, lambda kind: _text(f"{url}.{kind}"), workshop.progress.note)
    return {"sha256": hashes["sha256"], "etag": response.headers.get("ETag", ""), "modified": response.headers.get("Last-Modified", "")}


def copied(source: IO[bytes] | http.client.HTTPResponse, write: Callable[[bytes], object], name: str, tick: Callable[[], None]) -> dict[str, str]:
    """Reads a stream to its end and returns its checksums.

    Raises:
        SourceError: it ended early, or took too long.
    """
    hashes = {kind: hashlib.new(kind) for kind in CHECKSUMS}
    declared = source.headers.get("Content-Length") if isinstance(source, http.client.HTTPResponse) else None
    length, end = 0, time.monotonic() + _WHOLE_SECONDS
    try:
        while chunk := source.read(_CHUNK):
            write(chunk)
            length += len(chunk)
            for one in hashes.values():
                one.update(chunk)
            tick()
            if time.monotonic() > end:
                raise SourceError(f"--kind-source: {name}: not whole within {_WHOLE_SECONDS:.0f} s; {length} bytes came")
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(f"--kind-source: {name}: it broke off after {length} bytes: {error}") from error
    if declared is not None and length != int(declared):
        raise SourceError(f"--kind-source: {name}: it broke off: {length} of {declared} bytes came")
    return {kind: one.hexdigest() for kind, one in hashes.items()}


def verify(hashes: Mapping[str, str], name: str, read: Callable[[str], str | None], note: Callable[[str], None]) -> None:
    """Compares a file's checksums with those that were published beside it: ``<name>.sha256``, ``<name>.sha512``.

    Args:
        read: the text of a checksum file, or nothing where there is none: the sum, and perhaps the file's name after it.

    Raises:
        SourceError: one does not fit.
    """
    seen = 0
    for kind, found in hashes.items():
        text = read(kind)
        if text is None:
            continue
        seen += 1
        wanted = (text.split() or [""])[0].lower()
        if wanted != found:
            raise SourceError(f"--kind-source: {name}: its {kind} is {found}, but {name}.{kind} says {wanted or 'nothing'}")
    if not seen:
        note(f"{name}: no checksum lies beside it (.{', .'.join(CHECKSUMS)})")


def _open(url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - http and https alone come here (source.py)
    response = urllib.request.urlopen(request, timeout=_SILENCE_SECONDS)  # noqa: S310
    if not isinstance(response, http.client.HTTPResponse):
        raise SourceError(f"--kind-source: {url}: leads to something else than HTTP")
    return response


def _text(url: str) -> str | None:
    try:
        with _open(url, {}) as response:
            return response.read(4096).decode(errors="replace")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _MISSING:
            return None
        raise SourceError(f"--kind-source: {url}: the server answers {error.code} {error.reason}") from error
    except OSError as error:
        raise SourceError(f"--kind-source: {url}: {error}") from error
