"""A cluster brought back, against a Kubernetes that is played: what goes, what comes back, and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pytest_kind import nodes
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.handle import KindCluster
from pytest_kind.pristine import restore
from pytest_kind.pristine.model import Key
from pytest_kind.pristine.restore import Pristine
from support.api_server import ApiServer
from support.engine import FakeEngine
from support.kube import CRDS, Kube, dns

WIDGETS: dict[str, Any] = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": True}],
    },
}
WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
REFUSED = (500, {"message": 'Internal error: failed calling webhook "no.example.com": no endpoints'})
DEFAULT = Key("namespaces", "", "default")


@pytest.fixture(autouse=True)
def _dns_answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(nodes, "wait_for_dns", lambda cluster, _: asked.append(cluster.name))
    return asked


@pytest.fixture
def asked(_dns_answers: list[str]) -> list[str]:
    """Of which clusters DNS was asked."""
    return _dns_answers


def changes(api_server: ApiServer) -> list[str]:
    """The requests that change something."""
    return [f"{method} {path}" for method, path, _ in api_server.requests if method != "GET"]


def reaped(engine: FakeEngine, name: str = "mine-control-plane") -> list[str]:
    """What was to be ended on a node, and removed there, each time."""
    log = (engine._root / "execs").read_text(encoding="utf-8")
    return [words.strip() for words in re.findall(rf"^{name}: bash -c #!.*?done reap 3 (.*?)$", log, re.DOTALL | re.MULTILINE)]


def same(kube: Kube) -> Callable[[], bool]:
    """Whether the objects are those that there are now."""
    before = set(kube.objects)
    return lambda: set(kube.objects) == before


def controllers(kube: Kube) -> Callable[[str, str], None]:
    """Whoever deletes a pod of DNS has another one a moment later."""

    def after(method: str, path: str) -> None:
        if method == "DELETE" and "/kube-system/pods/" in path:
            dns(kube)

    return after


def test_a_cluster_that_nobody_touched_is_listed_once(pristine: Pristine, api_server: ApiServer) -> None:
    api_server.requests.clear()
    done = pristine.restore(5)
    assert (done.found, done.looks, changes(api_server)) == ((), 1, [])
    assert done.requests == len(api_server.requests)
    pages = [path for _, path, _ in api_server.requests]
    assert len(pages) == len(set(pages))  # each resource once
    assert not any("events" in path for path in pages)


def test_it_is_taken_down_when_nothing_moves_any_more(cluster: KindCluster, kube: Kube, engine: FakeEngine, api_server: ApiServer) -> None:
    late = iter(["controller-a", "controller-b"])

    def refuse(method: str, path: str) -> None:
        name = next(late, None) if "serviceaccounts" in path else None
        if name is not None:
            kube.add("serviceaccounts", {"metadata": {"name": name}}, "kube-system")

    kube.refuse = refuse
    pristine = Pristine(cluster)
    record = pristine.take(10)
    pristine.close()
    assert {"controller-a", "controller-b"} <= {key.name for key in record.listing.objects}
    assert engine.execs("mine-control-plane")[1] == "systemctl start pytest-kind-finish.service"


def test_one_that_never_rests_says_what_moves(cluster: KindCluster, kube: Kube) -> None:
    numbers = iter(range(1000))

    def refuse(method: str, path: str) -> None:
        if "clusterroles" in path:
            kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": f"restless-{next(numbers)}"}})

    kube.refuse = refuse
    pristine = Pristine(cluster)
    with pytest.raises(WaitTimeout, match=r"cluster mine comes to rest: not within .*; last seen: new: ClusterRole restless-\d+"):
        pristine.take(0.5)
    pristine.close()


class TestNew:
    def test_objects_go_with_their_namespaces_and_volumes(self, pristine: Pristine, kube: Kube, api_server: ApiServer) -> None:
        unchanged = same(kube)
        kube.add("namespaces", {"metadata": {"name": "mess"}})
        kube.add("events", {"metadata": {"name": "started"}}, "mess")
        for number in range(3):
            kube.add("pods", {"metadata": {"name": f"pod-{number}"}, "spec": {}}, "mess")
            kube.add("configmaps", {"metadata": {"name": f"map-{number}"}}, "mess")
            kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": f"role-{number}"}})
        kube.add("secrets", {"metadata": {"name": "held", "finalizers": ["example.com/a"]}}, "mess")
        kube.add("persistentvolumeclaims", {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}, "spec": {}}, "default")
        kube.add(
            "persistentvolumes",
            {"metadata": {"finalizers": ["kubernetes.io/pv-protection"]}, "spec": {"claimRef": {"namespace": "default", "name": "a"}}},
        )
        api_server.requests.clear()
        done = pristine.restore(5)
        assert unchanged()
        assert done.looks == 2
        assert [body for method, path, body in api_server.requests if method == "DELETE" and path.endswith("mess/pods")] == [
            {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        ]
        made = changes(api_server)
        assert made.index("DELETE /api/v1/namespaces/mess") < made.index("DELETE /api/v1/namespaces/mess/pods")
        assert made.index("PUT /api/v1/namespaces/mess/finalize") > made.index("DELETE /api/v1/namespaces/mess/pods")

    def test_what_makes_pods_goes_before_its_pods(self, pristine: Pristine, kube: Kube, api_server: ApiServer) -> None:
        unchanged = same(kube)
        web = kube.add("deployments.apps", {"metadata": {"name": "web"}, "spec": {}}, "default")
        replicas = kube.add("replicasets.apps", kube.controlled({"metadata": {"name": "web-1"}, "spec": {}}, web), "default")
        kube.add("pods", kube.controlled({"metadata": {"name": "web-1-a"}, "spec": {}}, replicas), "default")
        pristine.restore(5)
        assert unchanged()
        made = changes(api_server)
        assert max(made.index(f"DELETE /apis/apps/v1/namespaces/default/{name}") for name in ("deployments/web", "replicasets/web-1")) < made.index(
            "DELETE /api/v1/namespaces/default/pods/web-1-a"
        )

    def test_what_is_made_again_meanwhile_goes_too(self, pristine: Pristine, kube: Kube) -> None:
        unchanged, again = same(kube), ["b"]
        kube.add("pods", {"metadata": {"name": "a"}, "spec": {}}, "default")

        def after(method: str, path: str) -> None:
            if path.endswith("pods/a") and again:
                kube.add("pods", {"metadata": {"name": again.pop()}, "spec": {}}, "default")

        kube.after = after
        assert pristine.restore(5).looks == 3
        assert unchanged()

    def test_definitions_go_with_their_objects(self, pristine: Pristine, kube: Kube, api_server: ApiServer) -> None:
        unchanged = same(kube)
        kube.add(CRDS, {**WIDGETS, "metadata": {"name": "widgets.example.com"}})
        kube.add("widgets.example.com", {"metadata": {"name": "stuck", "finalizers": ["example.com/nobody"]}}, "default")
        pristine.restore(5)
        assert unchanged()
        made = changes(api_server)
        assert made.index("PATCH /apis/example.com/v1/namespaces/default/widgets/stuck") < made.index(
            "DELETE /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
        )

    def test_a_definition_that_converts_by_a_webhook_is_unhooked(self, pristine: Pristine, kube: Kube) -> None:
        unchanged = same(kube)
        spec = {**WIDGETS["spec"], "conversion": {"strategy": "Webhook", "webhook": {}}}
        key = kube.add(CRDS, {"metadata": {"name": "widgets.example.com"}, "spec": spec})
        kube.add("widgets.example.com", {"metadata": {"name": "one"}}, "default")
        broken = (500, {"message": "conversion webhook for example.com/v1 failed"})

        def refuse(_: str, path: str) -> Any:
            hooked = "webhook" in kube.objects[key]["spec"]["conversion"] if key in kube.objects else False
            return broken if hooked and path.startswith("/apis/example.com/") else None

        kube.refuse = refuse
        pristine.restore(5)
        assert unchanged()

    def test_a_webhook_that_refuses_everything_goes_first(self, pristine: Pristine, kube: Kube, api_server: ApiServer) -> None:
        unchanged = same(kube)
        hook = kube.add(WEBHOOKS, {"metadata": {"name": "no"}})
        kube.add("configmaps", {"metadata": {"name": "a"}}, "default")
        kube.refuse = lambda method, path: REFUSED if hook in kube.objects and method != "GET" and "webhook" not in path else None
        pristine.restore(5)
        assert unchanged()
        assert changes(api_server)[0].endswith("validatingwebhookconfigurations/no")

    def test_namespaces_that_their_user_wants_to_see_stay(self, pristine: Pristine, kube: Kube) -> None:
        for name in ("mess", "seen"):
            kube.add("namespaces", {"metadata": {"name": name}})
            kube.add("configmaps", {"metadata": {"name": "a"}}, name)
        pristine.kept.add("seen")
        pristine.restore(5)
        assert [name for name in kube.names("configmaps") if not name.endswith("crt")] == ["kube-system/coredns", "seen/a"]
        pristine.kept.clear()
        pristine.restore(5)
        assert "seen" not in kube.names("namespaces")

    def test_a_finalizer_of_one_who_stays_has_a_second(self, cluster: KindCluster, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restore, "_PATIENT_SECONDS", 0.3)
        kube.add(CRDS, {**WIDGETS, "metadata": {"name": "widgets.example.com"}})
        pristine = Pristine(cluster)
        pristine.take(5)
        served = kube.add("widgets.example.com", {"metadata": {"name": "served", "finalizers": ["example.com/mine"]}}, "default")
        kube.add("widgets.example.com", {"metadata": {"name": "stuck", "finalizers": ["example.com/mine"]}}, "default")
        patches: list[str] = []

        def after(method: str, path: str) -> None:
            patches.extend([path] if method == "PATCH" else [])
            if method == "DELETE" and path.endswith("/served"):
                del kube.objects[served]  # whose operator did it

        kube.after = after
        done = pristine.restore(5)
        pristine.close()
        assert kube.names("widgets.example.com") == []
        assert patches == ["/apis/example.com/v1/namespaces/default/widgets/stuck"]
        assert done.seconds > 0.3


class TestRecorded:
    def test_what_is_gone_is_put_back_with_its_namespace(self, cluster: KindCluster, kube: Kube) -> None:
        kube.add("namespaces", {"metadata": {"name": "mine", "labels": {"a": "b"}}})
        kube.add("configmaps", {"metadata": {"name": "settings"}, "data": {"a": "b"}}, "mine")
        pristine = Pristine(cluster)
        pristine.take(5)
        for key in [key for key in kube.objects if "mine" in {key.namespace, key.name} and key.resource != "nodes"]:
            del kube.objects[key]
        pristine.restore(5)
        pristine.restore(5)  # with other uids than at first
        pristine.close()
        assert kube.objects[Key("configmaps", "mine", "settings")]["data"] == {"a": "b"}
        assert kube.objects[Key("namespaces", "", "mine")]["metadata"]["labels"] == {"a": "b"}

    def test_one_that_is_being_deleted_is_let_go_and_put_back(self, pristine: Pristine, kube: Kube) -> None:
        key = Key("configmaps", "kube-system", "coredns")
        before = kube.objects[key]["metadata"]["uid"]
        kube.write(key, lambda one: one["metadata"].update(finalizers=["example.com/a"], deletionTimestamp="2026-01-01T00:00:00Z"))
        kube.after = controllers(kube)
        pristine.restore(5)
        there = kube.objects[key]["metadata"]
        assert there["uid"] != before
        assert "finalizers" not in there

    def test_a_namespace_that_is_being_deleted_comes_back_with_all_that_was_in_it(self, pristine: Pristine, kube: Kube) -> None:
        unchanged = same(kube)
        kube.write(Key("namespaces", "", "local-path-storage"), lambda one: one["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"))
        pristine.restore(5)
        assert unchanged()
        assert "deletionTimestamp" not in kube.objects[Key("namespaces", "", "local-path-storage")]["metadata"]

    def test_what_was_changed_is_changed_back_and_what_does_not_count_is_left(self, pristine: Pristine, kube: Kube, api_server: ApiServer) -> None:
        node, admin = Key("nodes", "", "mine-control-plane"), Key("clusterroles.rbac.authorization.k8s.io", "", "admin")
        own = {"key": "node.kubernetes.io/disk-pressure"}

        def change(one: dict[str, Any]) -> None:
            one["metadata"]["labels"] = {"mess": "yes"}
            one["metadata"]["annotations"] = {"node.alpha.kubernetes.io/ttl": "0"}
            one["spec"]["taints"] = [own, {"key": "mess"}]

        kube.write(node, change)
        kube.write(admin, lambda one: one.update(rules=[{"verbs": ["*"]}]))
        api_server.requests.clear()
        pristine.restore(5)
        assert "labels" not in kube.objects[node]["metadata"]
        assert kube.objects[node]["metadata"]["annotations"] == {"node.alpha.kubernetes.io/ttl": "0"}
        assert "taints" not in kube.objects[node]["spec"]  # the node controller sets its own again
        assert kube.objects[admin]["rules"] == []
        assert sorted(changes(api_server)) == [
            "PATCH /api/v1/nodes/mine-control-plane",
            "PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/admin",
        ]

    def test_one_whose_field_cannot_be_changed_back_is_made_again(self, pristine: Pristine, kube: Kube) -> None:
        admin = Key("clusterroles.rbac.authorization.k8s.io", "", "admin")
        kube.write(admin, lambda one: one.update(rules=[{"verbs": ["*"]}]))
        kube.refuse = lambda method, path: (422, {"message": "field is immutable"}) if method == "PATCH" and path.endswith("/admin") else None
        pristine.restore(5)
        assert kube.objects[admin]["rules"] == []

    def test_a_bare_pod_that_was_evicted_runs_again(self, cluster: KindCluster, kube: Kube) -> None:
        key = kube.add("pods", {"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Running"}}, "default")
        pristine = Pristine(cluster)
        pristine.take(5)
        kube.write(key, lambda one: one.update(status={"phase": "Failed", "reason": "Evicted"}))
        pristine.restore(5)
        pristine.close()
        assert "status" not in kube.objects[key]

    def test_an_owner_is_meant_by_its_name(self, cluster: KindCluster, kube: Kube) -> None:
        role = kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "owner"}})
        owned = kube.controlled({"metadata": {"name": "owned"}}, role)
        owned["metadata"]["ownerReferences"][0]["controller"] = False
        key = kube.add("clusterroles.rbac.authorization.k8s.io", owned)
        pristine = Pristine(cluster)
        pristine.take(5)
        del kube.objects[role], kube.objects[key]
        pristine.restore(5)
        pristine.close()
        kept = kube.objects[key]["metadata"].get("ownerReferences", [])
        assert [one["uid"] for one in kept] in ([], [kube.objects[role]["metadata"]["uid"]])

    def test_webhooks_that_refuse_are_away_meanwhile_and_come_back_last(self, cluster: KindCluster, kube: Kube, api_server: ApiServer) -> None:
        hook = kube.add(WEBHOOKS, {"metadata": {"name": "mine"}})
        backend = kube.add("services", {"metadata": {"name": "backend"}}, "default")
        pristine = Pristine(cluster)
        pristine.take(5)
        del kube.objects[backend]
        kube.refuse = lambda method, path: (
            REFUSED if hook in kube.objects and backend not in kube.objects and method != "GET" and "webhook" not in path else None
        )
        pristine.restore(5)
        pristine.close()
        assert {hook, backend} <= set(kube.objects)
        assert changes(api_server)[-1] == "POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


class TestPodsThatStay:
    @pytest.fixture(autouse=True)
    def _controllers(self, kube: Kube) -> None:
        kube.after = controllers(kube)

    def test_those_that_were_replaced_are_nobodys_business(self, pristine: Pristine, kube: Kube, asked: list[str]) -> None:
        (name,) = kube.names("pods")
        del kube.objects[Key("pods", "kube-system", name.rpartition("/")[2])]
        dns(kube)
        assert pristine.restore(5).found == ()
        assert asked == []

    def test_fewer_are_waited_for(self, pristine: Pristine, kube: Kube, asked: list[str]) -> None:
        (name,) = kube.names("pods")
        del kube.objects[Key("pods", "kube-system", name.rpartition("/")[2])]
        seen: list[str] = []

        def refuse(method: str, path: str) -> None:
            seen.extend([path] if "pods" in path else [])
            if len(seen) == 3:
                dns(kube)

        kube.refuse = refuse
        done = pristine.restore(5)
        assert [str(one) for one in done.found] == ["not ready: Deployment kube-system/coredns (0 of 1 pods are ready)"]
        assert done.looks == 2  # between them the two resources alone were listed
        assert asked == ["mine"]

    def test_one_that_may_have_read_what_was_changed_begins_anew(self, pristine: Pristine, kube: Kube, asked: list[str]) -> None:
        (before,) = kube.names("pods")
        kube.write(Key("configmaps", "kube-system", "coredns"), lambda one: one["data"].update(Corefile="broken"))
        pristine.restore(5)
        assert kube.objects[Key("configmaps", "kube-system", "coredns")]["data"] == {"Corefile": "."}
        (after,) = kube.names("pods")
        assert after != before
        assert asked == ["mine"]

    def test_one_whose_account_was_made_again_begins_anew(self, pristine: Pristine, kube: Kube) -> None:
        (before,) = kube.names("pods")
        del kube.objects[Key("serviceaccounts", "kube-system", "default")]
        pristine.restore(5)
        (after,) = kube.names("pods")
        assert after != before
        assert pristine.restore(5).found == ()


class TestNodes:
    def test_pods_are_ended_where_they_ran(self, pristine: Pristine, kube: Kube, engine: FakeEngine) -> None:
        key = kube.add("pods", {"metadata": {"name": "a"}, "spec": {}}, "default")
        uid = kube.objects[key]["metadata"]["uid"]
        pristine.restore(5)
        assert reaped(engine)[-2:] == ["", uid]

    def test_pods_that_the_api_does_not_know_are_ended_when_they_are_seen_twice(self, pristine: Pristine, engine: FakeEngine) -> None:
        engine.answer(["bash", "-c"], "pod aaaa-bbbb\n", on="mine-worker", times=2)
        done = pristine.restore(5)
        assert done.looks == 3
        assert reaped(engine, "mine-worker")[-3:] == ["", "", "aaaa-bbbb"]

    def test_a_pod_that_goes_on_running_is_told_of(self, pristine: Pristine, engine: FakeEngine) -> None:
        engine.answer(["bash", "-c"], "pod aaaa-bbbb\npod 0123456789abcdef0123456789abcdef\n", on="mine-worker")
        with pytest.raises(WaitTimeout, match=r"last seen: node mine-worker still runs pod aaaa-bbbb, which the API does not know any more$"):
            pristine.restore(0.3)

    def test_folders_of_volumes_are_removed(self, cluster: KindCluster, kube: Kube, engine: FakeEngine) -> None:
        engine.answer(["bash", "-c"], "volume /var/local-path-provisioner/old\n", on="mine-worker")
        pristine = Pristine(cluster)
        pristine.take(5)
        kube.add("persistentvolumes", {"spec": {"hostPath": {"path": "/var/local-path-provisioner/new"}}})
        engine.answer(["bash", "-c"], "volume /var/local-path-provisioner/old\nvolume /var/local-path-provisioner/new\n", on="mine-worker", times=1)
        pristine.restore(5)
        pristine.close()
        assert reaped(engine, "mine-worker")[-1] == "/var/local-path-provisioner/new"

    def test_those_that_are_off_are_started(
        self, pristine: Pristine, cluster: KindCluster, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nodes, "wait_until_well", lambda *_: None)
        cluster.nodes[1].kill()
        assert "start mine-worker" not in engine.calls[-3:]
        pristine.restore(5)
        assert sorted(engine.made("start")[-2:]) == ["mine-control-plane", "mine-worker"]

    def test_those_that_came_later_go(self, pristine: Pristine, cluster: KindCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        removed: list[str] = []
        monkeypatch.setattr(KindCluster, "remove_node", lambda _, name: removed.append(name))
        pristine._machines = ("mine-control-plane",)
        pristine.restore(5)
        assert removed == ["mine-worker"]

    def test_those_that_are_gone_for_good_are_no_pristine_cluster(self, pristine: Pristine, cluster: KindCluster, engine: FakeEngine) -> None:
        engine.remove(cluster.nodes[1].container)
        with pytest.raises(UsageError, match="cluster mine cannot be brought back: a test took its node mine-worker away"):
            pristine.restore(5)


class TestFailures:
    def test_a_deadline_names_what_differs_and_why(self, pristine: Pristine, kube: Kube) -> None:
        kube.add("configmaps", {"metadata": {"name": "a"}}, "default")
        kube.refuse = lambda method, _: (500, {"message": "etcd is full"}) if method == "DELETE" else None
        pattern = (
            r"^cluster mine is as it was handed over: not within 0\.3 s; last seen: new: ConfigMap default/a; "
            r"deleting ConfigMap default/a: 500 Internal Server Error: etcd is full \(DELETE /api/v1/namespaces/default/configmaps/a\)$"
        )
        with pytest.raises(WaitTimeout, match=pattern):
            pristine.restore(0.3)

    def test_an_api_that_does_not_answer_is_waited_for(self, pristine: Pristine, kube: Kube) -> None:
        failures = [(503, {"message": "starting"})] * 3
        kube.refuse = lambda *_: failures.pop() if failures else None
        assert pristine.restore(5).found == ()
        kube.refuse = lambda *_: (503, {"message": "never"})
        with pytest.raises(WaitTimeout, match=r"last seen: 503 Service Unavailable: never \(GET /api\)"):
            pristine.restore(0.2)

    def test_a_resource_that_cannot_be_listed_is_no_empty_one(self, pristine: Pristine, kube: Kube) -> None:
        kube.refuse = lambda _, path: (503, {"message": "no endpoints"}) if "clusterroles" in path else None
        with pytest.raises(WaitTimeout, match=r"last seen: 503 Service Unavailable: no endpoints \(GET .*clusterroles.*\)$"):
            pristine.restore(0.2)
        assert "admin" in kube.names("clusterroles.rbac.authorization.k8s.io")
