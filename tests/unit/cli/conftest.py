"""The command on the fake engine, with a home of its own."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_kind import attempt, labels
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.plugin import Boot


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, cache: Path, tmp_path: Path) -> Path:
    """The folder of a user who has set nothing."""
    monkeypatch.setattr(docker_engine, "connect", lambda *_: engine)
    monkeypatch.setattr(attempt, "default_actions", lambda *_, **__: [Boot()])
    for name in ("KUBECONFIG", "KIND_CLUSTER_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_KIND_CACHE_DIR", str(cache))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def kubectl_file(home: Path) -> Path:
    """Where kubectl looks."""
    return home / ".kube" / "config"


@pytest.fixture
def clusters(engine: FakeEngine, session: Session) -> None:
    """One of kind's, one of a run, one that is kept, and something else."""
    engine.add_container("b-control-plane", {**session.labels(), labels.CLUSTER: "b", labels.ROLE: "control-plane"})
    engine.add_container("c-control-plane", {**session.labels(keep=True), labels.CLUSTER: "c", labels.ROLE: "control-plane"}, "exited")
    engine.add_container("a-control-plane", {labels.CLUSTER: "a", labels.ROLE: "control-plane"})
    engine.add_container("database", {})


@pytest.fixture
def offer(engine: FakeEngine) -> Callable[[str], None]:
    """What nodes have as the administrator's kubeconfig."""

    def one(text: str) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo("admin.conf")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
        engine.offer("/etc/kubernetes/admin.conf", packed.getvalue())

    return one


@pytest.fixture
def running(engine: FakeEngine, session: Session, offer: Callable[[str], None]) -> None:
    """A kept cluster ``kind`` of two nodes."""
    marks = {**session.labels(keep=True), labels.CLUSTER: "kind"}
    engine.add_container("kind-worker", {**marks, labels.ROLE: "worker"})
    engine.add_container("kind-control-plane", {**marks, labels.ROLE: "control-plane"})
    engine.publish("127.0.0.1", 6000)
    offer(admin_conf())
