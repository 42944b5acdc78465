"""A node that is about to boot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind import labels
from pytest_kind.boot.actions import BootContext
from pytest_kind.boot.kubeadm import NodeFacts
from pytest_kind.config.types import ClusterConfig
from pytest_kind.progress import Progress
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.credentials import credentials
from support.engine import FakeEngine


@pytest.fixture
def facts() -> NodeFacts:
    return NodeFacts(
        cluster="c",
        name="c-control-plane",
        address="198.19.255.1",
        kubernetes="v1.37.1",
        api_names=["127.0.0.1"],
        token="abcdef.0123456789abcdef",  # noqa: S106 - no token of any cluster
        durable=False,
    )


@pytest.fixture
def context(engine: FakeEngine, facts: NodeFacts, tmp_path: Path) -> Iterator[BootContext]:
    """A context whose deadline has passed: what waits probes once, then says what it saw."""
    made = BootContext(
        provider=engine,
        container=engine.add_container(facts.name, {labels.CLUSTER: "c"}),
        config=ClusterConfig(),
        facts=facts,
        lease=300,
        scratch=tmp_path,
        deadline=Deadline(0),
        progress=Progress(),
    )
    yield made
    made.close()


@pytest.fixture
def connected(context: BootContext, api_server: ApiServer) -> BootContext:
    """The context once it knows the API server."""
    context.connect(credentials(api_server.url))
    return context
