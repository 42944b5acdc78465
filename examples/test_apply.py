"""An operator's resource, a Deployment and who may see them: applied, waited for, looked into; all of it undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException, CoreV1Api

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from pytest_kind import KindCluster, KindObject

HERE = Path(__file__).parent


SERVE = "echo open the door; echo open > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"


def deployment(image: str) -> dict[str, Any]:
    container = {"name": "web", "image": image, "command": ["sh", "-c", SERVE], "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}}
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


@pytest.fixture
def web(kind_apply: Callable[..., Any], kind_cluster: KindCluster, busybox: str) -> KindObject:
    """The shop's web server, which runs."""
    kind_apply(HERE / "shop")
    return kind_cluster.wait_for(kind_apply(deployment(busybox)), "rollout")


def test_the_shop_is_open(kind_cluster: KindCluster, web: KindObject) -> None:
    shop = kind_cluster.get("shops.example.com/corner", namespace=web.namespace)
    assert shop.spec.shelves == web.spec.replicas
    kind_cluster.wait_for("endpointslices", lambda one: len(one.endpoints) == 1, selector="kubernetes.io/service-name=web", namespace=web.namespace)
    answer = kind_cluster.exec("deployment/web", "wget", "-q", "-O-", "http://localhost:8080/", namespace=web.namespace)
    assert answer.stdout == "open\n"
    assert "open the door" in kind_cluster.logs(web, since="test")


def test_a_customer_may_look_and_not_touch(kind_as_user: Callable[..., ApiClient], web: KindObject) -> None:
    customer = CoreV1Api(kind_as_user("customer", rules=["get,list services"]))
    assert [one.metadata.name for one in customer.list_namespaced_service(web.namespace).items] == ["web"]
    with pytest.raises(ApiException, match="forbidden"):
        customer.delete_namespaced_service("web", web.namespace)
