"""A cluster on the fake engine, whose API is a Kubernetes without controllers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind import attempt
from pytest_kind.cluster import Maker, Request
from pytest_kind.handle import KindCluster
from pytest_kind.lease.session import Session
from pytest_kind.pristine.restore import Pristine
from pytest_kind.progress import Progress
from support.api_server import ApiServer
from support.clusters import config_of
from support.engine import FakeEngine
from support.kube import Kube, handed_over
from support.plugin import Boot


@pytest.fixture
def kube(api_server: ApiServer) -> Kube:
    """What the API knows."""
    made = handed_over()
    api_server.behind = made.take
    return made


@pytest.fixture
def cluster(engine: FakeEngine, session: Session, cache: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[KindCluster]:
    """One with a worker."""
    monkeypatch.setattr(attempt, "default_actions", lambda *_, **__: [Boot()])
    engine.add_node_image()
    engine.publish("127.0.0.1", api_server.port)
    maker = Maker(connect=lambda: engine, provider=engine, session=session, cache=cache, progress=Progress())
    made = maker.make(Request(config=config_of(1, 1), name="mine"))
    yield made
    made.delete()


@pytest.fixture
def pristine(cluster: KindCluster, kube: Kube) -> Iterator[Pristine]:
    """Which knows what the cluster was."""
    made = Pristine(cluster)
    made.take(10)
    yield made
    made.close()
