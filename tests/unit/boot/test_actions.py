"""The steps of a boot, on an engine in a folder and an API server on loopback: what each does, and how it fails."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_kind.boot import actions
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.files import machine_files
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import CommandError, Conflict, KindError, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.clusters import MakeContext, config_of
from support.credentials import admin_conf
from support.engine import FakeEngine

NODE = "/api/v1/nodes/c-control-plane"
DNS = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec: {template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {containers: [{image: "coredns:v1.14.6", readinessProbe: {}}]}}}
"""
PROXY = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: kube-proxy, namespace: kube-system}}"
PROVISIONER = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: local-path-config, namespace: local-path-storage}, data: {config.json: "{}"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: local-path-provisioner, namespace: local-path-storage}
spec:
  selector: {matchLabels: {app: local-path-provisioner}}
  template:
    metadata: {labels: {app: local-path-provisioner}}
    spec:
      containers: [{image: "any", command: [start]}]
      volumes: [{name: config, configMap: {name: local-path-config}}]
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: standard}}
"""
STORAGE = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: standard}}"


class TestFill:
    def test_everything_goes_into_the_node_as_one_archive(self, context: BootContext, engine: FakeEngine) -> None:
        actions.Fill()(context)
        ((folder, archive),) = engine.puts(context.container)
        assert folder == "/"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            entries = {entry.name: entry for entry in tar}
        assert entries.keys() == machine_files(ClusterConfig(), context.facts, context.first.machine, 300).keys()
        assert (entries["kind/kubeadm.conf"].mode, entries["kind/pytest-kind/prepare"].mode) == (0o600, 0o755)
        assert {(entry.uid, entry.gid, entry.uname) for entry in entries.values()} == {(0, 0, "root")}

    def test_only_machines_that_are_new_get_theirs(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = make_context(config_of(2, 1))
        context.fresh = context.machines[1:]
        actions.Fill()(context)
        assert engine.made("put") == ["c-control-plane2 /", "c-worker /", "c-external-load-balancer /"]
        assert "kind/pytest-kind/haproxy.cfg" in "".join(engine.files("c-external-load-balancer"))


class TestStart:
    def test_it_starts_the_node_and_learns_where_its_api_is(self, context: BootContext, engine: FakeEngine) -> None:
        engine.publish("127.0.0.1", 34567)
        actions.Start()(context)
        assert engine.calls == ["start c-control-plane", "published_port c-control-plane 6443"]
        assert context.server == "https://127.0.0.1:34567"

    def test_it_starts_every_new_machine_and_the_api_is_the_load_balancers(self, make_context: MakeContext, engine: FakeEngine) -> None:
        engine.publish("127.0.0.1", 34567)
        context = make_context(config_of(2, 1))
        actions.Start()(context)
        assert sorted(engine.made("start")) == ["c-control-plane", "c-control-plane2", "c-external-load-balancer", "c-worker"]
        assert engine.made("published_port") == ["c-external-load-balancer 6443"]

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
            "/api/v1/namespaces/default/serviceaccounts",
            "/api/v1/namespaces/default/configmaps",
            "/api/v1/namespaces/kube-system/configmaps",
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
            ("POST", "ClusterRoleBinding"),
            ("POST", "ServiceAccount"),
            ("POST", "ConfigMap"),
            ("POST", "ConfigMap"),
            ("POST", "DaemonSet"),
            ("POST", "Service"),
            ("POST", "Deployment"),
            ("POST", "StorageClass"),
            ("GET", None),
        ]
        assert engine.made("exec") == ["/kind/pytest-kind/release"]

    def posted(self, server: ApiServer) -> list[tuple[str, str]]:
        return [(body["kind"], body["metadata"]["name"]) for method, _, body in server.requests if method == "POST"]

    def test_without_kube_proxy_it_is_not_posted(self, make_context: MakeContext, willing: ApiServer) -> None:
        context = make_context(config_of(networking=Networking(kube_proxy_mode="none")))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        assert "DaemonSet" not in dict(self.posted(willing))

    def test_several_nodes_get_the_class_that_is_common_to_them(self, make_context: MakeContext, willing: ApiServer) -> None:
        willing.answer("POST", "/api/v1/namespaces/local-path-storage/configmaps", (201, {}))
        willing.answer("POST", "/apis/apps/v1/namespaces/local-path-storage/deployments", (201, {}))
        for config, names in ((config_of(1, 1), ["standard", "shared"]), (config_of(1), ["standard"])):
            willing.requests.clear()
            context = make_context(config)
            context.manifests = {"dns": DNS, "proxy": PROXY, "storage": PROVISIONER}
            actions.ApiServer()(context)
            assert [name for kind, name in self.posted(willing) if kind == "StorageClass"] == names

    def test_several_control_planes_have_two_dns_servers_that_ask_the_load_balancer(self, make_context: MakeContext, willing: ApiServer) -> None:
        context = make_context(config_of(2))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        (spec,) = [body["spec"] for _, _, body in willing.requests if body and body["kind"] == "Deployment"]
        assert spec["replicas"] == 2
        assert spec["template"]["spec"]["containers"][0]["env"][0] == {"name": "KUBERNETES_SERVICE_HOST", "value": "198.19.255.254"}

    def test_what_is_refused_at_first_is_posted_again_and_only_that(self, connected: BootContext, willing: ApiServer) -> None:
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
        willing.answer("POST", path, (403, {"message": "not yet"}), (201, {}))
        connected.deadline = Deadline(60)
        actions.ApiServer()(connected)
        assert [kind["kind"] for method, _, kind in willing.requests if method == "POST"] == [
            "ClusterRoleBinding",
            "ClusterRoleBinding",
            "ServiceAccount",
            "ConfigMap",
            "ConfigMap",
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
            "the API server takes objects: not within 0.0 s; last seen: 403 Forbidden: namespaces are not there yet "
            f"(creating DaemonSet kube-proxy: POST {path})"
        )

    def test_a_server_that_does_not_get_ready_holds_the_controllers_back(
        self, connected: BootContext, engine: FakeEngine, willing: ApiServer
    ) -> None:
        willing.answer("GET", "/readyz", (500, "[-]etcd failed"))
        with pytest.raises(WaitTimeout) as caught:
            actions.ApiServer()(connected)
        assert str(caught.value) == "the API server's /readyz: not within 0.0 s; last seen: 500 Internal Server Error: [-]etcd failed (GET /readyz)"
        assert engine.made("exec") == []


class TestManifests:
    @pytest.fixture
    def bringing(self, make_context: MakeContext, tmp_path: Path) -> BootContext:
        """A configuration with two manifests."""
        for name in ("b", "a"):
            (tmp_path / f"{name}.yaml").write_text(f"kind: {name}", encoding="utf-8")
        return make_context(ClusterConfig(manifests=(str(tmp_path / "b.yaml"), str(tmp_path / "a.yaml"))))

    def test_the_node_applies_them_in_their_order(self, bringing: BootContext, engine: FakeEngine) -> None:
        engine.answer(["ctr"], "registry/pause:3\nsha256:1234\n")
        actions.Manifests()(bringing)
        assert engine.files("c-control-plane") == {
            "/kind/pytest-kind/manifests/000.yaml": (b"kind: b", 0o644),
            "/kind/pytest-kind/manifests/001.yaml": (b"kind: a", 0o644),
        }
        assert engine.made("exec")[1:] == ["kubectl apply --server-side --filename /kind/pytest-kind/manifests"]
        assert bringing.images == {"registry/pause:3"}  # what was there before them

    def test_without_any_nothing_is_done(self, connected: BootContext, engine: FakeEngine) -> None:
        actions.Manifests()(connected)
        assert engine.calls == []

    def test_what_the_api_does_not_know_yet_is_applied_again(self, bringing: BootContext, engine: FakeEngine) -> None:
        engine.answer(["kubectl", "apply"], "no matches for kind", code=1, times=1)
        bringing.deadline = Deadline(60)
        actions.Manifests()(bringing)
        assert len(engine.made("exec")) == 3

    def test_what_is_wrong_with_them_is_in_the_error(self, bringing: BootContext, engine: FakeEngine) -> None:
        engine.answer(["kubectl", "apply"], "error: no matches for kind", code=1)
        with pytest.raises(WaitTimeout) as caught:
            actions.Manifests()(bringing)
        assert str(caught.value) == (
            "the configuration's manifests: not within 0.0 s; last seen: c-control-plane: "
            "`kubectl apply --server-side --filename /kind/pytest-kind/manifests` ended with 1:\nerror: no matches for kind"
        )


class TestMark:
    def test_a_single_node_is_a_control_plane_to_which_load_balancers_may_send(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Mark()(connected)
        assert api_server.requests == [("PATCH", NODE, {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}})]


class TestFinish:
    def test_who_needs_it_waits_for_it(self, connected: BootContext, engine: FakeEngine) -> None:
        actions.Finish()(connected)
        assert engine.made("exec") == ["/kind/pytest-kind/settle"]

    def test_what_kubeadm_says_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/settle"], "error execution phase upload-config", code=1)
        with pytest.raises(CommandError, match="error execution phase upload-config"):
            actions.settle(context)


class TestControlPlane:
    def test_kubeadms_static_pods_become_units(self, context: BootContext, engine: FakeEngine) -> None:
        pod = "{metadata: {name: etcd}, spec: {containers: [{command: [etcd, --name=c-control-plane]}]}}"
        engine.answer(["/kind/pytest-kind/facts"], json.dumps({"etcd": pod}))
        actions.ControlPlane()(context)
        content, mode = engine.files("c-control-plane")["/etc/systemd/system/etcd.service"]
        assert mode == 0o644
        assert b'ExecStart="/kind/pytest-kind/bin/etcd" "--name=c-control-plane"\n' in content
        assert engine.made("exec")[1:] == ["systemctl start --no-block etcd.service kube-apiserver.service"]

    def test_of_several_control_planes_nothing_does(self, make_context: MakeContext, engine: FakeEngine) -> None:
        actions.ControlPlane()(make_context(config_of(2)))
        assert engine.calls == []

    def test_nor_where_static_pods_are_wanted(self, context: BootContext, engine: FakeEngine) -> None:
        context.facts = replace(context.facts, static_pods=True)
        actions.ControlPlane()(context)
        assert engine.calls == []


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        (1, ["fill", "engine", "units", "kubeadm", "API", "manifests", "node", "mark", "DNS later", "defaults"]),
        (2, ["fill", "engine", "units", "kubeadm", "API", "manifests", "finish", "join", "routes", "node", "DNS", "defaults"]),
        (5, ["fill", "engine", "units", "kubeadm", "API", "manifests", "finish", "join", "routes", "node", "DNS", "defaults"]),
    ],
)
def test_the_steps_of_a_boot_in_order(nodes: int, names: list[str]) -> None:
    assert [action.name for action in actions.default_actions(nodes)] == names


@pytest.mark.parametrize("nodes", [1, 3])
def test_what_is_to_be_frozen_is_when_it_is_ready(nodes: int) -> None:
    names = [action.name for action in actions.default_actions(nodes, freeze=True)]
    assert names[-3:] == ["DNS", "defaults", "freeze"]


def test_the_steps_of_nodes_that_join_a_cluster_that_runs() -> None:
    assert [action.name for action in actions.joining_actions()] == ["fill", "engine", "join", "routes", "node", "DNS"]
