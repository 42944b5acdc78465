"""Clusters that are planned and have containers on the fake engine, but never booted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_kind import labels
from pytest_kind.boot.context import BootContext, BootMachine
from pytest_kind.boot.kubeadm import ClusterFacts
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.progress import Progress
from pytest_kind.provision.places import machines
from pytest_kind.waiting import Deadline
from support.engine import FakeEngine

TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 - no token of any cluster
LINK = "0a0b0c0d"

MakeContext = Callable[[ClusterConfig], BootContext]


def config_of(control_planes: int = 1, workers: int = 0, networking: Networking | None = None) -> ClusterConfig:
    """So many nodes of each role, the control planes first."""
    nodes = (*(Node() for _ in range(control_planes)), *(Node(role="worker") for _ in range(workers)))
    return ClusterConfig(nodes=nodes, networking=networking or Networking())


def facts_of(config: ClusterConfig) -> ClusterFacts:
    """What kubeadm is told of a new cluster ``c``."""
    return ClusterFacts(cluster="c", machines=machines(config, "c", LINK), kubernetes="v1.37.1", api_names=["127.0.0.1"], token=TOKEN, durable=False)


def context_of(engine: FakeEngine, config: ClusterConfig, scratch: Path, seconds: float = 0) -> BootContext:
    """A new cluster whose containers run. Its deadline has passed: what waits probes once, then says what it saw."""
    facts = facts_of(config)
    there = [BootMachine(machine, engine.add_container(machine.place.name, {labels.CLUSTER: "c"})) for machine in facts.machines]
    return BootContext(
        provider=engine,
        machines=tuple(there),
        fresh=tuple(there),
        config=config,
        facts=facts,
        lease=300,
        scratch=scratch,
        deadline=Deadline(seconds),
        progress=Progress(),
    )
