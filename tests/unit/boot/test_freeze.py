"""What is frozen of a cluster, and what a copy makes of it."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import Any

import pytest

from pytest_kind.boot import freeze
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.files import machine_files
from pytest_kind.boot.frozen import Frozen, words
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import NotFound, WaitTimeout
from pytest_kind.waiting import Deadline
from support.api_server import ApiServer
from support.clusters import TOKEN, MakeContext, config_of, facts_of
from support.engine import FakeEngine

TOKENS = "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fservice-account-token"
VOLUMES = "/api/v1/persistentvolumes"
NODES = "/api/v1/nodes"
DEPLOYMENTS, DAEMON_SETS = (f"/apis/apps/v1/namespaces/kube-system/{kind}" for kind in ("deployments", "daemonsets"))
FROZEN = Frozen(
    image="sha256:frozen",
    cluster="old",
    machines=["old-control-plane", "old-worker"],
    shares={"old-control-plane": ["10.244.0.0/24"], "old-worker": ["10.244.1.0/24"]},
    pods={"old-control-plane": {"kube-system/coredns-x": ["10.244.0.3"], "local-path-storage/p": ["10.244.0.2"]}},
    dns="10.96.0.10",
    beats={"old-control-plane": "2026-01-01T00:00:00Z"},
    unfinished=["mine/slow"],
)


def listing(*items: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"items": list(items)}


def node(name: str, *shares: str, said: str = "now", ready: str = "True") -> dict[str, Any]:
    """A node with its shares of the pod subnets that said so about itself."""
    condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": said, "message": "its words"}
    conditions = {"conditions": [condition]} if said else {}
    return {"metadata": {"name": name}, "spec": {"podCIDRs": list(shares)} if shares else {}, "status": conditions}


def workload(name: str, generation: int, observed: int | None) -> dict[str, Any]:
    """A Deployment or a DaemonSet, with what its controller says that it has seen."""
    return {"metadata": {"name": name, "generation": generation}, "status": {} if observed is None else {"observedGeneration": observed}}


def rolled_out(name: str, reason: str) -> dict[str, Any]:
    """A Deployment, with why it says that it progresses."""
    available = {"type": "Available", "reason": "MinimumReplicasAvailable"}
    conditions = [available, {"type": "Progressing", "reason": reason}]
    return {"metadata": {"namespace": "mine", "name": name}, "status": {"conditions": conditions}}


@pytest.fixture
def ready(connected: BootContext, api_server: ApiServer) -> BootContext:
    """A cluster with a DNS server and a pod of the node's own network."""
    connected.manifests = {"dns": "{kind: Service, metadata: {name: kube-dns}, spec: {clusterIP: 10.96.0.10}}"}
    spec = {"nodeName": "c-control-plane"}
    dns = {"metadata": {"namespace": "kube-system", "name": "coredns-x"}, "spec": spec, "status": {"podIPs": [{"ip": "10.244.0.3"}]}}
    proxy = {"metadata": {"namespace": "kube-system", "name": "kube-proxy-y"}, "spec": {**spec, "hostNetwork": True}, "status": dns["status"]}
    waiting = {"metadata": {"namespace": "default", "name": "new"}, "spec": {}, "status": {}}
    api_server.answer("GET", VOLUMES, listing())
    api_server.answer("GET", TOKENS, listing())
    api_server.answer("GET", "/api/v1/pods", listing(dns, proxy, waiting))
    api_server.answer("GET", NODES, listing(node("c-control-plane", "10.244.0.0/24")))
    api_server.answer("GET", DEPLOYMENTS, listing(workload("coredns", 2, 2)))
    api_server.answer(
        "GET", "/apis/apps/v1/deployments", listing(rolled_out("coredns", "NewReplicaSetAvailable"), rolled_out("slow", "ReplicaSetUpdated"))
    )
    api_server.answer("GET", DAEMON_SETS, listing(workload("kube-proxy", 1, 1)))
    return connected


