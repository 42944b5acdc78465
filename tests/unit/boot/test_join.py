"""Nodes that join: what they are told, what they are given, and how they find each other's pods."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
import yaml

from pytest_kind.api import kubeconfig
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.files import cni_files, peer_files, share_files
from pytest_kind.boot.join import Join, Members, Shares
from pytest_kind.config.types import Networking
from pytest_kind.errors import CommandError, KindError, NotFound, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import Answer, ApiServer
from support.clusters import TOKEN, MakeContext, config_of
from support.credentials import PKI, admin_conf
from support.engine import FakeEngine

KEYS = ("ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub", "etcd/ca.crt", "etcd/ca.key")
OWN = ("apiserver.crt", "apiserver.key", "apiserver-etcd-client.key", "etcd/server.key", "etcd/peer.key", "front-proxy-client.key")
NODES = "/api/v1/nodes"
CONFLIST, PTP = "/etc/cni/net.d/10-pytest-kind.conflist", "/kind/pytest-kind/ptp.json"


@pytest.fixture(autouse=True)
def _keys(engine: FakeEngine) -> None:
    """The first control plane's keys, as the engine hands them out."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in ("pki", "pki/etcd"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name in (*KEYS, *OWN):
            entry = tarfile.TarInfo(f"pki/{name}")
            entry.mode, entry.size = 0o600, len(name)
            tar.addfile(entry, io.BytesIO(name.encode()))
    engine.offer("/etc/kubernetes/pki", stream.getvalue())


def joining(make_context: MakeContext, control_planes: int, workers: int, late: int = 0) -> BootContext:
    """A cluster of so many nodes.

    Args:
        late: how many of the control planes it began without.
    """
    context = make_context(config_of(control_planes, workers))
    joined = {f"c-control-plane{number}" for number in range(control_planes - late + 1, control_planes + 1)}
    context.machines = context.fresh = tuple(
        replace(one, machine=replace(one.machine, index=None)) if one.name in joined else one for one in context.machines
    )
    context.admin = kubeconfig.outside(admin_conf(), "c", "https://127.0.0.1:34567")
    return context


