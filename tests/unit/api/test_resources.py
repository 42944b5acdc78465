"""What an API server serves, as it tells it."""

from __future__ import annotations

import pytest

from pytest_kind.api.resources import Resource, defined, served

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)


def test_paths_and_names() -> None:
    assert (PODS.name, PODS.api_version, PODS.path()) == ("pods", "v1", "/api/v1/pods")
    assert PODS.path("mine", "a") == "/api/v1/namespaces/mine/pods/a"
    assert (ROLES.name, ROLES.api_version) == ("clusterroles.rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1")
    assert ROLES.path("", "system:node") == "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"
    assert PODS.path("a/b", "c?d") == "/api/v1/namespaces/a%2Fb/pods/c%3Fd"


def test_an_objects_path_is_in_its_namespace_if_the_resource_is() -> None:
    meta = {"metadata": {"name": "a", "namespace": "mine"}}
    assert PODS.of(meta) == "/api/v1/namespaces/mine/pods/a"
    assert ROLES.of(meta) == "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"


@pytest.mark.parametrize(
    ("group", "own"), [("", True), ("apps", True), ("storage.k8s.io", True), ("example.com", False), ("gateway.networking.k8s.io", False)]
)
def test_which_are_kubernetes_own(group: str, own: bool) -> None:
    assert Resource(group, "v1", "x", "X", namespaced=True).is_kubernetes is own


def test_discovery_in_its_order() -> None:
    told = {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced", "verbs": ["list", "deletecollection"]}
    more = {"singularResource": "pod", "shortNames": ["po"]}
    only_below = {"resource": "scales", "scope": "Cluster", "verbs": []}
    core = {"items": [{"metadata": {}, "versions": [{"version": "v1", "resources": [{**told, **more}]}]}]}
    apps = {
        "items": [{"metadata": {"name": "apps"}, "versions": [{"version": "v2", "resources": [only_below]}, {"version": "v1"}]}, {"metadata": {}}]
    }
    first, second = served([core, apps])
    assert (first, first.words, first.verbs) == (PODS, ("pod", "po"), ("list", "deletecollection"))
    assert second == Resource("apps", "v2", "scales", "", namespaced=False, several=False)


def test_a_definition_serves_what_it_says() -> None:
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]}
    versions = [{"name": "v1", "served": True}, {"name": "v2", "served": False}]
    (only,) = defined({"spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": versions}})
    assert (only, only.words) == (Resource("example.com", "v1", "widgets", "Widget", namespaced=False), ("widget", "wd"))
