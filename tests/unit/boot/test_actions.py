"""The steps of a boot, on an engine in a folder and an API server on loopback: what each does, and how it fails."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from pytest_kind.boot import actions
from pytest_kind.boot.actions import BootContext
from pytest_kind.errors import CommandError, Conflict, KindError, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.credentials import admin_conf
from support.engine import FakeEngine

NODE = "/api/v1/nodes/c-control-plane"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
DNS = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec: {template: {spec: {containers: [{image: "coredns:v1.14.6", readinessProbe: {}}]}}}
"""
PROXY = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: kube-proxy, namespace: kube-system}}"
STORAGE = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: standard}}"


def node_status(*conditions: dict[str, str]) -> tuple[int, Any]:
    return 200, {"status": {"conditions": list(conditions)}}


def storage_class(default: str) -> dict[str, Any]:
    return {"metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": default}}}


class TestFill:
    def test_everything_goes_into_the_node_as_one_archive(self, context: BootContext, engine: FakeEngine) -> None:
        actions.Fill()(context)
        ((folder, archive),) = engine.puts(context.container)
        assert folder == "/"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            entries = {entry.name: entry for entry in tar}
        assert len(entries) == 11
        assert (entries["kind/kubeadm.conf"].mode, entries["kind/pytest-kind/prepare"].mode) == (0o600, 0o755)
        assert {(entry.uid, entry.gid, entry.uname) for entry in entries.values()} == {(0, 0, "root")}


class TestStart:
    def test_it_starts_the_node_and_learns_where_its_api_is(self, context: BootContext, engine: FakeEngine) -> None:
        engine.publish("127.0.0.1", 34567)
        actions.Start()(context)
        assert engine.calls == ["start c-control-plane", "published_port c-control-plane 6443"]
        assert context.server == "https://127.0.0.1:34567"

    def test_a_port_that_is_taken_is_the_engines_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.fail("start", Conflict("port is already allocated"))
        with pytest.raises(Conflict, match=r"^port is already allocated$"):
            actions.Start()(context)


class TestFacts:
    @pytest.fixture
    def told(self) -> dict[str, str]:
        return {"admin": admin_conf(), "superAdmin": admin_conf(), "dns": DNS, "proxy": PROXY, "storage": STORAGE, "version": "v1.37.1"}

    def test_the_node_tells_credentials_and_manifests(self, context: BootContext, engine: FakeEngine, told: dict[str, str]) -> None:
        engine.answer(["/kind/pytest-kind/facts"], json.dumps(told))
        context.server = "https://127.0.0.1:34567"
        actions.Facts()(context)
        assert context.admin["current-context"] == "kind-c"
        assert context.admin["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:34567"
        assert context.manifests == {"dns": DNS, "proxy": PROXY, "storage": STORAGE}

    def test_the_api_is_the_published_one(self, context: BootContext, engine: FakeEngine, api_server: ApiServer, told: dict[str, str]) -> None:
        engine.answer(["/kind/pytest-kind/facts"], json.dumps(told))
        context.server = api_server.url
        actions.Facts()(context)
        api_server.answer("GET", "/readyz", (200, "ok"))
        assert context.api.text("/readyz") == "ok"

    def test_before_it_there_is_no_api(self, context: BootContext) -> None:
        with pytest.raises(KindError, match=r"^no step has found the API server's address yet$"):
            context.api  # noqa: B018

    def test_what_kubeadm_says_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/facts"], "kubeadm could not prepare the node:\nbad certificate", code=1)
        with pytest.raises(CommandError) as caught:
            actions.Facts()(context)
        assert str(caught.value) == (
            "c-control-plane: `/kind/pytest-kind/facts 1` ended with 1:\nkubeadm could not prepare the node:\nbad certificate"
        )


class TestApiServer:
    @pytest.fixture(autouse=True)
    def manifests(self, connected: BootContext) -> None:
        connected.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}

    @pytest.fixture
    def willing(self, api_server: ApiServer) -> ApiServer:
        """A server that takes everything."""
        for path in (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            "/apis/apps/v1/namespaces/kube-system/daemonsets",
            "/api/v1/namespaces/kube-system/services",
            "/apis/apps/v1/namespaces/kube-system/deployments",
            "/apis/storage.k8s.io/v1/storageclasses",
        ):
            api_server.answer("POST", path, (201, {}))
        api_server.answer("GET", "/readyz", (200, "ok"))
        return api_server

    def test_it_posts_the_addons_and_then_lets_the_controllers_start(self, connected: BootContext, engine: FakeEngine, willing: ApiServer) -> None:
        actions.ApiServer()(connected)
        assert [(method, (body or {}).get("kind")) for method, _, body in willing.requests] == [
            ("POST", "ClusterRoleBinding"),
            ("POST", "DaemonSet"),
            ("POST", "Service"),
            ("POST", "Deployment"),
            ("POST", "StorageClass"),
            ("GET", None),
        ]
        assert engine.made("exec") == ["/kind/pytest-kind/release"]

    def test_what_is_refused_at_first_is_posted_again_and_only_that(self, connected: BootContext, willing: ApiServer) -> None:
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
        willing.answer("POST", path, (403, {"message": "not yet"}), (201, {}))
        connected.deadline = Deadline(60)
        actions.ApiServer()(connected)
        assert [kind["kind"] for method, _, kind in willing.requests if method == "POST"] == [
            "ClusterRoleBinding",
            "DaemonSet",
            "DaemonSet",
            "Service",
            "Deployment",
            "StorageClass",
        ]

    def test_what_it_refused_last_is_in_the_error(self, connected: BootContext, willing: ApiServer) -> None:
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
        willing.answer("POST", path, (403, {"message": "namespaces are not there yet"}))
        with pytest.raises(WaitTimeout) as caught:
            actions.ApiServer()(connected)
        assert str(caught.value) == (
            f"the API server takes objects: not within 0.0 s; last seen: creating DaemonSet kube-proxy: POST {path}: 403 namespaces are not there yet"
        )

    def test_a_server_that_does_not_get_ready_holds_the_controllers_back(
        self, connected: BootContext, engine: FakeEngine, willing: ApiServer
    ) -> None:
        willing.answer("GET", "/readyz", (500, "[-]etcd failed"))
        with pytest.raises(WaitTimeout) as caught:
            actions.ApiServer()(connected)
        assert str(caught.value) == "the API server's /readyz: not within 0.0 s; last seen: GET /readyz: 500 [-]etcd failed"
        assert engine.made("exec") == []


