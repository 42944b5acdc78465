"""Clusters that are about to boot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_kind.boot.context import BootContext
from pytest_kind.boot.kubeadm import ClusterFacts
from pytest_kind.config.types import ClusterConfig
from pytest_kind.progress import Progress
from support.api_server import ApiServer
from support.clusters import MakeContext, context_of, facts_of
from support.credentials import admin_conf, credentials
from support.engine import FakeEngine


@pytest.fixture
def facts() -> ClusterFacts:
    """Of a cluster of one node."""
    return facts_of(ClusterConfig())


@pytest.fixture
def make_context(engine: FakeEngine, api_server: ApiServer, tmp_path: Path) -> Iterator[MakeContext]:
    """Makes a context, see :func:`support.clusters.context_of`, that knows the API server."""
    made: list[BootContext] = []

    def make(config: ClusterConfig) -> BootContext:
        made.append(context_of(engine, config, tmp_path))
        made[-1].connect(credentials(api_server.url))
        made[-1].admin = yaml.safe_load(admin_conf())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def context(engine: FakeEngine, tmp_path: Path) -> Iterator[BootContext]:
    """The context of one node that does not know the API server yet."""
    made = context_of(engine, ClusterConfig(), tmp_path)
    yield made
    made.close()


@pytest.fixture
def connected(context: BootContext, api_server: ApiServer) -> BootContext:
    """The context once it knows the API server."""
    context.connect(credentials(api_server.url))
    context.admin = yaml.safe_load(admin_conf())
    return context


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What progress was told to say."""
    said: list[str] = []
    monkeypatch.setattr(Progress, "note", lambda _, text: said.append(text))
    return said
