"""kubeadm's addons, changed for a cluster of one node."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.boot import addons

COREFILE = """.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       ttl 30
    }
}
"""

TO_THE_API_SERVER = [{"name": "KUBERNETES_SERVICE_HOST", "value": "198.19.255.1"}, {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"}]


def deployment(image: str = "any", env: list[dict[str, str]] | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {"image": image, "readinessProbe": {"httpGet": {"path": "/ready"}}, **({"env": env} if env else {})}
    return {"kind": "Deployment", "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}}}


def dns(image: str) -> list[dict[str, Any]]:
    return [deployment(image), {"kind": "Service", "spec": {"clusterIP": "10.96.0.10"}}, {"kind": "ConfigMap", "data": {"Corefile": COREFILE}}]


def test_documents_that_are_empty_are_left_out() -> None:
    assert addons.documents("---\nkind: A\n---\n---\nkind: B\n") == [{"kind": "A"}, {"kind": "B"}]
    assert addons.documents("") == []


def test_the_administrators_group_is_bound_to_the_administrators_role() -> None:
    binding = addons.cluster_admins()
    assert (binding["kind"], binding["metadata"]) == ("ClusterRoleBinding", {"name": "kubeadm:cluster-admins"})
    assert binding["roleRef"]["name"] == "cluster-admin"
    assert [(one["kind"], one["name"]) for one in binding["subjects"]] == [("Group", "kubeadm:cluster-admins")]


def test_dns_has_one_replica_that_speaks_to_the_api_server_itself() -> None:
    found, *_ = addons.quick_dns(dns("registry.k8s.io/coredns/coredns:v1.14.6"), "198.19.255.1")
    assert found["spec"]["replicas"] == 1
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container["env"] == TO_THE_API_SERVER
    assert container["readinessProbe"] == {"httpGet": {"path": "/ready"}, "periodSeconds": 1}


def test_queries_reach_dns_before_it_has_been_probed() -> None:
    _, service, _ = addons.quick_dns(dns("coredns:v1.14.6"), "198.19.255.1")
    assert service["spec"] == {"clusterIP": "10.96.0.10", "publishNotReadyAddresses": True}


@pytest.mark.parametrize("version", ["v1.12.3", "v1.14.6", "2.0.0", "v1.13.0-rc.1"])
def test_dns_listens_before_its_caches_are_filled(version: str) -> None:
    *_, config = addons.quick_dns(dns(f"registry.k8s.io/coredns/coredns:{version}"), "198.19.255.1")
    assert config["data"]["Corefile"] == COREFILE.replace("       pods insecure\n", "       pods insecure\n       startup_timeout 10ms\n")


@pytest.mark.parametrize("image", ["registry.k8s.io/coredns/coredns:v1.12.2", "coredns:v1.9.3", "coredns:latest", "coredns@sha256:abc"])
def test_a_dns_that_does_not_know_the_setting_does_not_get_it(image: str) -> None:
    *_, config = addons.quick_dns(dns(image), "198.19.255.1")
    assert config["data"]["Corefile"] == COREFILE


def test_the_storage_provisioner_speaks_to_the_api_server_itself_beside_what_it_has() -> None:
    found, other = addons.direct_storage([deployment(env=[{"name": "A", "value": "b"}]), {"kind": "StorageClass"}], "198.19.255.1")
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "b"}, *TO_THE_API_SERVER]
    assert other == {"kind": "StorageClass"}


def test_the_address_of_dns_is_its_services() -> None:
    assert addons.service_address(dns("coredns")) == "10.96.0.10"
