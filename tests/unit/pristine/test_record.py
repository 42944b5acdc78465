"""Looking at a cluster: which resources, in pages, and what nodes tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.api.apis import Apis
from pytest_kind.errors import CommandError
from pytest_kind.pristine.model import Key
from pytest_kind.pristine.record import OnNode, discovered, known_pods, look, reap, used_volumes
from support.api_server import ApiServer
from support.credentials import credentials
from support.engine import FakeEngine
from support.kube import CRDS, Kube


@pytest.fixture
def apis(api_server: ApiServer, tmp_path: Path) -> Iterator[Apis]:
    made = Apis(credentials(api_server.url), tmp_path)
    yield made
    made.close()


def told(resource: str, kind: str, *verbs: str) -> dict[str, object]:
    return {"resource": resource, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": list(verbs)}


def test_each_resource_is_taken_in_the_version_that_its_server_prefers() -> None:
    new = {"version": "v2", "resources": [told("widgets", "Widget", "list", "delete", "deletecollection"), told("reviews", "Review", "create")]}
    old = {
        "version": "v1",
        "resources": [told("widgets", "Widget", "list", "delete"), told("gadgets", "Gadget", "list", "delete"), told("metrics", "M", "list")],
    }
    broken = {"version": "v1", "freshness": "Stale"}
    found = discovered(
        [{"items": [{"metadata": {"name": "example.com"}, "versions": [new, old]}, {"metadata": {"name": "broken"}, "versions": [broken]}]}, {}]
    )
    assert [(one.name, one.version, one.several) for one in found] == [("widgets.example.com", "v2", True), ("gadgets.example.com", "v1", False)]


def test_objects_of_lists_are_told_what_they_are(apis: Apis, api_server: ApiServer, kube: Kube) -> None:
    found = look(apis)
    one = found.objects[Key("deployments.apps", "kube-system", "coredns")]
    assert (one["apiVersion"], one["kind"]) == ("apps/v1", "Deployment")
    assert found.shown(Key("deployments.apps", "kube-system", "coredns")) == "Deployment kube-system/coredns"
    assert apis.requests == len(api_server.requests)


def test_a_definition_that_discovery_does_not_know_yet_is_looked_at(apis: Apis, api_server: ApiServer, kube: Kube) -> None:
    names = {"plural": "widgets", "kind": "Widget"}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [{"name": "v1", "served": False}, {"name": "v2", "served": True}]}
    kube.add(CRDS, {"metadata": {"name": "widgets.example.com"}, "spec": spec})
    kube.resources.pop("widgets.example.com")
    api_server.answer("GET", "/apis/example.com/v2/widgets", (200, {"items": [{"metadata": {"name": "w"}}]}))
    assert Key("widgets.example.com", "", "w") in look(apis).objects


def test_a_resource_that_went_meanwhile_is_empty_and_one_that_fails_is_not(apis: Apis, kube: Kube) -> None:
    answers = {"/api/v1/pods": 404, "/api/v1/secrets": 405, "/api/v1/services": 503}
    kube.refuse = lambda _, path: (answers[path.split("?")[0]], {"message": "no"}) if path.split("?")[0] in answers else None
    found = look(apis)
    assert found.refused == {"services": "503 Service Unavailable: no (GET /api/v1/services)"}
    assert not list(found.of("pods", "secrets"))


def test_some_resources_where_the_rest_is_known(apis: Apis, api_server: ApiServer, kube: Kube) -> None:
    before = look(apis)
    kube.add("secrets", {"metadata": {"name": "unseen"}}, "default")
    kube.add("pods", {"metadata": {"name": "seen"}, "spec": {}}, "default")
    api_server.requests.clear()
    after = look(apis, ["pods", "nonsense"], before)
    assert [path for _, path, _ in api_server.requests] == ["/api/v1/pods"]
    assert after.objects.keys() - before.objects.keys() == {Key("pods", "default", "seen")}


def test_what_a_node_tells(engine: FakeEngine) -> None:
    node = engine.add_container("n", {})
    engine.answer(["bash", "-c"], "pod aaaa-bbbb\nvolume /var/local-path-provisioner/a b\n")
    assert reap(engine, node, "n", ["x", "y"], ["/p"]) == OnNode(frozenset({"aaaa-bbbb"}), frozenset({"/var/local-path-provisioner/a b"}))
    engine.answer(["bash", "-c"], "no such program", code=127)
    with pytest.raises(CommandError, match=r"^n: `reap 3 x y /p` ended with 127:\nno such program$"):
        reap(engine, node, "n", ["x", "y"], ["/p"])


def test_under_what_names_nodes_know_pods_and_volumes(apis: Apis, kube: Kube) -> None:
    kube.objects.clear()
    pod = kube.add("pods", {"metadata": {"name": "a", "annotations": {"kubernetes.io/config.hash": "static"}}, "spec": {}}, "default")
    kube.add("persistentvolumes", {"metadata": {"name": "a"}, "spec": {"local": {"path": "/one"}}})
    kube.add("persistentvolumes", {"metadata": {"name": "b"}, "spec": {"hostPath": {"path": "/two"}}})
    kube.add("persistentvolumes", {"metadata": {"name": "c"}, "spec": {"csi": {}}})
    found = look(apis)
    assert known_pods(found) == {"static", kube.objects[pod]["metadata"]["uid"]}
    assert used_volumes(found) == {"/one", "/two"}
