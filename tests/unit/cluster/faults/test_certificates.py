"""Certificates: until when they are good, and one that is laid over with yesterday's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.peer import KindCluster
from pytest_kind.toolbox.faults import certificates
from pytest_kind.toolbox.faults.certificates import Certificate
from support.engine import FakeEngine

if TYPE_CHECKING:
    from .conftest import MakeCluster, Waits

CHECK = ("kubeadm", "certs", "check-expiration")
CLIENT = "apiserver-kubelet-client"


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "expirationDate": "2027-11-28T16:09:50Z", "residualTime": 5, "missing": False, **more}


def test_they_are_listed_with_their_ends(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    said = {"certificates": [row("apiserver", caName="ca"), row("gone", caName="ca", missing=True)], "certificateAuthorities": [row("ca")]}
    engine.answer(CHECK, json.dumps(said))
    end = datetime(2027, 11, 28, 16, 9, 50, tzinfo=UTC)
    assert cluster.certificates() == tuple(
        Certificate(node, name, authority, end)
        for node in ("c-control-plane", "c-control-plane2")
        for name, authority in (("apiserver", "ca"), ("ca", ""))
    )


def test_of_control_planes_that_run(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    engine.answer(CHECK, json.dumps({"certificates": [row("apiserver")], "certificateAuthorities": []}))
    cluster.nodes[0].kill()
    assert [one.node for one in cluster.certificates()] == ["c-control-plane2"]
    cluster.nodes[1].kill()
    with pytest.raises(UsageError, match=r"^certificates\(\): no control plane of cluster c runs$"):
        cluster.certificates()


def test_a_kubeadm_that_cannot_tell(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(CHECK, "failed to load config", code=1)
    with pytest.raises(CommandError, match="failed to load config"):
        cluster.certificates()


@pytest.mark.parametrize(
    ("name", "authority"), [("apiserver", "ca"), (CLIENT, "ca"), ("front-proxy-client", "front-proxy-ca"), ("apiserver-etcd-client", "etcd/ca")]
)
def test_an_expired_one_lasts_as_long_as_the_block(cluster: KindCluster, engine: FakeEngine, waits: Waits, name: str, authority: str) -> None:
    with cluster.expired(name, timeout=9):
        assert any(line.endswith(f" expire {name} {authority}") for line in engine.execs("c-control-plane"))
        asked = [line for line in engine.execs("c-control-plane") if "readyz" in line]
        assert len(asked) == (name != "apiserver-etcd-client")
        assert waits.seconds == []
    renewed, restarted = engine.execs("c-control-plane")[-2:]
    assert renewed.endswith(f" renew {name}")
    assert restarted.endswith(" restart kube-apiserver")
    assert waits.seconds == [9]


def test_on_one_control_plane_alone(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    with cluster.expired(CLIENT, node="c-control-plane2"):
        assert not any(" expire " in line for line in engine.execs("c-control-plane"))
        assert any(" expire " in line for line in engine.execs("c-control-plane2"))


@pytest.mark.parametrize(
    ("name", "node", "message"),
    [
        (
            "admin.conf",
            None,
            (
                "expired('admin.conf'): 'admin.conf' is not accepted; accepted are apiserver, apiserver-etcd-client, "
                "apiserver-kubelet-client, front-proxy-client"
            ),
        ),
        (CLIENT, "c-worker", f"expired({CLIENT!r}): node c-worker is no control plane"),
    ],
)
def test_what_is_not_accepted(cluster: KindCluster, engine: FakeEngine, name: str, node: str | None, message: str) -> None:
    with pytest.raises(UsageError) as caught, cluster.expired(name, node=node):
        pytest.fail("the block must not run")
    assert str(caught.value) == message
    assert not any(" expire " in line for line in engine.execs("c-control-plane"))


def test_one_that_cannot_be_made_is_taken_back(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c", certificates._EXPIRE], "openssl: not found", code=127)
    with pytest.raises(CommandError, match="openssl: not found"), cluster.expired(CLIENT):
        pytest.fail("the block must not run")
    assert any(line.endswith(f" renew {CLIENT}") for line in engine.execs("c-control-plane"))


def test_a_server_that_does_not_get_ready_with_it_is_said_and_it_is_taken_back(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["sh", "-c", certificates._READY], "curl: (7) Failed to connect", code=7)
    message = r"^the API server of c-control-plane is ready: not within 0.0 s; last seen: curl: \(7\) Failed to connect$"
    with pytest.raises(KindError, match=message), cluster.expired(CLIENT, timeout=0):
        pytest.fail("the block must not run")
    assert any(line.endswith(f" renew {CLIENT}") for line in engine.execs("c-control-plane"))


def test_a_node_that_was_killed_meanwhile_has_the_other_one_when_it_starts(make: MakeCluster, engine: FakeEngine) -> None:
    cluster = make(2, 0)
    with cluster.expired(CLIENT):
        cluster.nodes[1].kill()
    assert any(" renew " in line for line in engine.execs("c-control-plane"))
    assert not any(" renew " in line for line in engine.execs("c-control-plane2"))
