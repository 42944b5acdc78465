"""The steps of a copy's boot."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pytest_kind.boot import copy
from pytest_kind.boot.context import BootContext
from pytest_kind.errors import CommandError, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.clusters import MakeContext, config_of
from support.credentials import admin_conf
from support.engine import FakeEngine
from unit.boot.test_actions import facts
from unit.boot.test_freeze import FROZEN, NODES, folder, listing, node

READY = "/readyz?exclude=poststarthook/rbac/bootstrap-roles&exclude=poststarthook/scheduling/bootstrap-system-priority-classes"
AUTHENTICATION = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
TOLD = {"admin": admin_conf(), "superAdmin": admin_conf(), "authority": "ca", "frontProxy": "front", "worker/c-worker": "its kubeconfig"}


def test_the_steps_in_order() -> None:
    assert [action.name for action in copy.copying_actions()] == ["fill", "engine", "keys", "API", "node", "DNS later"]


class TestCredentials:
    def test_a_single_node_tells_its_own(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/facts"], facts(TOLD))
        context.server = "https://127.0.0.1:34567"
        copy.Credentials()(context)
        assert engine.made("exec") == ["/kind/pytest-kind/facts 1 copy"]
        assert context.admin["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:34567"
        assert context.authorities == {"client-ca-file": "ca", "requestheader-client-ca-file": "front"}

    def test_other_nodes_are_given_theirs_and_come_to_life(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/facts"], facts(TOLD))
        engine.offer("etc/kubernetes/pki", folder("pki", {"pki/ca.key": b"key", "pki/apiserver.key": b"the first one's"}))
        context = make_context(config_of(2, 1))
        context.server = "https://127.0.0.1:34567"
        context.deadline = Deadline(60)
        copy.Credentials()(context)
        assert engine.files("c-worker") == {
            "/etc/kubernetes/kubelet.conf": (b"its kubeconfig", 0o600),
            "/etc/kubernetes/pki/ca.crt": (b"ca", 0o644),
        }
        assert set(engine.files("c-control-plane2")) == {"/etc/kubernetes/pki/ca.key"}
        for name in ("c-control-plane2", "c-worker"):
            (command,) = engine.execs(name)
            assert command.startswith("/kind/pytest-kind/revive ")
        assert engine.execs("c-external-load-balancer") == []

    def test_what_the_node_could_not_restore_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/facts"], "word 0: 3 bytes were frozen, 4 are to stand for them", code=1)
        with pytest.raises(CommandError, match="word 0: 3 bytes were frozen, 4 are to stand for them"):
            copy.Credentials()(context)


class TestCopiedApi:
    def test_the_frozen_clusters_authorities_are_taken_out_before_anybody_reads_them(
        self, connected: BootContext, api_server: ApiServer, engine: FakeEngine
    ) -> None:
        api_server.answer("PATCH", AUTHENTICATION, (403, {"message": "not yet"}), (200, {}))
        api_server.answer("GET", READY, (200, "ok"))
        connected.authorities = {"client-ca-file": "new"}
        connected.deadline = Deadline(60)
        copy.CopiedApi()(connected)
        assert api_server.requests == [
            ("PATCH", AUTHENTICATION, {"data": {"client-ca-file": "new"}}),
            ("PATCH", AUTHENTICATION, {"data": {"client-ca-file": "new"}}),
            ("GET", READY, None),
        ]
        assert engine.made("exec") == []  # the controllers are units of the node, which starts them by itself

    def test_what_was_being_rolled_out_has_its_whole_time_again(self, connected: BootContext, api_server: ApiServer) -> None:
        path = "/apis/apps/v1/namespaces/mine/deployments/slow/status"
        api_server.answer("PATCH", AUTHENTICATION, (200, {}))
        api_server.answer("PATCH", path, (503, {"message": "one of several goes"}), (200, {}))
        api_server.answer("GET", READY, (200, "ok"))
        connected.copied, connected.deadline = FROZEN, Deadline(60)
        copy.CopiedApi()(connected)
        assert api_server.requests[-2:] == 2 * [("PATCH", path, {"status": {"conditions": None}})]

    def test_of_several_control_planes_nobody_waits_for_those_that_held_the_locks(
        self, make_context: MakeContext, api_server: ApiServer, engine: FakeEngine
    ) -> None:
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
        api_server.answer("PATCH", AUTHENTICATION, (200, {}))
        api_server.answer("DELETE", f"{leases}/kube-controller-manager", (200, {}))
        api_server.answer("GET", READY, (200, "ok"))
        copy.CopiedApi()(make_context(config_of(2)))
        assert [path for method, path, _ in api_server.requests if method == "DELETE"] == [
            f"{leases}/kube-controller-manager",
            f"{leases}/kube-scheduler",
        ]
        assert engine.execs("c-control-plane2") == ["/kind/pytest-kind/release"]

    def test_what_it_refused_last_is_in_the_error(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("PATCH", AUTHENTICATION, (403, {"message": "not yet"}))
        with pytest.raises(WaitTimeout, match=re.escape("not within 0.0 s; last seen: 403 Forbidden: not yet (PATCH ")):
            copy.CopiedApi()(connected)


BEFORE, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


class TestAlive:
    @pytest.fixture
    def copied(self, make_context: MakeContext) -> BootContext:
        """A copy of two nodes."""
        context = make_context(config_of(1, 1))
        context.copied = FROZEN
        return context

    def test_what_was_frozen_is_no_sign_of_life(self, copied: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODES, listing(node("c-control-plane", said=BEFORE), node("c-worker", said="2026-01-01T00:00:01Z")))
        with pytest.raises(WaitTimeout) as caught:
            copy.Alive()(copied)
        assert str(caught.value) == "every node's sign of life: not within 0.0 s; last seen: no sign of life of c-control-plane"

    def test_every_node_must_have_said_that_it_is_ready(self, copied: BootContext, api_server: ApiServer) -> None:
        copied.deadline = Deadline(60)
        first = node("c-control-plane", said=LATER)
        api_server.answer(
            "GET",
            NODES,
            (503, {"message": "not yet"}),
            listing(first, node("c-worker", said="")),
            listing(first, node("c-worker", said=LATER, ready="False")),
            listing(first, node("c-worker", said=LATER)),
        )
        copy.Alive()(copied)
        assert len(api_server.requests) == 4

    def test_what_keeps_a_node_from_it_is_told(self, copied: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODES, listing(node("c-control-plane", said=LATER), node("c-worker", said=LATER, ready="False")))
        with pytest.raises(WaitTimeout, match=re.escape("last seen: node c-worker: its words")):
            copy.Alive()(copied)

    def test_without_a_network_none_can_be_ready(self, make_context: MakeContext, api_server: ApiServer) -> None:
        config = config_of(1)
        context = make_context(replace(config, networking=replace(config.networking, disable_default_cni=True)))
        api_server.answer("GET", NODES, listing(node("c-control-plane", said=LATER, ready="False")))
        copy.Alive()(context)
