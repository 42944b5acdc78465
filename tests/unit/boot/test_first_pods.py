"""A new cluster's first pods: what controllers would have made of the same owners, so that these take it for theirs."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from pytest_kind.api.http import ApiError
from pytest_kind.boot import first_pods
from pytest_kind.boot.context import BootContext
from support.api_server import ApiServer
from support.workloads import Taking, defaulted

Document = dict[str, Any]

APPS = "/apis/apps/v1/namespaces/kube-system"
PODS = "/api/v1/namespaces/kube-system/pods"
LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
OWN = {"controller": True, "blockOwnerDeletion": True}


def deployment(name: str = "coredns", **spec: Any) -> Document:
    """As it is posted."""
    template = {"metadata": {"labels": {"k8s-app": "kube-dns"}}, "spec": {"containers": [{"name": "coredns"}], "dnsPolicy": "Default"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": {"k8s-app": "kube-dns"}}, "template": template, **spec},
    }


def daemon_set(**pod: Any) -> Document:
    """As it is posted."""
    template = {"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": {"containers": [{"name": "kube-proxy"}], **pod}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": {"k8s-app": "kube-proxy"}}, "template": template},
    }


def rolling(surge: str | int) -> Document:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": 1}}


class TestReplicaSet:
    def test_all_of_it(self) -> None:
        found = first_pods.replica_set(defaulted(deployment()))
        mark = found["metadata"]["labels"]["pod-template-hash"]
        assert re.fullmatch(f"{LETTERS}{{10}}", mark)
        labels = {"k8s-app": "kube-dns", "pod-template-hash": mark}
        assert found == {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"coredns-{mark}",
                "namespace": "kube-system",
                "labels": labels,
                "annotations": {"deployment.kubernetes.io/desired-replicas": "1", "deployment.kubernetes.io/max-replicas": "2"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "coredns", "uid": "its-uid", **OWN}],
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "coredns"}], "dnsPolicy": "Default"}},
            },
        }

    @pytest.mark.parametrize(
        ("replicas", "surge", "most"),
        [(1, "25%", 2), (4, "25%", 5), (5, "25%", 7), (2, "100%", 4), (3, "0%", 3), (2, 1, 3), (2, 0, 2), (2, 3, 5)],
    )
    def test_a_surge_in_percent_is_rounded_up_and_a_number_is_one(self, replicas: int, surge: str | int, most: int) -> None:
        found = first_pods.replica_set(defaulted(deployment(replicas=replicas, strategy=rolling(surge))))
        assert found["spec"]["replicas"] == replicas
        assert found["metadata"]["annotations"] == {
            "deployment.kubernetes.io/desired-replicas": str(replicas),
            "deployment.kubernetes.io/max-replicas": str(most),
        }

    def test_its_name_follows_the_template_and_nothing_else(self) -> None:
        def name(document: Document) -> str:
            return str(first_pods.replica_set(document)["metadata"]["name"])

        before = name(defaulted(deployment()))
        assert name(defaulted(deployment(replicas=2, strategy=rolling(1)), uid="another")) == before
        other = defaulted(deployment())
        other["spec"]["template"]["spec"]["containers"][0]["image"] = "coredns:v2"
        assert name(other) != before

    def test_a_selectors_expressions_stay(self) -> None:
        expression = {"key": "k8s-app", "operator": "Exists"}
        found = first_pods.replica_set(defaulted(deployment(selector={"matchExpressions": [expression]})))
        selector = found["spec"]["selector"]
        assert selector["matchExpressions"] == [expression]
        assert selector["matchLabels"].keys() == {"pod-template-hash"}

    def test_the_deployment_is_left_as_it_was(self) -> None:
        given = defaulted(deployment())
        before = copy.deepcopy(given)
        first_pods.replica_set(given)
        assert given == before


class TestReplica:
    def test_all_of_it(self) -> None:
        owner = defaulted(first_pods.replica_set(defaulted(deployment())), uid="set-uid")
        found = first_pods.replica(owner, "c-control-plane")
        name = owner["metadata"]["name"]
        assert re.fullmatch(f"{name}-{LETTERS}{{5}}", found["metadata"].pop("name"))
        assert found == {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "labels": owner["spec"]["template"]["metadata"]["labels"],
                "generateName": f"{name}-",
                "namespace": "kube-system",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": "set-uid", **OWN}],
            },
            "spec": {"containers": [{"name": "coredns"}], "dnsPolicy": "Default", "nodeName": "c-control-plane"},
        }

    def test_a_templates_annotations_are_its_pods(self) -> None:
        given = deployment()
        given["spec"]["template"]["metadata"]["annotations"] = {"example.com/a": "b"}
        owner = defaulted(first_pods.replica_set(defaulted(given)))
        assert first_pods.replica(owner, "c-control-plane")["metadata"]["annotations"] == {"example.com/a": "b"}

    def test_its_name_is_the_same_for_the_same_template(self) -> None:
        names = {first_pods.replica(defaulted(first_pods.replica_set(defaulted(deployment()))), "n")["metadata"]["name"] for _ in range(2)}
        assert len(names) == 1


class TestDaemon:
    def test_all_of_it(self) -> None:
        owner = defaulted(daemon_set(priorityClassName="system-node-critical", hostNetwork=True), uid="set-uid")
        owner["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = "3"
        found = first_pods.daemon(owner, "c-control-plane")
        assert re.fullmatch(f"kube-proxy-{LETTERS}{{5}}", found["metadata"].pop("name"))
        tolerations = found["spec"].pop("tolerations")
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["c-control-plane"]}]}
        assert found == {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "labels": {"k8s-app": "kube-proxy", "pod-template-generation": "3"},
                "generateName": "kube-proxy-",
                "namespace": "kube-system",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "kube-proxy", "uid": "set-uid", **OWN}],
            },
            "spec": {
                "containers": [{"name": "kube-proxy"}],
                "priorityClassName": "system-node-critical",
                "hostNetwork": True,
                "nodeName": "c-control-plane",
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}},
            },
        }
        assert {(one["key"].removeprefix("node.kubernetes.io/"), one["effect"]) for one in tolerations} == {
            ("not-ready", "NoExecute"),
            ("unreachable", "NoExecute"),
            ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"),
            ("pid-pressure", "NoSchedule"),
            ("unschedulable", "NoSchedule"),
            ("network-unavailable", "NoSchedule"),
        }
        assert {one["operator"] for one in tolerations} == {"Exists"}

    def test_what_it_tolerates_already_is_not_said_twice(self) -> None:
        there = [{"operator": "Exists"}, {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]
        found = first_pods.daemon(defaulted(daemon_set(tolerations=there)), "n")["spec"]["tolerations"]
        assert found[:2] == there
        assert len(found) == len({json.dumps(one, sort_keys=True) for one in found}) == 7  # without the host's network none of network-unavailable

    def test_what_it_wants_to_be_near_to_stays(self) -> None:
        apart = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}
        affinity = first_pods.daemon(defaulted(daemon_set(affinity={"podAntiAffinity": apart})), "n")["spec"]["affinity"]
        assert affinity.keys() == {"podAntiAffinity", "nodeAffinity"}
        assert affinity["podAntiAffinity"] == apart

    def test_the_daemon_set_is_left_as_it_was(self) -> None:
        given = defaulted(daemon_set(tolerations=[{"operator": "Exists"}], affinity={}))
        before = copy.deepcopy(given)
        first_pods.daemon(given, "n")
        assert given == before


class TestBeforehand:
    def test_kube_proxys_role_and_the_two_priorities_of_first_pods(self) -> None:
        found = {(one["kind"], one["metadata"]["name"]): one for one in first_pods.beforehand()}
        assert found.keys() == {
            ("ClusterRole", "system:node-proxier"),
            ("PriorityClass", "system-node-critical"),
            ("PriorityClass", "system-cluster-critical"),
        }
        # The API server refuses a name with this prefix that has another value.
        assert {name: one["value"] for (kind, name), one in found.items() if kind == "PriorityClass"} == {
            "system-node-critical": 2_000_001_000,
            "system-cluster-critical": 2_000_000_000,
        }
        assert not any("globalDefault" in one for one in found.values())

    def test_the_role_may_what_kube_proxy_asks_for_and_no_more(self) -> None:
        role = first_pods.beforehand()[0]
        allowed = {
            (group, what, verb) for rule in role["rules"] for group in rule["apiGroups"] for what in rule["resources"] for verb in rule["verbs"]
        }
        assert allowed == {
            *(("", what, verb) for what in ("services", "endpoints", "nodes") for verb in ("list", "watch")),
            ("", "nodes", "get"),
            *((group, "events", verb) for group in ("", "events.k8s.io") for verb in ("create", "patch", "update")),
            *(("discovery.k8s.io", "endpointslices", verb) for verb in ("list", "watch")),
            *(("networking.k8s.io", "servicecidrs", verb) for verb in ("list", "watch")),
        }

    def test_the_api_server_takes_the_role_for_its_own_and_keeps_it_up_to_date(self) -> None:
        meta = first_pods.beforehand()[0]["metadata"]
        assert meta["labels"] == {"kubernetes.io/bootstrapping": "rbac-defaults"}
        assert meta["annotations"] == {"rbac.authorization.kubernetes.io/autoupdate": "true"}


def service(*ports: Document, families: tuple[str, ...] = ("IPv4",), unready: bool = False) -> Document:
    spec: Document = {"ports": list(ports) or [port("dns", 53, 53)], "ipFamilies": list(families)}
    if unready:
        spec["publishNotReadyAddresses"] = True
    return {"metadata": {"name": "kube-dns", "namespace": "kube-system", "uid": "service-uid", "labels": {"k8s-app": "kube-dns"}}, "spec": spec}


def port(name: str, number: int, target: int | str, protocol: str = "UDP") -> Document:
    return {"name": name, "port": number, "targetPort": target, "protocol": protocol}


def pod(name: str, *addresses: str, ready: bool | None = None) -> Document:
    status: Document = {"podIPs": [{"ip": one} for one in addresses]} if addresses else {}
    if ready is not None:
        status["conditions"] = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name, "namespace": "kube-system", "uid": f"uid-of-{name}"}, "spec": {"nodeName": "n"}, "status": status}


class TestSlices:
    def test_all_of_one(self) -> None:
        given = service(port("dns", 53, 1053), port("dns-tcp", 53, 1054, "TCP"))
        (found,) = first_pods.slices(given, [pod("a", "10.244.0.2", ready=True)])
        assert re.fullmatch(f"kube-dns-{LETTERS}{{5}}", found["metadata"].pop("name"))
        assert found == {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "generateName": "kube-dns-",
                "namespace": "kube-system",
                "labels": {
                    "k8s-app": "kube-dns",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": "kube-dns",
                },
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "kube-dns", "uid": "service-uid", **OWN}],
            },
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": ["10.244.0.2"],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    "nodeName": "n",
                    "targetRef": {"kind": "Pod", "name": "a", "namespace": "kube-system", "uid": "uid-of-a"},
                }
            ],
            "ports": [{"name": "dns", "port": 1053, "protocol": "UDP"}, {"name": "dns-tcp", "port": 1054, "protocol": "TCP"}],
        }

    @pytest.mark.parametrize(
        ("unready", "ready", "conditions"),
        [
            (False, None, (False, False)),
            (False, False, (False, False)),
            (False, True, (True, True)),
            (True, None, (True, False)),
            (True, False, (True, False)),
            (True, True, (True, True)),
        ],
    )
    def test_queries_are_sent_to_who_is_ready_or_where_the_service_says_so_to_all(
        self, unready: bool, ready: bool | None, conditions: tuple[bool, bool]
    ) -> None:
        (found,) = first_pods.slices(service(unready=unready), [pod("a", "10.244.0.2", ready=ready)])
        seen = found["endpoints"][0]["conditions"]
        assert (seen["ready"], seen["serving"]) == conditions

    def test_of_a_dual_stack_service_there_is_one_of_each_family(self) -> None:
        pods = [pod("a", "10.244.0.2", "fd00::2"), pod("b", "10.244.0.3", "fd00::3")]
        found = first_pods.slices(service(families=("IPv6", "IPv4")), pods)
        assert {one["addressType"]: [end["addresses"] for end in one["endpoints"]] for one in found} == {
            "IPv4": [["10.244.0.2"], ["10.244.0.3"]],
            "IPv6": [["fd00::2"], ["fd00::3"]],
        }
        assert len({one["metadata"]["name"] for one in found}) == 2

    def test_a_family_that_the_service_has_not_is_left_out(self) -> None:
        found = first_pods.slices(service(families=("IPv6",)), [pod("a", "10.244.0.2", "fd00::2")])
        assert [one["addressType"] for one in found] == ["IPv6"]

    def test_a_pod_without_an_address_is_nowhere(self) -> None:
        assert first_pods.slices(service(), [pod("a"), pod("b", ready=False)]) == []
        (found,) = first_pods.slices(service(), [pod("a"), pod("b", "10.244.0.3")])
        assert [one["targetRef"]["name"] for one in found["endpoints"]] == ["b"]

    def test_a_port_with_a_name_is_for_the_controller_to_look_up(self) -> None:
        given = service(port("dns", 53, 53), port("metrics", 9153, "metrics", "TCP"))
        assert first_pods.slices(given, [pod("a", "10.244.0.2")]) == []

    def test_its_name_is_the_services_own_and_stays(self) -> None:
        def name(given: Document, *pods: Document) -> str:
            (found,) = first_pods.slices(given, pods)
            return str(found["metadata"]["name"])

        before = name(service(), pod("a", "10.244.0.2"))
        assert name(service(), pod("b", "10.244.0.9", ready=True)) == before
        another = service()
        another["metadata"]["uid"] = "another"
        assert name(another, pod("a", "10.244.0.2")) != before


class TestMake:
    @pytest.fixture
    def taking(self, api_server: ApiServer) -> Taking:
        """A server that takes everything, and has two owners."""
        taking = Taking()
        api_server.behind = taking.take
        for one, plural in ((daemon_set(), "daemonsets"), (deployment(), "deployments")):
            taking.objects[f"{APPS}/{plural}/{one['metadata']['name']}"] = defaulted(one, uid=f"uid-of-{one['metadata']['name']}")
        return taking

    def test_each_owner_gets_its_pod_and_a_deployment_its_set(self, connected: BootContext, taking: Taking) -> None:
        first_pods.make(connected.api, "c-control-plane", [daemon_set(), deployment()])
        (between,) = taking.of("ReplicaSet")
        assert between["metadata"]["ownerReferences"][0]["uid"] == "uid-of-coredns"
        proxy, dns = taking.of("Pod")
        assert {one["spec"]["nodeName"] for one in (proxy, dns)} == {"c-control-plane"}
        assert proxy["metadata"]["ownerReferences"][0]["uid"] == "uid-of-kube-proxy"
        assert dns["metadata"]["ownerReferences"][0]["uid"] == between["metadata"]["uid"]
        assert dns["metadata"]["labels"] == between["spec"]["selector"]["matchLabels"]
        for one in (between, proxy, dns):  # https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
            assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", one["metadata"]["name"])

    def test_its_kind_is_known_where_the_server_leaves_it_out(self, connected: BootContext, api_server: ApiServer, taking: Taking) -> None:
        answer = {key: value for key, value in taking.objects[f"{APPS}/daemonsets/kube-proxy"].items() if key not in {"apiVersion", "kind"}}
        api_server.answer("GET", f"{APPS}/daemonsets/kube-proxy", (200, answer))
        first_pods.make(connected.api, "n", [daemon_set()])
        (made,) = taking.of("Pod")
        assert made["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"

    def test_what_is_there_stays(self, connected: BootContext, api_server: ApiServer, taking: Taking) -> None:
        first_pods.make(connected.api, "c-control-plane", [daemon_set(), deployment()])
        before = copy.deepcopy(taking.objects)
        first_pods.make(connected.api, "c-control-plane", [daemon_set(), deployment()])
        assert taking.objects == before
        assert [method for method, _, _ in api_server.requests].count("POST") == 2 * 3  # each was there already

    def test_without_owners_nothing_is_asked(self, connected: BootContext, api_server: ApiServer) -> None:
        first_pods.make(connected.api, "n", [])
        assert api_server.requests == []

    @pytest.mark.parametrize(
        ("method", "path", "made"),
        [
            ("GET", f"{APPS}/daemonsets/kube-proxy", []),
            ("POST", PODS, []),
            ("GET", f"{APPS}/deployments/coredns", ["Pod"]),
            ("POST", f"{APPS}/replicasets", ["Pod"]),
        ],
    )
    def test_a_refusal_is_an_error_and_ends_it(
        self, connected: BootContext, api_server: ApiServer, taking: Taking, method: str, path: str, made: list[str]
    ) -> None:
        api_server.answer(method, path, (403, {"message": "not yet"}))
        with pytest.raises(ApiError, match=re.escape(f"{method} {path})")) as caught:
            first_pods.make(connected.api, "n", [daemon_set(), deployment()])
        assert caught.value.status == 403
        assert [one["kind"] for one in taking.objects.values()][2:] == made
