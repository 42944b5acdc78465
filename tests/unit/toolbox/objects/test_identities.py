"""Users and service accounts: what they are asked for, made of, and how their rights come and go."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.toolbox.objects import identities, rights
from pytest_kind.toolbox.objects.connection import connection
from pytest_kind.toolbox.objects.scope import Scope
from support.api_server import ApiServer
from support.credentials import PKI, admin_conf
from support.kube import Kube

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SCALE = {"group": "apps", "resource": "deployments"}
POD_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


@pytest.fixture
def commands(host: Any) -> list[tuple[str, ...]]:
    """What the control plane was told; kubeadm answers with the test's own credentials."""
    made: list[tuple[str, ...]] = []

    def run(*argv: str) -> str:
        made.append(argv)
        return admin_conf()

    host._control_plane = lambda: SimpleNamespace(exec=run)
    return made


@pytest.fixture
def scope(host: Any, api_server: ApiServer, kube: Kube) -> Scope:
    api_server.answer("POST", REVIEWS, (201, {"status": {"allowed": False}}), (201, {"status": {"allowed": True}}))
    return Scope(host, "mine")


def reviews(api_server: ApiServer) -> list[Any]:
    return [body["spec"] for method, path, body in api_server.requests if (method, path) == ("POST", REVIEWS)]


def test_a_user_has_a_certificate_of_the_clusters_authority(scope: Scope, commands: list[Any], api_server: ApiServer) -> None:
    with scope:
        client = scope.as_user("alice", ["devs", "ops"])
        assert commands == [
            (
                *("kubeadm", "kubeconfig", "user", "--config", "/kind/kubeadm.conf", "--client-name", "alice"),
                *("--validity-period", "12h", "--org=devs", "--org=ops"),
            )
        ]
        assert (client.user, repr(client)) == ("alice", "<IdentityClient 'alice'>")
        path = client.kubeconfig_path
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert config["current-context"] == "alice@kind-mine"
        assert config["clusters"][0]["cluster"]["server"] == api_server.url == client.configuration.host
        assert base64.b64decode(config["users"][0]["user"]["client-key-data"]) == (PKI / "peer.key").read_bytes()
    assert not path.parent.exists()
    assert [method for method, _, _ in api_server.requests if method != "GET"] == []


def test_rights_are_there_when_the_client_is_and_go_with_it(scope: Scope, commands: list[Any], kube: Kube, api_server: ApiServer) -> None:
    with scope:
        scope.as_user("alice", ["devs"], rules=["get,list pods"])
        (role,) = kube.names("roles.rbac.authorization.k8s.io")
        assert role.startswith("mine/pytest-kind:alice:")
        (binding,) = (one for key, one in kube.objects.items() if key.resource.startswith("rolebindings"))
        assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}]
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.partition("/")[2]}
        asked = {"resource": "pods", "verb": "get", "namespace": "mine"}
        assert reviews(api_server) == [{"user": "alice", "groups": ["devs", "system:authenticated"], "resourceAttributes": asked}] * 2
    assert [key for key in kube.objects if "rbac" in key.resource] == []


def test_a_role_that_is_there_everywhere(scope: Scope, commands: list[Any], kube: Kube, api_server: ApiServer) -> None:
    kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "view"}, "rules": [POD_RULE]})
    scope.as_user("bob", cluster_role="view", cluster_wide=True)
    (binding,) = (one for key, one in kube.objects.items() if key.resource.startswith("clusterrolebindings"))
    assert binding["roleRef"]["name"] == "view"
    assert reviews(api_server)[-1]["resourceAttributes"] == {"resource": "pods", "verb": "get"}
    with pytest.raises(UsageError, match="as_user: cluster_role: there is no ClusterRole 'nonsense'; there are view, and system:…"):
        scope.as_user("bob", cluster_role="nonsense")


