"""Readiness: nodes, DNS, defaults: what is waited for, and what is said when it does not come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_kind.boot import ready
from pytest_kind.boot.context import BootContext
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import CommandError, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import Answer, ApiServer
from support.clusters import MakeContext, config_of
from support.engine import FakeEngine

NODES = "/api/v1/nodes"
SERVICE = "/api/v1/namespaces/kube-system/services/kube-dns"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
DNS = "{kind: Service, spec: {clusterIP: 10.96.0.10}}"
NO_CNI = Networking(disable_default_cni=True)
NO_PROXY = Networking(kube_proxy_mode="none")
RELEASE = "/kind/pytest-kind/release"
READY = {"type": "Ready", "status": "True", "message": "fine"}


def nodes(**conditions: list[dict[str, str]] | None) -> Answer:
    """A list of nodes, named so after ``c-``, with their conditions."""
    found = [
        {"metadata": {"name": f"c-{name.replace('_', '-')}"}, "status": {} if one is None else {"conditions": one}}
        for name, one in conditions.items()
    ]
    return 200, {"items": found}


def storage_class(default: str) -> dict[str, Any]:
    return {"metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": default}}}


class TestRelease:
    """The controllers of static pods are held back on the node until the API server answers; as units they start by themselves."""

    def test_units_need_no_word(self, make_context: MakeContext, engine: FakeEngine) -> None:
        ready.release(make_context(config_of(1, 1)))
        assert engine.calls == []

    def test_static_pods_of_an_only_control_plane_are_let_go(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = make_context(config_of(1, 1))
        context.facts = replace(context.facts, static_pods=True)
        ready.release(context)
        assert {one.name: engine.execs(one.name) for one in context.machines} == {"c-control-plane": [RELEASE], "c-worker": []}

    def test_those_of_several_are_on_each(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = make_context(config_of(2, 1))
        ready.release(context)
        assert {one.name: engine.execs(one.name) for one in context.machines} == {
            "c-control-plane": [RELEASE],
            "c-control-plane2": [RELEASE],
            "c-worker": [],
            "c-external-load-balancer": [],
        }


class TestNodesReady:
    def test_it_waits_until_the_node_says_so(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer(
            "GET",
            NODES,
            (503, {"message": "not yet"}),
            nodes(),
            nodes(control_plane=None),
            nodes(control_plane=[{"type": "Ready", "status": "False", "message": "no CNI"}]),
            nodes(control_plane=[{"type": "DiskPressure", "status": "False"}, READY]),
        )
        connected.deadline = Deadline(60)
        ready.NodesReady()(connected)
        assert len(api_server.requests) == 5

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ((503, {"message": "etcd is away"}), f"503 Service Unavailable: etcd is away (GET {NODES})"),
            (nodes(), "node c-control-plane: has reported nothing"),
            (nodes(control_plane=None), "node c-control-plane: has reported nothing"),
            (nodes(control_plane=[{"type": "Ready", "status": "False", "message": "no CNI"}]), "node c-control-plane: no CNI"),
            (nodes(control_plane=[{"type": "Ready", "status": "Unknown", "message": "silent"}]), "node c-control-plane: silent"),
        ],
    )
    def test_the_error_has_the_last_reason(self, connected: BootContext, api_server: ApiServer, answer: Answer, reason: str) -> None:
        api_server.answer("GET", NODES, answer)
        with pytest.raises(WaitTimeout) as caught:
            ready.NodesReady()(connected)
        assert str(caught.value) == f"every node is Ready: not within 0.0 s; last seen: {reason}"

    def test_every_node_counts_and_nothing_else(self, make_context: MakeContext, api_server: ApiServer) -> None:
        context = make_context(config_of(2, 1))
        api_server.answer(
            "GET", NODES, nodes(control_plane=[READY], control_plane2=[READY], worker=[{**READY, "status": "False", "message": "late"}])
        )
        with pytest.raises(WaitTimeout, match=r"last seen: node c-worker: late$"):
            ready.NodesReady()(context)
        api_server.answer("GET", NODES, nodes(control_plane=[READY], control_plane2=[READY], worker=[READY], another=None))
        ready.NodesReady()(context)

    def test_of_a_cluster_that_runs_only_new_ones_count(self, make_context: MakeContext, api_server: ApiServer) -> None:
        context = make_context(config_of(1, 1))
        context.fresh = context.machines[1:]
        api_server.answer("GET", NODES, nodes(control_plane=[{**READY, "status": "Unknown", "message": "dead"}], worker=[READY]))
        ready.NodesReady()(context)

    def test_where_the_network_comes_later_nothing_is_waited_for(self, make_context: MakeContext, api_server: ApiServer) -> None:
        ready.NodesReady()(make_context(config_of(networking=NO_CNI)))
        assert api_server.requests == []

    def test_a_network_that_the_configuration_brings_along_is_waited_for(self, make_context: MakeContext, api_server: ApiServer) -> None:
        context = make_context(ClusterConfig(networking=NO_CNI, manifests=("cni.yaml",)))
        api_server.answer("GET", NODES, nodes(control_plane=[READY]))
        ready.NodesReady()(context)
        assert len(api_server.requests) == 1


class TestDns:
    def dns(self, context: BootContext) -> None:
        context.manifests = {"dns": DNS}
        ready.Dns()(context)

    def test_a_pods_network_of_a_single_node_asks_the_services_address(self, context: BootContext, engine: FakeEngine) -> None:
        self.dns(context)
        assert engine.made("exec") == ["/kind/pytest-kind/pod-dns 10.96.0.10 kubernetes.default.svc.cluster.local 1.0"]

    def test_of_several_each_asks_from_a_pods_network(self, make_context: MakeContext, engine: FakeEngine) -> None:
        self.dns(make_context(config_of(2, 1)))
        asked = "/kind/pytest-kind/pod-dns 10.96.0.10 kubernetes.default.svc.cluster.local 1.0"
        assert engine.execs("c-external-load-balancer") == []
        assert {name: engine.execs(name) for name in ("c-control-plane", "c-control-plane2", "c-worker")} == {
            "c-control-plane": [asked],
            "c-control-plane2": [asked],
            "c-worker": [asked],
        }

    def test_only_new_nodes_ask(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = make_context(config_of(1, 2))
        context.fresh = context.machines[2:]
        self.dns(context)
        assert [engine.execs(one.name) == [] for one in context.machines] == [True, True, False]

    def test_a_cluster_that_runs_is_asked_for_the_address(self, make_context: MakeContext, engine: FakeEngine, api_server: ApiServer) -> None:
        api_server.answer("GET", SERVICE, (200, {"spec": {"clusterIP": "10.2.0.10"}}))
        ready.Dns()(make_context(config_of(1)))
        assert engine.made("exec")[0].startswith("/kind/pytest-kind/pod-dns 10.2.0.10 ")

    def test_why_there_was_no_answer_is_in_the_error_with_the_node(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/pod-dns"], "no answer\n", code=1, on="c-worker2")
        with pytest.raises(CommandError, match=r"^c-worker2: `/kind/pytest-kind/pod-dns .* ended with 1:\nno answer$"):
            self.dns(make_context(config_of(1, 2)))

    @pytest.mark.parametrize("networking", [NO_CNI, NO_PROXY, Networking(disable_default_cni=True, kube_proxy_mode="none")])
    def test_where_nobody_would_answer_nobody_asks(self, make_context: MakeContext, engine: FakeEngine, networking: Networking) -> None:
        self.dns(make_context(config_of(1, 1, networking)))
        assert engine.made("exec") == []

    @pytest.mark.parametrize("workers", [0, 1])
    def test_with_a_network_of_the_users_one_pod_asks_for_all(self, make_context: MakeContext, engine: FakeEngine, workers: int) -> None:
        config = ClusterConfig(nodes=config_of(1, workers).nodes, networking=NO_CNI, manifests=("cni.yaml",))
        self.dns(make_context(config))
        (asked,) = engine.made("exec")
        assert asked.startswith("/kind/pytest-kind/dns-ready ")
        assert engine.execs("c-control-plane") == [asked]

    def test_without_kube_proxy_a_manifest_changes_nothing(self, make_context: MakeContext, engine: FakeEngine) -> None:
        self.dns(make_context(ClusterConfig(networking=NO_PROXY, manifests=("cilium.yaml",))))
        assert engine.made("exec") == []


class TestDefaults:
    def test_it_waits_for_the_service_account_and_a_default_class(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", ACCOUNT, (404, {"message": "not yet"}), (200, {}))
        api_server.answer("GET", CLASSES, (200, {"items": []}), (200, {"items": [storage_class("true")]}))
        connected.deadline = Deadline(60)
        ready.Defaults()(connected)
        assert [path for _, path, _ in api_server.requests] == [ACCOUNT, ACCOUNT, CLASSES, ACCOUNT, CLASSES]

    @pytest.mark.parametrize("classes", [[], [{"metadata": {"name": "a"}}], [storage_class("false")]])
    def test_a_cluster_without_a_default_class_is_not_ready(
        self, connected: BootContext, api_server: ApiServer, classes: list[dict[str, Any]]
    ) -> None:
        api_server.answer("GET", ACCOUNT, (200, {}))
        api_server.answer("GET", CLASSES, (200, {"items": classes}))
        with pytest.raises(WaitTimeout) as caught:
            ready.Defaults()(connected)
        assert str(caught.value) == ("default ServiceAccount and StorageClass: not within 0.0 s; last seen: no StorageClass is marked as default")

    def test_a_service_account_that_does_not_come_is_the_reason(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", ACCOUNT, (404, {"message": "no such account"}))
        with pytest.raises(WaitTimeout, match=rf"last seen: 404 Not Found: no such account \(GET {ACCOUNT}\)$"):
            ready.Defaults()(connected)
