"""Namespaces with a quota, limits and a pod-security level, which count when the test begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException

from pytest_kind.errors import UsageError
from support import mesh

if TYPE_CHECKING:
    from pytest_kind import KindCluster


def pod(name: str, **container: Any) -> dict[str, Any]:
    containers = [{"name": "a", "image": mesh.BUSYBOX, "command": ["sleep", "3600"], **container}]
    return {"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": containers}}


def create(client: ApiClient, namespace: str, body: dict[str, Any]) -> Any:
    return CoreV1Api(client).create_namespaced_pod(namespace, body)


@pytest.mark.kind(namespace={"quota": {"pods": 1}})
class TestQuota:
    def test_it_counts_from_the_first_pod_on(self, kind_client: ApiClient, kind_namespace: str) -> None:
        create(kind_client, kind_namespace, pod("fits"))
        with pytest.raises(ApiException, match="exceeded quota: pytest-kind, requested: pods=1, used: pods=1, limited: pods=1"):
            create(kind_client, kind_namespace, pod("not"))

    def test_each_test_has_its_own(self, kind_client: ApiClient, kind_namespace: str) -> None:
        create(kind_client, kind_namespace, pod("fits"))

    @pytest.mark.kind(namespace={"limits": {"default": {"memory": "64Mi"}, "max": {"memory": "128Mi"}}})
    def test_limits_of_containers_that_say_none(self, kind_client: ApiClient, kind_namespace: str) -> None:
        made = create(kind_client, kind_namespace, pod("small"))
        assert made.spec.containers[0].resources.limits == {"memory": "64Mi"}
        with pytest.raises(ApiException, match="maximum memory usage per Container is 128Mi"):
            create(kind_client, kind_namespace, pod("big", resources={"limits": {"memory": "1Gi"}}))


@pytest.mark.kind(namespace={"pod_security": "restricted", "labels": {"team": "a"}})
class TestPodSecurity:
    def test_it_is_enforced(self, kind_client: ApiClient, kind_namespace: str) -> None:
        with pytest.raises(ApiException, match=r"violates PodSecurity .{1,2}restricted:latest"):
            create(kind_client, kind_namespace, pod("rootish"))
        assert CoreV1Api(kind_client).read_namespace(kind_namespace).metadata.labels["team"] == "a"

    def test_of_the_class_too(self, kind_client: ApiClient, kind_class_namespace: str) -> None:
        with pytest.raises(ApiException, match=r"violates PodSecurity .{1,2}restricted:latest"):
            create(kind_client, kind_class_namespace, pod("rootish"))


def test_what_the_api_takes_for_wrong_leaves_nothing(kind_cluster: KindCluster, kind_client: ApiClient) -> None:
    with pytest.raises(UsageError, match=r'(?s)^namespace\(…\): quota: ResourceQuota "pytest-kind" is invalid: .*podz'):
        kind_cluster.namespace("wrong", quota={"podz": 1}).__enter__()
    there = [one for one in CoreV1Api(kind_client).list_namespace().items if one.metadata.name.startswith("wrong-")]
    assert all(one.metadata.deletion_timestamp for one in there)


class TestSeveral:
    def test_a(self, kind_cluster: KindCluster, kind_client: ApiClient, kind_module_namespace: str) -> None:
        create(kind_client, kind_module_namespace, pod("shared"))
        with kind_cluster.namespace("tenant", quota={"pods": 1}) as one, kind_cluster.namespace("tenant") as other:
            for namespace in (one, other):
                create(kind_client, namespace, pod("mine"))

    def test_b(self, kind_client: ApiClient, kind_module_namespace: str) -> None:
        assert CoreV1Api(kind_client).read_namespaced_pod("shared", kind_module_namespace).metadata.name == "shared"
