"""kubeadm's addons as test clusters want them, and storage."""

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


def test_administrators_and_the_api_servers_way_to_kubelets_are_bound_as_kubeadm_does_later() -> None:
    found = addons.bindings()
    assert [(one["kind"], one["metadata"]["name"], one["roleRef"]["name"]) for one in found] == [
        ("ClusterRoleBinding", "kubeadm:cluster-admins", "cluster-admin"),
        ("ClusterRoleBinding", "kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin"),
    ]
    subjects = [(subject["kind"], subject["name"]) for one in found for subject in one["subjects"]]
    assert subjects == [("Group", "kubeadm:cluster-admins"), ("User", "kube-apiserver-kubelet-client")]


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


def test_two_dns_servers_are_never_on_one_node() -> None:
    manifests = dns("coredns:v1.14.6")
    manifests[0]["spec"]["template"]["metadata"] = {"labels": {"k8s-app": "kube-dns"}}
    found, *_ = addons.quick_dns(manifests, "198.19.255.254", spread=True)
    assert found["spec"]["replicas"] == 2
    (rule,) = found["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule == {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}


class TestSharedStorage:
    @pytest.fixture
    def provisioner(self) -> list[dict[str, Any]]:
        """An image's own, as far as it matters."""
        made = deployment()
        made["metadata"] = {"name": "local-path-provisioner", "namespace": "local-path-storage"}
        made["spec"]["selector"] = {"matchLabels": {"app": "local-path-provisioner"}}
        template = made["spec"]["template"]
        template["metadata"] = {"labels": {"app": "local-path-provisioner"}}
        template["spec"]["containers"][0]["command"] = ["local-path-provisioner", "start"]
        template["spec"]["volumes"] = [{"name": "other"}, {"name": "config", "configMap": {"name": "local-path-config"}}]
        return [
            {"kind": "Namespace", "metadata": {"name": "local-path-storage"}},
            {"kind": "ConfigMap", "metadata": {"name": "local-path-config"}, "data": {"config.json": "{}", "setup": "mkdir"}},
            made,
            {
                "kind": "StorageClass",
                "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                "provisioner": "rancher.io/local-path",
                "volumeBindingMode": "WaitForFirstConsumer",
                "reclaimPolicy": "Delete",
            },
        ]

    def test_a_second_class_that_is_not_the_default(self, provisioner: list[dict[str, Any]]) -> None:
        *_, found = addons.shared_storage(provisioner, "198.19.255.1")
        assert found == {
            "kind": "StorageClass",
            "metadata": {"name": "shared"},
            "provisioner": "pytest-kind.io/shared",
            "volumeBindingMode": "Immediate",
            "reclaimPolicy": "Delete",
        }

    def test_its_provisioner_is_the_same_a_second_time_with_settings_of_its_own(self, provisioner: list[dict[str, Any]]) -> None:
        settings, found, _ = addons.shared_storage(provisioner, "198.19.255.1")
        assert settings["metadata"]["name"] == "shared-path-config"
        assert settings["data"] == {"config.json": '{"sharedFileSystemPath": "/kind/shared"}', "setup": "mkdir"}
        template = found["spec"]["template"]
        (container,) = template["spec"]["containers"]
        named = [found["metadata"]["name"], template["metadata"]["labels"]["app"], found["spec"]["selector"]["matchLabels"]["app"]]
        assert named == ["shared-path-provisioner"] * 3
        assert container["command"] == [
            *("local-path-provisioner", "start"),
            *("--provisioner-name", "pytest-kind.io/shared", "--configmap-name", "shared-path-config"),
        ]
        assert container["env"] == TO_THE_API_SERVER
        assert template["spec"]["volumes"] == [{"name": "other"}, {"name": "config", "configMap": {"name": "shared-path-config"}}]

    @pytest.mark.parametrize("missing", ["ConfigMap", "Deployment", "StorageClass"])
    def test_an_image_with_another_provisioner_has_none(self, provisioner: list[dict[str, Any]], missing: str) -> None:
        assert addons.shared_storage([one for one in provisioner if one["kind"] != missing], "198.19.255.1") == []
