"""A maker of clusters on the fake engine, whose boot is one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind import attempt
from pytest_kind.boot.actions import Action
from pytest_kind.cluster import Maker
from pytest_kind.lease.session import Session
from pytest_kind.progress import Progress
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.plugin import Boot


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Action]:
    """The steps of a boot, for tests to change."""
    made: list[Action] = [Boot()]
    monkeypatch.setattr(attempt, "default_actions", lambda *_, **__: made)
    return made


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What progress was told to say."""
    said: list[str] = []
    monkeypatch.setattr(Progress, "note", lambda _, text: said.append(text))
    return said


@pytest.fixture
def maker(engine: FakeEngine, session: Session, cache: Path, steps: list[Action], api_server: ApiServer) -> Maker:
    """Makes clusters whose API is the one on loopback, from a node image that is there."""
    engine.add_node_image()
    engine.publish("127.0.0.1", api_server.port)
    engine.answer(["cat", "/etc/kubernetes/admin.conf"], admin_conf())
    api_server.answer("GET", "/readyz", (200, "ok"))
    return Maker(connect=lambda: engine, provider=engine, session=session, cache=cache, progress=Progress())