class TestNodeReady:
    def test_it_waits_until_the_node_says_so(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer(
            "GET",
            NODE,
            (404, {"message": "not found"}),
            node_status(),
            node_status({"type": "Ready", "status": "False", "message": "no CNI"}),
            node_status({"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": "True", "message": "fine"}),
        )
        connected.deadline = Deadline(60)
        actions.NodeReady()(connected)
        assert len(api_server.requests) == 4

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ((404, {"message": "nodes not found"}), f"GET {NODE}: 404 nodes not found"),
            ((200, {"status": {}}), "node c-control-plane: has reported nothing"),
            (node_status({"type": "Ready", "status": "False", "message": "no CNI"}), "node c-control-plane: no CNI"),
            (node_status({"type": "Ready", "status": "Unknown", "message": "silent"}), "node c-control-plane: silent"),
        ],
    )
    def test_the_error_has_the_last_reason(self, connected: BootContext, api_server: ApiServer, answer: tuple[int, Any], reason: str) -> None:
        api_server.answer("GET", NODE, answer)
        with pytest.raises(WaitTimeout) as caught:
            actions.NodeReady()(connected)
        assert str(caught.value) == f"node c-control-plane is Ready: not within 0.0 s; last seen: {reason}"


class TestDns:
    @pytest.fixture(autouse=True)
    def manifests(self, context: BootContext) -> None:
        context.manifests = {"dns": DNS}

    def test_it_asks_the_services_address_from_a_pods_network(self, context: BootContext, engine: FakeEngine) -> None:
        actions.Dns()(context)
        assert engine.made("exec") == ["/kind/pytest-kind/dns-ready 10.96.0.10 kubernetes.default.svc.cluster.local 1.0"]

    def test_why_there_was_no_answer_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/dns-ready"], "no pod has a network namespace yet\n", code=1)
        with pytest.raises(CommandError, match=r"ended with 1:\nno pod has a network namespace yet$"):
            actions.Dns()(context)


class TestFinish:
    def test_kubeadm_runs_the_phases_that_are_left(self, connected: BootContext, engine: FakeEngine, api_server: ApiServer) -> None:
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Finish()(connected)
        skipped = "preflight,certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane,addon,show-join-command"
        assert engine.made("exec") == [f"kubeadm init --config /kind/kubeadm.conf --skip-phases={skipped}"]

    def test_load_balancers_may_send_to_the_one_node(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Finish()(connected)
        label = {"node.kubernetes.io/exclude-from-external-load-balancers": None}
        assert api_server.requests == [("PATCH", NODE, {"metadata": {"labels": label}})]

    def test_what_kubeadm_says_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["kubeadm"], "error execution phase upload-config", code=1)
        with pytest.raises(CommandError, match="error execution phase upload-config"):
            actions.Finish()(context)


class TestDefaults:
    def test_it_waits_for_the_service_account_and_a_default_class(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", ACCOUNT, (404, {"message": "not yet"}), (200, {}))
        api_server.answer("GET", CLASSES, (200, {"items": []}), (200, {"items": [storage_class("true")]}))
        connected.deadline = Deadline(60)
        actions.Defaults()(connected)
        assert [path for _, path, _ in api_server.requests] == [ACCOUNT, ACCOUNT, CLASSES, ACCOUNT, CLASSES]

    @pytest.mark.parametrize("classes", [[], [{"metadata": {"name": "a"}}], [storage_class("false")]])
    def test_a_cluster_without_a_default_class_is_not_ready(
        self, connected: BootContext, api_server: ApiServer, classes: list[dict[str, Any]]
    ) -> None:
        api_server.answer("GET", ACCOUNT, (200, {}))
        api_server.answer("GET", CLASSES, (200, {"items": classes}))
        with pytest.raises(WaitTimeout) as caught:
            actions.Defaults()(connected)
        assert str(caught.value) == ("default ServiceAccount and StorageClass: not within 0.0 s; last seen: no StorageClass is marked as default")

    def test_a_service_account_that_does_not_come_is_the_reason(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", ACCOUNT, (404, {"message": "no such account"}))
        with pytest.raises(WaitTimeout, match=f"last seen: GET {ACCOUNT}: 404 no such account$"):
            actions.Defaults()(connected)


def test_the_steps_of_a_boot_in_order() -> None:
    assert [action.name for action in actions.default_actions()] == ["fill", "engine", "kubeadm", "API", "node", "DNS", "finish", "defaults"]


def test_the_time_of_a_step_is_kept_even_when_it_fails(context: BootContext) -> None:
    with pytest.raises(LookupError), context.phase("API"):
        raise LookupError
    assert [name for name, _ in context.phases] == ["API"]
