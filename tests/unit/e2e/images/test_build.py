"""Stand-ins as an OCI layout: made once, the same for the same, and without those that cannot be had."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.e2e.images import build as module
from pytest_kind.e2e.images.build import Built
from pytest_kind.errors import CommandError
from pytest_kind.image import go_modules

E2E = "registry.k8s.io/e2e-test-images"
AGNHOST, OLDER, BUSYBOX, NNP = f"{E2E}/agnhost:2.66.1", f"{E2E}/agnhost:2.55", f"{E2E}/busybox:1.37.0-2", f"{E2E}/nonewprivs:1.4"
INVALID = "invalid.registry.k8s.io/invalid/alpine:3.1"
Make = Callable[..., Built]


def blob(built: Built, digest: str) -> Path:
    return built.folder / "blobs/sha256" / digest.removeprefix("sha256:")


def document(built: Built, digest: str) -> dict[str, Any]:
    return dict(json.loads(blob(built, digest).read_bytes()))


def files(built: Built, image: str) -> dict[str, tuple[int, str]]:
    """What all layers of an image have: path -> mode and content."""
    found = {}
    for layer in document(built, built.digests[image])["layers"]:
        with tarfile.open(blob(built, layer["digest"])) as tar:
            for one in tar:
                content = tar.extractfile(one) if one.isfile() else None
                found[one.name] = (one.mode, content.read().decode(errors="replace") if content else one.linkname)
    return found


def test_a_layout_of_blobs_that_are_named_by_their_digest(make: Make) -> None:
    built = make(AGNHOST, OLDER, BUSYBOX, INVALID)
    blobs = list((built.folder / "blobs/sha256").iterdir())
    assert all(hashlib.sha256(one.read_bytes()).hexdigest() == one.name for one in blobs)
    assert built.size == sum(one.stat().st_size for one in blobs)
    assert set(built.images) == set(built.digests) == {AGNHOST, OLDER, BUSYBOX}
    assert built.digests[AGNHOST] == built.digests[OLDER]
    assert built.left_out == {}


def test_entrypoint_files_and_the_shared_layer(make: Make) -> None:
    built = make(AGNHOST, BUSYBOX)
    manifest = document(built, built.digests[AGNHOST])
    config = document(built, manifest["config"]["digest"])
    assert (config["config"]["Entrypoint"], config["config"]["Cmd"], config["architecture"]) == (["/agnhost"], ["pause"], "amd64")
    assert config["config"]["Labels"] == {"io.pytest-kind.kind": "stand-in"}
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 3
    found = files(built, AGNHOST)
    assert found["etc/name"] == (0o644, "debian")
    assert found["agnhost"] == (0o755, "agnhost")
    assert found["agnhost-2"] == (0o777, "agnhost")
    assert found["localhost.crt"] == (0o644, "agnhost/porter/localhost.crt")
    assert found["coredns"] == (0o755, "coredns")
    assert files(built, BUSYBOX) == {"etc": (0o755, ""), "etc/name": (0o644, "small")}


def test_agnhosts_own_registry_has_an_image(make: Make) -> None:
    found = files(make(AGNHOST), AGNHOST)
    registry = "var/registry/pause"

    def kept(kind: str, digest: str) -> str:
        value = digest.removeprefix("sha256:")
        return found[f"{registry}/{kind}/sha256/{value[:2]}/{value}/data"][1]

    manifest = json.loads(kept("manifests", found[f"{registry}/manifests/testing"][1]))
    assert json.loads(kept("blobs", manifest["config"]["digest"]))["config"]["Entrypoint"] == ["/pause"]
    assert kept("blobs", manifest["layers"][0]["digest"]).startswith("\x1f")  # gzip


def test_equal_layers_are_one_blob(make: Make) -> None:
    built = make(AGNHOST, f"{E2E}/kitten:1.8", f"{E2E}/glibc-dns-testing:2")
    agnhost, dns, kitten = ([one["digest"] for one in document(built, built.digests[image])["layers"]] for image in sorted(built.images))
    assert (kitten[:3], dns) == (agnhost, agnhost[:2])


def test_a_program_that_changes_its_user_may(make: Make) -> None:
    assert files(make(NNP), NNP)["usr/local/bin/nnp"] == (0o6755, "nnp")


def test_the_second_time_nothing_is_made(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(AGNHOST, BUSYBOX)
    monkeypatch.setattr(module, "_Maker", None)
    assert make(BUSYBOX, AGNHOST) == first


def test_another_list_is_another_part_of_the_same_bytes(make: Make) -> None:
    one, two = make(AGNHOST), make(AGNHOST, BUSYBOX)
    assert one.folder != two.folder
    assert one.digests[AGNHOST] == two.digests[AGNHOST]


def test_a_module_that_cannot_be_had_leaves_its_image_out_and_is_tried_again(make: Make, small_world: dict[str, str]) -> None:
    small_world["coredns"] = "no module proxy answers"
    built = make(AGNHOST, BUSYBOX)
    assert set(built.images) == {BUSYBOX}
    assert list(built.left_out) == [AGNHOST]
    assert built.left_out[AGNHOST].startswith("Go module coredns: this machine: `go build` ended with 1")
    small_world.clear()
    assert set(make(AGNHOST, BUSYBOX).images) == {AGNHOST, BUSYBOX}


def test_one_that_is_interrupted_leaves_nothing_that_could_be_taken_for_done(make: Make, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Path:
        raise CommandError("this machine", ["go", "mod", "download"], 1, "reset")

    with monkeypatch.context() as patch:
        patch.setattr(go_modules, "kubernetes_source", broken)
        with pytest.raises(CommandError):
            make(BUSYBOX, AGNHOST)
    assert [one for one in cache.glob("parts/stand-ins-*") if (one / "blobs").exists()] == []
    assert set(make(BUSYBOX, AGNHOST).images) == {AGNHOST, BUSYBOX}