class TestFreeze:
    def test_it_takes_etcds_state_and_tells_what_a_copy_must_know(self, ready: BootContext, engine: FakeEngine) -> None:
        freeze.Freeze()(ready)
        assert engine.made("exec") == [
            "/kind/pytest-kind/snapshot /kind/pytest-kind/snapshot.db",
            "/kind/pytest-kind/rules save /kind/pytest-kind/rules.saved",
        ]
        assert ready.frozen == Frozen(
            image="",
            cluster="c",
            machines=["c-control-plane"],
            shares={"c-control-plane": ["10.244.0.0/24"]},
            pods={"c-control-plane": {"kube-system/coredns-x": ["10.244.0.3"]}},
            dns="10.96.0.10",
            beats={"c-control-plane": "now"},
            unfinished=["mine/slow"],
        )

    @pytest.mark.parametrize(
        ("path", "why"),
        [(VOLUMES, "it has a PersistentVolume its-name"), (TOKENS, "it has a token that is signed with its own key, Secret its-name")],
    )
    def test_what_a_copy_would_have_wrongly_is_in_the_way(
        self, ready: BootContext, api_server: ApiServer, notes: list[str], path: str, why: str
    ) -> None:
        api_server.answer("GET", path, listing({"metadata": {"name": "its-name"}}))
        freeze.Freeze()(ready)
        assert ready.frozen is None
        assert notes == [f"no copies can be made of cluster c: {why}"]

    def test_so_are_images_that_nodes_of_a_copy_would_not_have(self, ready: BootContext, engine: FakeEngine, notes: list[str]) -> None:
        engine.answer(["ctr"], "sha256:1234\nregistry/app:1\nregistry/pause:3\n")
        ready.images = {"registry/pause:3"}
        freeze.Freeze()(ready)
        assert ready.frozen is None
        assert notes == ["no copies can be made of cluster c: node c-control-plane has images that its node image lacks: registry/app:1"]

    def test_an_etcd_that_gives_nothing_is_no_reason_to_fail(self, ready: BootContext, engine: FakeEngine, notes: list[str]) -> None:
        engine.answer(["/kind/pytest-kind/snapshot"], "no image of this node has a etcdutl", code=1)
        freeze.Freeze()(ready)
        assert ready.frozen is None
        assert "no image of this node has a etcdutl" in notes[0]

    def test_nor_is_an_api_that_refuses(self, ready: BootContext, api_server: ApiServer, notes: list[str]) -> None:
        api_server.answer("GET", "/api/v1/pods", (500, {"message": "etcd is full"}))
        freeze.Freeze()(ready)
        assert ready.frozen is None
        assert notes == ["no copies can be made of cluster c: 500 Internal Server Error: etcd is full (GET /api/v1/pods)"]


