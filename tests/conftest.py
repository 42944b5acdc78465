"""Fixtures for the hermetic tests: nothing here needs a container engine or a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.progress import Progress
from support.api_server import ApiServer, serving
from support.engine import FakeEngine

pytest_plugins = ["pytester"]

# The same examples in every run, however slow the machine is.
settings.register_profile("hermetic", derandomize=True, deadline=None, database=None)
settings.load_profile("hermetic")


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the one who runs these tests has set for runs of their own does not reach them."""
    for name in list(os.environ):
        is_proxy = name.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
        if is_proxy or name.startswith(("PYTEST_KIND_", "DOCKER_")) or name in {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "CI"}:
            monkeypatch.delenv(name)


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    """An engine with nothing in it."""
    return FakeEngine(tmp_path / "engine")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The plugin's cache folder, empty."""
    return tmp_path / "cache"


@pytest.fixture
def session(cache: Path) -> Iterator[Session]:
    """A session of this process, closed at the end."""
    opened = Session.open(cache)
    yield opened
    opened.close()


@pytest.fixture
def workshop(engine: FakeEngine, cache: Path, session: Session) -> Workshop:
    """A place to build in, on the fake engine."""
    return Workshop(provider=engine, cache=cache, scratch=session.folder, labels=session.labels(lease=300), progress=Progress())


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    """An API server on loopback that knows nothing yet."""
    with serving() as server:
        yield server
