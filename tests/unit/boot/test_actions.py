"""The steps of a boot, on an engine in a folder and an API server on loopback: what each does, and how it fails."""

from __future__ import annotations

import base64
import io
import re
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO, ClassVar

import pytest

from pytest_kind.api.http import ApiError
from pytest_kind.boot import actions, addons
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.files import machine_files
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import CommandError, Conflict, KindError, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import Answer, ApiServer
from support.clusters import MakeContext, config_of
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.workloads import Taking, defaulted

NODE = "/api/v1/nodes/c-control-plane"
PODS = "/api/v1/namespaces/kube-system/pods"
DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
# In the order in which they are posted.
ADDONS = [
    *("ClusterRoleBinding", "ClusterRoleBinding", "ServiceAccount", "ConfigMap", "ConfigMap", "ClusterRole", "PriorityClass", "PriorityClass"),
    *("DaemonSet", "Service", "Deployment", "StorageClass"),
]
DNS = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {containers: [{image: "coredns:v1.14.6", readinessProbe: {}}]}}
"""
PROXY = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-proxy, namespace: kube-system}
spec: {template: {metadata: {labels: {k8s-app: kube-proxy}}, spec: {containers: [{image: "kube-proxy:v1.37.1"}]}}}
"""
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

    def test_the_others_are_made_and_filled_while_the_first_one_starts(
        self, make_context: MakeContext, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = make_context(config_of(2, 1))
        first, *others = context.machines
        context.machines = context.fresh = (first,)
        context.rest = lambda: tuple(others)
        filled, started = threading.Event(), list[str]()
        put = engine.put

        def noted(container: str, path: str, archive: IO[bytes]) -> None:
            put(container, path, archive)
            if container == others[-1].container:
                filled.set()

        def start(container: str) -> None:
            assert filled.wait(10)
            started.append(container)

        monkeypatch.setattr(engine, "put", noted)
        monkeypatch.setattr(engine, "start", start)
        engine.publish("127.0.0.1", 34567)
        actions.Start()(context)
        assert started[0] == first.container
        assert sorted(started) == sorted(one.container for one in context.machines) == sorted([first.container, *(one.container for one in others)])

    def test_while_they_start_is_done_what_their_user_wants(self, context: BootContext, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        done, seen = threading.Event(), list[bool]()
        context.meanwhile = done.set
        monkeypatch.setattr(engine, "start", lambda _: seen.append(done.wait(10)))
        engine.publish("127.0.0.1", 34567)
        actions.Start()(context)
        assert seen == [True]

    def test_a_port_that_is_taken_is_the_engines_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.fail("start", Conflict("port is already allocated"))
        with pytest.raises(Conflict, match=r"^port is already allocated$"):
            actions.Start()(context)


def facts(told: dict[str, str]) -> str:
    """What the node's program prints of these files."""
    return "".join(f"{name} {base64.b64encode(text.encode()).decode()}\n" for name, text in told.items())


class TestFacts:
    @pytest.fixture
    def told(self) -> dict[str, str]:
        return {"admin": admin_conf(), "superAdmin": admin_conf(), "dns": DNS, "proxy": PROXY, "storage": STORAGE}

    def test_the_node_tells_credentials_and_manifests(self, context: BootContext, engine: FakeEngine, told: dict[str, str]) -> None:
        engine.answer(["/kind/pytest-kind/facts"], facts(told))
        context.server = "https://127.0.0.1:34567"
        actions.Facts()(context)
        assert context.admin["current-context"] == "kind-c"
        assert context.admin["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:34567"
        assert context.manifests == {"dns": DNS, "proxy": PROXY, "storage": STORAGE}

    def test_the_api_is_the_published_one(self, context: BootContext, engine: FakeEngine, api_server: ApiServer, told: dict[str, str]) -> None:
        engine.answer(["/kind/pytest-kind/facts"], facts(told))
        context.server = api_server.url
        actions.Facts()(context)
        api_server.answer("GET", "/readyz", (200, "ok"))
        assert context.api.text("/readyz") == "ok"

    def test_an_image_without_storage_of_its_own_tells_of_none(self, context: BootContext, engine: FakeEngine, told: dict[str, str]) -> None:
        engine.answer(["/kind/pytest-kind/facts"], facts({name: text for name, text in told.items() if name != "storage"}))
        context.server = "https://127.0.0.1:34567"
        actions.Facts()(context)
        assert context.manifests == {"dns": DNS, "proxy": PROXY, "storage": ""}

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
    def taking(self) -> Taking:
        """What the server has been given."""
        return Taking()

    @pytest.fixture
    def willing(self, api_server: ApiServer, taking: Taking) -> ApiServer:
        """A server that takes everything."""
        api_server.behind = taking.take
        api_server.answer("GET", "/readyz", (200, "ok"))
        return api_server

    def test_it_posts_the_addons_and_their_first_pods(self, connected: BootContext, engine: FakeEngine, willing: ApiServer) -> None:
        actions.ApiServer()(connected)
        assert [(method, (body or {}).get("kind") or path.rsplit("/", 2)[-2]) for method, path, body in willing.requests] == [
            *(("POST", kind) for kind in ADDONS),
            ("GET", "daemonsets"),
            ("POST", "Pod"),
            ("GET", "deployments"),
            ("POST", "ReplicaSet"),
            ("GET", "replicasets"),
            ("POST", "Pod"),
            ("GET", ""),  # /readyz
        ]
        assert engine.made("exec") == []  # the node starts the controllers itself

    def test_controllers_that_are_static_pods_start_after_it(self, connected: BootContext, engine: FakeEngine, willing: ApiServer) -> None:
        connected.facts = replace(connected.facts, static_pods=True)
        actions.ApiServer()(connected)
        assert willing.requests[-1][:2] == ("GET", "/readyz")
        assert engine.made("exec") == ["/kind/pytest-kind/release"]

    def test_the_first_pods_are_those_of_dns_and_of_kube_proxy_on_the_first_node(
        self, make_context: MakeContext, willing: ApiServer, taking: Taking
    ) -> None:
        context = make_context(config_of(1, 1))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": PROVISIONER}  # whose Deployment waits for its controller
        actions.ApiServer()(context)
        assert [
            (one["metadata"]["namespace"], one["metadata"]["generateName"], one["spec"]["nodeName"], one["metadata"]["ownerReferences"][0]["kind"])
            for one in taking.of("Pod")
        ] == [
            ("kube-system", "kube-proxy-", "c-control-plane", "DaemonSet"),
            ("kube-system", f"{taking.of('ReplicaSet')[0]['metadata']['name']}-", "c-control-plane", "ReplicaSet"),
        ]
        assert [one["metadata"]["ownerReferences"][0]["name"] for one in taking.of("ReplicaSet")] == ["coredns"]

    def test_where_the_network_is_the_users_dns_first_pod_waits_for_it(self, make_context: MakeContext, willing: ApiServer, taking: Taking) -> None:
        context = make_context(config_of(networking=Networking(disable_default_cni=True)))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        assert [one["metadata"]["generateName"] for one in taking.of("Pod")] == ["kube-proxy-"]
        assert taking.of("ReplicaSet") == []
        assert len(taking.of("Deployment")) == 1

    def test_without_kube_proxy_it_is_not_posted(self, make_context: MakeContext, willing: ApiServer, taking: Taking) -> None:
        context = make_context(config_of(networking=Networking(kube_proxy_mode="none")))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        assert taking.of("DaemonSet") == []
        assert [one["metadata"]["ownerReferences"][0]["kind"] for one in taking.of("Pod")] == ["ReplicaSet"]

    def test_without_either_there_is_no_first_pod(self, make_context: MakeContext, willing: ApiServer, taking: Taking) -> None:
        context = make_context(config_of(networking=Networking(kube_proxy_mode="none", disable_default_cni=True)))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        assert taking.of("Pod") == []
        assert willing.requests[-1][:2] == ("GET", "/readyz")

    def test_several_nodes_get_the_class_that_is_common_to_them(self, make_context: MakeContext, willing: ApiServer, taking: Taking) -> None:
        for config, names in ((config_of(1, 1), ["standard", "shared"]), (config_of(1), ["standard"])):
            taking.objects.clear()
            context = make_context(config)
            context.manifests = {"dns": DNS, "proxy": PROXY, "storage": PROVISIONER}
            actions.ApiServer()(context)
            assert [one["metadata"]["name"] for one in taking.of("StorageClass")] == names

    def test_several_control_planes_have_two_dns_servers_that_ask_the_load_balancer(
        self, make_context: MakeContext, willing: ApiServer, taking: Taking
    ) -> None:
        context = make_context(config_of(2))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        willing.answer("PATCH", NODE, (200, {}))
        actions.ApiServer()(context)
        for kind in ("Deployment", "ReplicaSet"):
            (spec,) = [one["spec"] for one in taking.of(kind)]
            assert spec["replicas"] == 2
            assert spec["template"]["spec"]["containers"][0]["env"][0] == {"name": "KUBERNETES_SERVICE_HOST", "value": "198.19.255.254"}
        assert len(taking.of("Pod")) == 2  # kube-proxy's, and one of the two

    def test_the_first_of_several_has_the_first_share_before_a_controller_gives_any(
        self, make_context: MakeContext, willing: ApiServer, engine: FakeEngine
    ) -> None:
        context = make_context(config_of(2, networking=Networking(ip_family="dual")))
        context.manifests, context.deadline = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}, Deadline(60)
        willing.answer("PATCH", NODE, (404, {"message": "not yet"}), (200, {}))
        engine.answer(["/kind/pytest-kind/release"], "the controllers would begin", code=1)
        with pytest.raises(CommandError, match="the controllers would begin"):
            actions.ApiServer()(context)
        shares = ["10.244.0.0/24", "fd00:10:244::/64"]
        assert [body for method, _, body in willing.requests if method == "PATCH"] == 2 * [{"spec": {"podCIDR": shares[0], "podCIDRs": shares}}]

    def test_where_the_network_is_the_users_shares_are_nobodys_business(self, make_context: MakeContext, willing: ApiServer) -> None:
        context = make_context(config_of(2, networking=Networking(disable_default_cni=True)))
        context.manifests = {"dns": DNS, "proxy": PROXY, "storage": STORAGE}
        actions.ApiServer()(context)
        assert [path for method, path, _ in willing.requests if method == "PATCH"] == []

    def test_what_is_refused_at_first_is_posted_again_and_only_that(self, connected: BootContext, willing: ApiServer) -> None:
        willing.answer("POST", DAEMON_SETS, (403, {"message": "not yet"}), (201, {}))
        willing.answer("GET", f"{DAEMON_SETS}/kube-proxy", (200, defaulted(addons.documents(PROXY)[0])))
        connected.deadline = Deadline(60)
        actions.ApiServer()(connected)
        again = ADDONS.index("DaemonSet")
        assert [body["kind"] for method, _, body in willing.requests if method == "POST"] == [
            *ADDONS[:again],
            "DaemonSet",
            *ADDONS[again:],
            "Pod",
            "ReplicaSet",
            "Pod",
        ]

    def test_a_pod_that_is_refused_at_first_is_posted_again_with_the_same_name(
        self, connected: BootContext, willing: ApiServer, taking: Taking
    ) -> None:
        refused = iter([False, True])  # kube-proxy's is taken, DNS' is not

        def take(method: str, path: str, body: object) -> Answer:
            if method == "POST" and path == PODS and next(refused, False):
                return 403, {"message": 'no PriorityClass with name "system-cluster-critical" was found'}
            return taking.take(method, path, body)

        willing.behind = take
        connected.deadline = Deadline(60)
        actions.ApiServer()(connected)
        posted = [(body["kind"], body["metadata"]["name"]) for method, _, body in willing.requests if method == "POST"][len(ADDONS) :]
        assert [kind for kind, _ in posted] == ["Pod", "ReplicaSet", "Pod"] * 2
        assert posted[:3] == posted[3:]
        assert [one["metadata"]["name"] for one in taking.of("Pod")] == [posted[0][1], posted[2][1]]

    @pytest.mark.parametrize(("path", "named"), [(DAEMON_SETS, "DaemonSet kube-proxy"), (PODS, r"Pod kube-proxy-\w{5}")])
    def test_what_it_refused_last_is_in_the_error(self, connected: BootContext, willing: ApiServer, path: str, named: str) -> None:
        willing.answer("POST", path, (403, {"message": "namespaces are not there yet"}))
        with pytest.raises(WaitTimeout) as caught:
            actions.ApiServer()(connected)
        assert re.fullmatch(
            "the API server takes objects: not within 0.0 s; last seen: 403 Forbidden: namespaces are not there yet "
            rf"\(creating {named}: POST {path}\)",
            str(caught.value),
        )

    def test_a_server_that_does_not_get_ready_holds_the_controllers_back(
        self, connected: BootContext, engine: FakeEngine, willing: ApiServer
    ) -> None:
        connected.facts = replace(connected.facts, static_pods=True)
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
    MARKED: ClassVar = {"node-role.kubernetes.io/control-plane": ""}
    TAINTS: ClassVar = [
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
        {"key": "example.com/mine", "effect": "NoSchedule", "value": "yes"},
    ]

    def node(self, version: str, *taints: dict[str, str]) -> Answer:
        return 200, {"metadata": {"name": "c-control-plane", "resourceVersion": version}, "spec": {"taints": list(taints)} if taints else {}}

    def test_a_single_node_is_a_control_plane_to_which_load_balancers_may_send(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODE, self.node("7"))
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Mark()(connected)
        assert api_server.requests == [
            ("GET", NODE, None),
            ("PATCH", NODE, {"metadata": {"labels": self.MARKED, "resourceVersion": "7"}, "spec": {"taints": []}}),
        ]

    def test_it_takes_pods_whose_only_obstacle_was_that_it_is_new(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODE, self.node("7", *self.TAINTS))
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Mark()(connected)
        assert api_server.requests[1][2]["spec"] == {"taints": self.TAINTS[1:]}

    def test_a_node_that_somebody_else_writes_to_is_read_again(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODE, self.node("7", self.TAINTS[0]), self.node("8", *self.TAINTS))
        api_server.answer("PATCH", NODE, (409, {"message": "the object has been modified"}), (200, {}))
        connected.deadline = Deadline(60)
        actions.Mark()(connected)
        assert [(body["metadata"]["resourceVersion"], body["spec"]["taints"]) for method, _, body in api_server.requests if method == "PATCH"] == [
            ("7", []),
            ("8", self.TAINTS[1:]),
        ]

    def test_one_that_is_always_written_to_is_an_error(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", NODE, self.node("7"))
        api_server.answer("PATCH", NODE, (409, {"message": "the object has been modified"}))
        with pytest.raises(WaitTimeout) as caught:
            actions.Mark()(connected)
        assert str(caught.value) == (
            f"node c-control-plane to take its marks: not within 0.0 s; last seen: 409 Conflict: the object has been modified (PATCH {NODE})"
        )

    @pytest.mark.parametrize(("method", "number"), [("GET", 1), ("PATCH", 2)])
    def test_another_refusal_is_one_at_once(self, connected: BootContext, api_server: ApiServer, method: str, number: int) -> None:
        api_server.answer("GET", NODE, self.node("7"))
        api_server.answer(method, NODE, (403, {"message": "not yours"}))
        connected.deadline = Deadline(60)
        with pytest.raises(ApiError, match=rf"^403 Forbidden: not yours \({method} {NODE}\)$"):
            actions.Mark()(connected)
        assert len(api_server.requests) == number

    @pytest.mark.parametrize(("manifests", "changes"), [((), {"metadata"}), (("cni.yaml",), {"metadata", "spec"})])
    def test_a_node_that_is_not_ready_keeps_its_taints(
        self, make_context: MakeContext, api_server: ApiServer, manifests: tuple[str, ...], changes: set[str]
    ) -> None:
        context = make_context(ClusterConfig(networking=Networking(disable_default_cni=True), manifests=manifests))
        api_server.answer("GET", NODE, self.node("7", *self.TAINTS))
        api_server.answer("PATCH", NODE, (200, {}))
        actions.Mark()(context)
        change = api_server.requests[-1][2]
        assert change.keys() == changes
        assert change["metadata"]["labels"] == self.MARKED
        assert ("resourceVersion" in change["metadata"]) is ("spec" in changes)


class TestDnsPlace:
    SERVICE = "/api/v1/namespaces/kube-system/services/kube-dns"
    PODS = f"{PODS}?labelSelector=k8s-app%3Dkube-dns"
    SLICES = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"

    @pytest.fixture(autouse=True)
    def service(self, api_server: ApiServer) -> None:
        """DNS' own, and a pod."""
        ports = [{"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"}]
        service = {"metadata": {"name": "kube-dns", "namespace": "kube-system", "uid": "s"}, "spec": {"ports": ports, "ipFamilies": ["IPv4"]}}
        pod = {"metadata": {"name": "p", "namespace": "kube-system", "uid": "u"}, "spec": {"nodeName": "c-control-plane"}}
        api_server.answer("GET", self.SERVICE, (200, service))
        api_server.answer("GET", self.PODS, (200, {"items": [{**pod, "status": {"podIPs": [{"ip": "10.244.0.2"}]}}]}))

    @pytest.mark.parametrize("status", [201, 409])
    def test_it_is_where_its_pod_is_whoever_says_it_first(self, connected: BootContext, api_server: ApiServer, status: int) -> None:
        api_server.answer("POST", self.SLICES, (status, {"message": "already exists"}))
        actions.DnsPlace()(connected)
        ((path, posted),) = [(path, body) for method, path, body in api_server.requests if method == "POST"]
        assert (path, posted["kind"], posted["endpoints"][0]["addresses"]) == (self.SLICES, "EndpointSlice", ["10.244.0.2"])

    @pytest.mark.parametrize("pods", [[], [{"metadata": {"name": "p"}, "spec": {}, "status": {}}]])
    def test_where_it_is_nowhere_yet_nothing_is_said(self, connected: BootContext, api_server: ApiServer, pods: list[object]) -> None:
        api_server.answer("GET", self.PODS, (200, {"items": pods}))
        actions.DnsPlace()(connected)
        assert [method for method, _, _ in api_server.requests] == ["GET", "GET"]

    def test_where_the_network_is_the_users_its_place_is_not_known(self, make_context: MakeContext, api_server: ApiServer) -> None:
        actions.DnsPlace()(make_context(config_of(networking=Networking(disable_default_cni=True))))
        assert api_server.requests == []

    def test_a_refusal_is_an_error(self, connected: BootContext, api_server: ApiServer) -> None:
        api_server.answer("POST", self.SLICES, (422, {"message": "invalid"}))
        with pytest.raises(ApiError, match=r"^422 Unprocessable Entity: invalid \(creating EndpointSlice kube-dns-\w{5}: POST "):
            actions.DnsPlace()(connected)


class TestFinish:
    def test_who_needs_it_waits_for_it(self, connected: BootContext, engine: FakeEngine) -> None:
        actions.Finish()(connected)
        assert engine.made("exec") == ["/kind/pytest-kind/settle"]

    def test_it_is_on_every_control_plane_that_the_cluster_began_with(self, make_context: MakeContext, engine: FakeEngine) -> None:
        context = make_context(config_of(3, 1))
        context.machines = (*context.machines[:2], replace(context.machines[2], machine=replace(context.machines[2].machine, index=None)))
        actions.Finish()(context)
        assert {name: engine.execs(name) for name in engine.names} == {
            "c-control-plane": ["/kind/pytest-kind/settle"],
            "c-control-plane2": ["/kind/pytest-kind/settle"],
            "c-control-plane3": [],
            "c-worker": [],
            "c-external-load-balancer": [],
        }

    def test_what_kubeadm_says_is_in_the_error(self, context: BootContext, engine: FakeEngine) -> None:
        engine.answer(["/kind/pytest-kind/settle"], "error execution phase upload-config", code=1)
        with pytest.raises(CommandError, match="error execution phase upload-config"):
            actions.settle(context)


class TestControlPlane:
    def test_kubeadms_static_pods_become_units(self, context: BootContext, engine: FakeEngine) -> None:
        pod = "{metadata: {name: etcd}, spec: {containers: [{command: [etcd, --name=c-control-plane]}]}}"
        engine.answer(["/kind/pytest-kind/facts"], facts({"etcd": pod}))
        actions.ControlPlane()(context)
        content, mode = engine.files("c-control-plane")["/etc/systemd/system/etcd.service"]
        assert mode == 0o644
        assert b'ExecStart="/kind/pytest-kind/bin/etcd" "--name=c-control-plane"\n' in content
        assert engine.made("exec") == ["/kind/pytest-kind/facts 1 manifests"]  # the node starts them itself when it has them

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
        (1, ["fill", "engine", "units", "kubeadm", "API", "manifests", "node", "mark", "place", "DNS later", "defaults"]),
        (2, ["fill", "engine", "units", "kubeadm", "members", "API", "manifests", "finish", "join", "routes", "node", "DNS", "defaults"]),
        (5, ["fill", "engine", "units", "kubeadm", "members", "API", "manifests", "finish", "join", "routes", "node", "DNS", "defaults"]),
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
