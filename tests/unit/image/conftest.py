"""Inputs of a node image that tests may change."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.image import workshop
from pytest_kind.image.inputs import Inputs

VERSIONS = """
[kubernetes]
version = "v1.37.1"
[debian]
suite = "bookworm"
image = "debian:bookworm-slim"
[go]
etcd = "v3.7.0"
coredns = "v1.14.6"
"""


@pytest.fixture(autouse=True)
def _machine_looked_at_again() -> Iterator[None]:
    """What a test sees on its PATH is not remembered for the next one."""
    workshop._tied_to_us.cache_clear()
    yield
    workshop._tied_to_us.cache_clear()


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A small ``node-image/``."""
    root = tmp_path / "node-image"
    (root / "go/etcd").mkdir(parents=True)
    (root / "versions.toml").write_text(VERSIONS, encoding="utf-8")
    (root / "packages.txt").write_text("# one a line\nbash\n\n  systemd \n", encoding="utf-8")
    (root / "masked-units.txt").write_text("a.service\n#b.service\n", encoding="utf-8")
    (root / "go/etcd/go.mod").write_text("module x\n\nrequire go.etcd.io/etcd/server/v3 v3.7.0\n", encoding="utf-8")
    return Inputs(root=root, versions=tomllib.loads(VERSIONS), kubernetes="v1.37.1", architecture="amd64")
