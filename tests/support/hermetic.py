"""What tests of runs on a fake engine have: a folder's conftest.py takes these fixtures in by importing them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engine import FakeEngine
from support.project import Project

TESTS = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def hermetic(own_environment: None) -> Iterator[None]:
    """See ``own_environment``; and the handler of SIGTERM that a run in this process sets goes again."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def project(pytester: pytest.Pytester, engine: FakeEngine, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose engine has the node image, so that a cluster is there at once."""
    engine.add_node_image()
    engine.publish("127.0.0.1", 9)
    monkeypatch.setenv("FAKE_ENGINE", str(tmp_path / "engine"))
    monkeypatch.setenv("PYTEST_KIND_CACHE_DIR", str(cache))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (TESTS, TESTS.parent))))  # this checkout, whatever is installed
    return Project(pytester, engine, cache)
