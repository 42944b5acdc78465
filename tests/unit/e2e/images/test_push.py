"""Blobs and manifests over the registry's HTTP API, to a server on loopback that keeps what it gets."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_kind.e2e.images.build import MANIFEST, Built
from pytest_kind.e2e.images.push import push
from pytest_kind.errors import ImageError

E2E = "registry.k8s.io/e2e-test-images"
AGNHOST, OLDER, BUSYBOX = f"{E2E}/agnhost:2.66.1", f"{E2E}/agnhost:2.55", f"{E2E}/busybox:1.37.0-2"


@dataclass(slots=True)
class Kept:
    """What the registry has, and what it says to a method instead where a test says so."""

    url: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    refuses: dict[str, int] = field(default_factory=dict)
    mounts: bool = True

    def answer(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, str]:
        url = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        place, _, last = url.path.removeprefix("/v2/").rpartition("/")
        if method in self.refuses:
            return self.refuses[method], ""
        if place.endswith("/manifests"):
            self.manifests[place.removesuffix("/manifests"), last] = (kind, body)
            return 201, ""
        repository = place.removesuffix("/blobs/uploads")
        if method == "POST":
            known = self.blobs.get((query.get("from", ""), query.get("mount", "")))
            if known is not None and self.mounts:
                self.blobs[repository, query["mount"]] = known
                return 201, ""
            return 202, f"/v2/{repository}/blobs/uploads/7?_state=x"
        assert hashlib.sha256(body).hexdigest() == query["digest"].removeprefix("sha256:")
        assert query["_state"] == "x"
        self.blobs[repository, query["digest"]] = body
        self.sent.append(query["digest"])
        return 201, ""


@pytest.fixture
def registry() -> Iterator[Kept]:
    kept = Kept()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keeps standard error clean."""

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, location = kept.answer(self.command, self.path, self.headers.get("Content-Type", ""), body)
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")

        do_POST = do_PUT = _respond  # noqa: N815 - http.server's names

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        kept.url = f"http://127.0.0.1:{listener.server_address[1]}"
        yield kept
        listener.shutdown()
        thread.join()


def test_every_image_is_there_under_its_own_registrys_name(make: Callable[..., Built], registry: Kept) -> None:
    built = make(AGNHOST, OLDER, BUSYBOX)
    assert push(registry.url, built.folder) == 3
    assert set(registry.manifests) == {(f"{E2E}/agnhost", "2.66.1"), (f"{E2E}/agnhost", "2.55"), (f"{E2E}/busybox", "1.37.0-2")}
    for (repository, tag), (kind, data) in registry.manifests.items():
        assert kind == MANIFEST
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == built.digests[f"{repository}:{tag}"]
        manifest = json.loads(data)
        assert all((repository, one["digest"]) in registry.blobs for one in (manifest["config"], *manifest["layers"]))


@pytest.mark.parametrize("mounts", [True, False], ids=["mounted", "sent again"])
def test_what_images_share_is_sent_once_where_the_registry_mounts(make: Callable[..., Built], registry: Kept, mounts: bool) -> None:
    registry.mounts = mounts
    built = make(AGNHOST, f"{E2E}/nonroot:1.5")
    push(registry.url, built.folder)
    shared = json.loads(registry.manifests[f"{E2E}/nonroot", "1.5"][1])["layers"][0]["digest"]
    assert registry.sent.count(shared) == (1 if mounts else 2)
    assert {repository for repository, digest in registry.blobs if digest == shared} == {f"{E2E}/agnhost", f"{E2E}/nonroot"}


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("PUT", 507)])
def test_one_that_refuses_is_an_error_that_says_what(make: Callable[..., Built], registry: Kept, method: str, status: int) -> None:
    registry.refuses[method] = status
    with pytest.raises(ImageError, match=rf"^the registry of the stand-ins refused {method} http://127\.0\.0\.1:\d+/v2/\S+: {status} no$"):
        push(registry.url, make(BUSYBOX).folder)


def test_one_that_is_gone_is_an_error(make: Callable[..., Built]) -> None:
    with pytest.raises(ImageError, match=r"^the registry of the stand-ins cannot be reached: POST http://127\.0\.0\.1:1/v2/"):
        push("http://127.0.0.1:1", make(BUSYBOX).folder)