class TestAtRest:
    """What controllers have not done yet when it is frozen each copy's would do."""

    @pytest.mark.parametrize(
        ("path", "unseen", "why"),
        [
            (NODES, [node("c-control-plane", "10.244.0.0/24"), node("c-worker")], "node c-worker has no share of the pod subnets"),
            (DEPLOYMENTS, [workload("coredns", 1, None)], "coredns was not seen by its controller"),
            (DAEMON_SETS, [workload("first", 1, 1), workload("kube-proxy", 3, 2)], "kube-proxy was not seen by its controller"),
        ],
    )
    def test_what_was_unseen_last_is_in_the_error(
        self, ready: BootContext, api_server: ApiServer, path: str, unseen: list[dict[str, Any]], why: str
    ) -> None:
        api_server.answer("GET", path, listing(*unseen))
        with pytest.raises(WaitTimeout) as caught:
            freeze.at_rest(ready)
        assert str(caught.value) == f"the controllers to be at rest: not within 0.0 s; last seen: {why}"

    def test_it_waits_for_all_of_them(self, ready: BootContext, api_server: ApiServer) -> None:
        ready.deadline = Deadline(60)
        api_server.answer("GET", NODES, listing(node("c-control-plane")), listing(node("c-control-plane", "10.244.0.0/24")))
        api_server.answer("GET", DEPLOYMENTS, listing(workload("coredns", 1, None)), listing(workload("coredns", 1, 1)))
        api_server.answer("GET", DAEMON_SETS, listing(workload("kube-proxy", 2, 1)), listing(workload("kube-proxy", 2, 2)))
        freeze.at_rest(ready)
        one = [NODES, DEPLOYMENTS, DAEMON_SETS]
        assert [path for _, path, _ in api_server.requests] == [NODES, *one[:2], *one, *one]

    def test_a_cluster_without_kube_proxy_has_no_daemons(self, ready: BootContext, api_server: ApiServer) -> None:
        api_server.answer("GET", DAEMON_SETS, listing())
        freeze.at_rest(ready)

    def test_one_that_never_rests_is_handed_over_and_not_frozen(
        self, ready: BootContext, api_server: ApiServer, engine: FakeEngine, notes: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(freeze, "_SECONDS", 0.1)  # of the boot's 60
        ready.deadline = Deadline(60)
        api_server.answer("GET", DAEMON_SETS, listing(workload("kube-proxy", 1, None)))
        freeze.Freeze()(ready)
        assert ready.frozen is None
        assert engine.calls == []
        (note,) = notes
        assert note == (
            "no copies can be made of cluster c: the controllers to be at rest: not within 0.1 s; "
            "last seen: kube-proxy was not seen by its controller"
        )


def folder(name: str, files: dict[str, bytes]) -> bytes:
    """As the engine hands out a folder, or a file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        if list(files) != [name]:
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


class TestArchive:
    def offer(self, engine: FakeEngine, container: str = "") -> None:
        engine.offer("kind/pytest-kind/snapshot.db", folder("snapshot.db", {"snapshot.db": b"state"}), container)
        engine.offer("etc/kubernetes/pki/ca.crt", folder("ca.crt", {"ca.crt": b"authority"}), container)
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            engine.offer(f"etc/systemd/system/{name}.service", folder(f"{name}.service", {f"{name}.service": name.encode()}), container)
        for name in ("config.yaml", "kubeadm-flags.env"):
            engine.offer(f"var/lib/kubelet/{name}", folder(name, {name: b"kubelet's"}), container)
        rules = {"rules.saved/iptables": b"*nat", "rules.saved/ip6tables": b"*nat"}
        engine.offer("kind/pytest-kind/rules.saved", folder("rules.saved", rules), container)
        manifests = {"manifests/etcd.yaml": b"a pod", "manifests/more/too.yaml": b"another"}
        engine.offer("etc/kubernetes/manifests", folder("manifests", manifests), container)

    def contents(self, context: BootContext, engine: FakeEngine) -> dict[str, bytes]:
        with freeze.archive(context, engine) as stream, tarfile.open(fileobj=stream) as tar:
            found = {entry.name: (tar.extractfile(entry), entry.mode) for entry in tar}
            assert {mode for _, mode in found.values()} == {0o600}
            return {name: file.read() for name, (file, _) in found.items() if file is not None}

    def test_of_one_node(self, context: BootContext, engine: FakeEngine) -> None:
        self.offer(engine)
        found = self.contents(context, engine)
        assert found.pop("kind/frozen/words").startswith(b"c-control-plane\nkind://docker/c/\n")
        assert found == {
            "kind/frozen/etcd.db": b"state",
            "kind/frozen/ca.crt": b"authority",
            "kind/frozen/nodes/1/rules/iptables": b"*nat",
            "kind/frozen/nodes/1/rules/ip6tables": b"*nat",
            **{
                f"kind/frozen/units/{name}.service": name.encode() for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
            },
        }

    def test_of_several(self, make_context: MakeContext, engine: FakeEngine) -> None:
        self.offer(engine)
        found = self.contents(make_context(config_of(2, 1)), engine)
        assert {name for name in found if "/nodes/" in name} == {
            *(f"kind/frozen/nodes/{number}/rules/{name}" for number in (1, 2, 3) for name in ("iptables", "ip6tables")),
            *(f"kind/frozen/nodes/2/{name}" for name in ("kubelet/config.yaml", "kubelet/kubeadm-flags.env")),
            *(f"kind/frozen/nodes/2/manifests/{name}" for name in ("etcd.yaml", "more/too.yaml")),
            *(f"kind/frozen/nodes/3/{name}" for name in ("kubelet/config.yaml", "kubelet/kubeadm-flags.env")),
        }

    def test_what_a_node_lacks_is_an_error(self, context: BootContext, engine: FakeEngine) -> None:
        with pytest.raises(NotFound, match=r"snapshot\.db"), freeze.archive(context, engine):
            pass


class TestFrozen:
    def test_its_label_says_all_of_it_but_which_image_it_is(self) -> None:
        facts = json.loads(json.dumps(FROZEN.as_facts()))
        assert "image" not in facts
        assert Frozen.of("sha256:frozen", facts) == FROZEN

    @pytest.mark.parametrize("facts", [{}, {"cluster": "old", "machines": []}])
    def test_a_label_that_is_not_ours_is_none(self, facts: dict[str, Any]) -> None:
        assert Frozen.of("sha256:frozen", facts) is None

    def test_a_copy_knows_it_by_its_own_names(self) -> None:
        facts = facts_of(config_of(1, 1))
        assert FROZEN.shares_for(facts) == {"c-control-plane": ["10.244.0.0/24"], "c-worker": ["10.244.1.0/24"]}
        assert FROZEN.pods_for(facts, "c-worker") == {}
        assert FROZEN.pods_for(facts, "c-control-plane")["kube-system/coredns-x"] == ["10.244.0.3"]
        assert FROZEN.beats_for(facts) == {"c-control-plane": "2026-01-01T00:00:00Z", "c-worker": ""}

    def test_words_of_clusters_with_names_as_long_are_as_long(self) -> None:
        one = words("aa", ["aa-control-plane"], "abcdef.0123456789abcdef").splitlines()
        other = words("bb", ["bb-control-plane"], "fedcba.fedcba9876543210").splitlines()
        assert [len(word) for word in one] == [len(word) for word in other]
        assert not set(one) & set(other)


class TestFilesOfACopy:
    config = config_of(1, 1)

    def files(self, at: int, config: ClusterConfig | None = None) -> dict[str, tuple[bytes, int]]:
        facts = facts_of(config or self.config)
        return machine_files(config or self.config, facts, facts.machines[at], 300, FROZEN)

    def test_pods_that_come_back_have_their_addresses_and_others_come_after(self) -> None:
        content, _ = self.files(0)["kind/pytest-kind/pod-addresses"]
        assert content.decode().splitlines() == ["last 10.244.0.3", "kube-system/coredns-x 10.244.0.3", "local-path-storage/p 10.244.0.2"]
        conflist = json.loads(self.files(0)["etc/cni/net.d/10-pytest-kind.conflist"][0])
        assert conflist["plugins"][0]["ipam"]["type"] == "pytest-kind-ipam"
        assert self.files(0)["opt/cni/bin/pytest-kind-ipam"][1] == 0o755

    def test_a_node_without_any_begins_after_its_gateway(self) -> None:
        assert self.files(1)["kind/pytest-kind/pod-addresses"][0] == b"last 10.244.1.1\n"

    def test_every_node_knows_every_share_from_the_start(self) -> None:
        assert self.files(1)["kind/pytest-kind/shares"][0] == b"c-control-plane 10.244.0.0/24\nc-worker 10.244.1.0/24\n"

    def test_its_words_are_private_for_a_token_is_among_them(self) -> None:
        for at in (0, 1):
            content, mode = self.files(at)["kind/pytest-kind/words"]
            assert TOKEN.split(".")[1].encode() in content
            assert mode == 0o600

    def test_where_the_network_is_the_users_addresses_are_its_business(self) -> None:
        found = self.files(0, replace(self.config, networking=Networking(disable_default_cni=True)))
        assert "kind/pytest-kind/words" in found
        assert not {"kind/pytest-kind/pod-addresses", "etc/cni/net.d/10-pytest-kind.conflist"} & found.keys()