class TestMembers:
    """The control planes that a cluster begins with."""

    def test_each_other_one_begins_with_the_common_keys_and_no_others(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Members()(joining(make_context, 3, 1))
        for name in ("c-control-plane2", "c-control-plane3"):
            assert engine.files(name) == {f"/etc/kubernetes/pki/{key}": (key.encode(), 0o600) for key in KEYS}
            assert engine.execs(name) == ["/kind/pytest-kind/init 0"]
        assert {name: engine.execs(name) for name in ("c-control-plane", "c-worker", "c-external-load-balancer")} == {
            "c-control-plane": [],
            "c-worker": [],
            "c-external-load-balancer": [],
        }

    def test_a_single_one_has_no_keys_to_give(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Members()(joining(make_context, 1, 2))
        assert engine.calls == []

    def test_one_that_cannot_begin_is_named(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/init"], "error execution phase certs", code=1, on="c-control-plane2")
        with pytest.raises(CommandError, match=r"^c-control-plane2: `/kind/pytest-kind/init 0` ended with 1:\nerror execution phase certs$"):
            Members()(joining(make_context, 2, 0))


class TestJoin:
    def test_every_node_joins_that_the_cluster_began_without(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 3, 1, late=1))
        assert {name: engine.execs(name) for name in engine.names} == {
            "c-control-plane": [],
            "c-control-plane2": [],
            "c-control-plane3": ["/kind/pytest-kind/join 0"],
            "c-worker": ["/kind/pytest-kind/join 0"],
            "c-external-load-balancer": [],
        }

    def test_only_new_nodes_join(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = joining(make_context, 1, 2)
        context.fresh = context.machines[2:]
        Join()(context)
        assert (engine.execs("c-worker"), engine.files("c-worker")) == ([], {})
        assert len(engine.execs("c-worker2")) == 1

    def test_where_the_api_is_holds_no_secret(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 1, 1))
        content, mode = engine.files("c-worker")["/kind/pytest-kind/discovery.conf"]
        assert mode == 0o644
        assert yaml.safe_load(content) == {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "",
                    "cluster": {
                        "server": "https://c-control-plane:6443",
                        "certificate-authority-data": base64.b64encode((PKI / "authority.crt").read_bytes()).decode(),
                    },
                }
            ],
        }
        assert TOKEN.encode() not in content

    def test_several_control_planes_are_joined_through_the_load_balancer(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 2, 1))
        found = yaml.safe_load(engine.files("c-worker")["/kind/pytest-kind/discovery.conf"][0])
        assert found["clusters"][0]["cluster"]["server"] == "https://c-external-load-balancer:6443"

    def test_control_planes_get_the_common_keys_and_no_others(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 3, 1, late=2))
        for name in ("c-control-plane2", "c-control-plane3"):
            found = {path: value for path, value in engine.files(name).items() if path.startswith("/etc/")}
            assert found == {f"/etc/kubernetes/pki/{key}": (key.encode(), 0o600) for key in KEYS}

    def test_workers_get_none(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 2, 1))
        assert list(engine.files("c-worker")) == ["/kind/pytest-kind/discovery.conf"]

    def test_without_further_control_planes_keys_are_not_even_read(self, make_context: MakeContext, engine: FakeEngine) -> None:
        Join()(joining(make_context, 1, 2))
        assert engine.made("get") == []

    def test_keys_that_cannot_be_read_are_the_engines_error(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.fail("get", NotFound("getting /etc/kubernetes/pki: no such file"))
        with pytest.raises(NotFound, match=r"^getting /etc/kubernetes/pki: no such file$"):
            Join()(joining(make_context, 2, 0, late=1))

    def test_one_that_does_not_join_is_named_and_the_others_have_ended(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/join"], "error execution phase kubelet-wait-bootstrap", code=1, on="c-worker")
        with pytest.raises(CommandError) as caught:
            Join()(joining(make_context, 1, 3))
        assert str(caught.value) == "c-worker: `/kind/pytest-kind/join 0` ended with 1:\nerror execution phase kubelet-wait-bootstrap"
        assert len(engine.execs("c-worker3")) == 1


def given(**shares: list[str] | None) -> Answer:
    """A list of nodes, named so after ``c-``, with their shares."""
    items = [{"metadata": {"name": f"c-{name.replace('_', '-')}"}, "spec": {} if one is None else {"podCIDRs": one}} for name, one in shares.items()]
    return 200, {"items": items}


class TestShares:
    ALL: ClassVar = {"control_plane": ["10.244.0.0/24"], "control_plane2": ["10.244.2.0/24"], "worker": ["10.244.1.0/24"]}

    def test_every_machine_learns_all_of_them(self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer) -> None:
        context = make_context(config_of(2, 1))
        api_server.answer("GET", NODES, given(**self.ALL))
        Shares()(context)
        shares = {f"c-{name.replace('_', '-')}": share for name, share in self.ALL.items()}
        for one in context.machines:
            files = engine.files(one.name)
            assert {path.lstrip("/"): value for path, value in files.items() if path not in {CONFLIST, PTP}} == {
                **share_files({name: shares[name] for name in ("c-control-plane", "c-control-plane2", "c-worker")}),
                **peer_files(machine.place for machine in context.facts.machines),
            }
            assert engine.execs(one.name) == ["/kind/pytest-kind/network"]

    def test_nodes_but_the_first_get_their_cni_configuration(self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer) -> None:
        api_server.answer("GET", NODES, given(**self.ALL))
        Shares()(make_context(config_of(2, 1)))
        found = {name: files[CONFLIST] for name in engine.names if CONFLIST in (files := engine.files(name))}
        assert found == {
            name: cni_files([share])[CONFLIST[1:]] for name, share in (("c-control-plane2", "10.244.2.0/24"), ("c-worker", "10.244.1.0/24"))
        }

    def test_it_waits_until_each_node_has_one(self, make_context: MakeContext, api_server: ApiServer) -> None:
        missing: Mapping[str, list[str] | None] = {**self.ALL, "worker": None}
        api_server.answer("GET", NODES, (503, {"message": "not yet"}), given(), given(**missing), given(**self.ALL))
        context = make_context(config_of(2, 1))
        context.deadline = Deadline(60)
        Shares()(context)
        assert len(api_server.requests) == 4

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ((503, {"message": "etcd is away"}), f"503 Service Unavailable: etcd is away (GET {NODES})"),
            (given(control_plane=["10.244.0.0/24"]), "node c-worker is not there"),
            (given(control_plane=["10.244.0.0/24"], worker=None), "node c-worker has no share yet"),
            (given(control_plane=["10.244.0.0/24"], worker=[]), "node c-worker has no share yet"),
        ],
    )
    def test_the_error_has_the_last_reason(
        self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer, answer: Answer, reason: str
    ) -> None:
        api_server.answer("GET", NODES, answer)
        with pytest.raises(WaitTimeout) as caught:
            Shares()(make_context(config_of(1, 1)))
        assert str(caught.value) == f"every node's share of the pod subnets: not within 0.0 s; last seen: {reason}"
        assert engine.made("put") == []

    def test_a_first_node_with_another_share_than_the_first_is_an_error(self, make_context: MakeContext, api_server: ApiServer) -> None:
        context = make_context(config_of(1, 1))
        api_server.answer("GET", NODES, given(control_plane=["10.244.1.0/24"], worker=["10.244.0.0/24"]))
        with pytest.raises(KindError, match=r"^node c-control-plane was given \['10\.244\.1\.0/24'\] of the pod subnets, not the first share$"):
            Shares()(context)
        context.fresh = context.machines[1:]  # one that runs has its own configuration for it
        Shares()(context)

    def test_a_network_of_the_users_has_its_own_ways(self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer) -> None:
        Shares()(make_context(config_of(1, 1, Networking(disable_default_cni=True))))
        assert (api_server.requests, engine.calls) == ([], [])

    def test_a_machine_whose_ways_cannot_be_set_is_named(self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer) -> None:
        engine.answer(["/kind/pytest-kind/network"], "RTNETLINK answers: no", code=2, on="c-worker")
        api_server.answer("GET", NODES, given(control_plane=["10.244.0.0/24"], worker=["10.244.1.0/24"]))
        with pytest.raises(CommandError, match=r"^c-worker: `/kind/pytest-kind/network` ended with 2:\nRTNETLINK answers: no$"):
            Shares()(make_context(config_of(1, 1)))