def test_a_service_account_has_a_token(scope: Scope, kube: Kube, api_server: ApiServer) -> None:
    path = "/api/v1/namespaces/mine/serviceaccounts/robot/token"
    api_server.answer("POST", path, (201, {"status": {"token": "a.b.c"}}))
    with scope:
        client = scope.service_account("robot", rules=["create deployments.apps"])
        assert client.user == "system:serviceaccount:mine:robot"
        assert client.configuration.auth_settings()["BearerToken"]["value"] == "Bearer a.b.c"
        assert yaml.safe_load(client.kubeconfig_path.read_text(encoding="utf-8"))["users"][0]["user"] == {"token": "a.b.c"}
        assert kube.names("serviceaccounts") == ["mine/robot"]
        spec = next(body["spec"] for method, where, body in api_server.requests if (method, where) == ("POST", path))
        assert spec == {"audiences": [], "expirationSeconds": 43200}
        groups = ["system:serviceaccounts", "system:serviceaccounts:mine", "system:authenticated"]
        assert (reviews(api_server)[-1]["user"], reviews(api_server)[-1]["groups"]) == (client.user, groups)
    assert kube.names("serviceaccounts") == []


def test_a_client_follows_when_the_api_is_published_at_another_port(host: Any, scope: Scope, commands: list[Any]) -> None:
    with scope:
        clients = [scope.as_user(name) for name in ("alice", "bob")]
        clients[1].close()
        for server in ("https://127.0.0.1:1", "https://127.0.0.1:2"):
            host._admin["clusters"][0]["cluster"]["server"] = server
            connection(host)
            assert clients[0].configuration.host == server
            config = yaml.safe_load(clients[0].kubeconfig_path.read_text(encoding="utf-8"))
            assert (config["clusters"][0]["cluster"]["server"], clients[0].kubeconfig_path.stat().st_mode & 0o777) == (server, 0o600)
        assert not clients[1].kubeconfig_path.parent.exists()


def test_rights_that_do_not_come_are_told_and_undone(
    scope: Scope, commands: list[Any], kube: Kube, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "_SECONDS", 0.1)
    api_server.answer("POST", REVIEWS, (201, {"status": {"allowed": False, "reason": "RBAC: no such role"}}))
    with scope, pytest.raises(WaitTimeout, match=r"the rights of alice: .* the API server does not know of them: RBAC: no such role"):
        scope.as_user("alice", rules=["get pods"])
    assert [key for key in kube.objects if "rbac" in key.resource] == []


def test_names_that_no_certificate_can_have(scope: Scope, commands: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"as_user: '' is not accepted; .*\nas_user: 'a,b' is not accepted"):
        scope.as_user("", ["a,b"])
    assert commands == []


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        ("get,list pods", [POD_RULE]),
        ("* *", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
        (
            "get pods/log,deployments.apps/scale,pods",
            [
                {"apiGroups": [""], "resources": ["pods/log", "pods"], "verbs": ["get"]},
                {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
            ],
        ),
        (POD_RULE, [POD_RULE]),
        ({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]),
    ],
)
def test_rules_in_short_and_in_full(rule: rights.Rule, meant: list[Mapping[str, Any]]) -> None:
    assert list(rights.parse("as_user", [rule], None, "mine").rules) == meant


def test_all_rules_that_are_none_are_told() -> None:
    with pytest.raises(UsageError) as caught:
        rights.parse("as_user", ["pods", {"verbs": ["get"]}, {**POD_RULE, "verb": 1}], None, None)
    assert [line.partition(" is not")[0] for line in str(caught.value).splitlines()] == [
        "as_user: rules: 'pods'",
        "as_user: rules: {'verbs': ['get']}",
        "as_user: rules: {'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get', 'list'], 'verb': 1}",
    ]
    with pytest.raises(UsageError, match="rules: 'get pods' is not accepted; accepted is a list of rules"):
        rights.parse("as_user", "get pods", None, None)


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (
            {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["web"], "verbs": ["patch"]},
            {"resourceAttributes": {**SCALE, "subresource": "scale", "verb": "patch", "name": "web", "namespace": "mine"}},
        ),
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"resourceAttributes": {"resource": "pods", "verb": "get", "namespace": "mine"}}),
        ({"nonResourceURLs": ["/healthz*"], "verbs": ["get"]}, {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}),
    ],
)
def test_what_is_asked_of_a_rule(rule: dict[str, Any], asked: dict[str, Any]) -> None:
    assert rights.question(rule, "mine") == asked


def test_urls_are_in_no_namespace(scope: Scope, commands: list[Any], api_server: ApiServer) -> None:
    scope.as_user("alice", rules=[{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}], cluster_wide=True)
    assert reviews(api_server)[-1]["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}
