"""Users and service accounts: who somebody is, what he may do, and a client that acts as him."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.kubeconfig import write_private
from pytest_kind.errors import UsageError
from pytest_kind.toolbox.objects import rights as rights_of
from pytest_kind.toolbox.objects.apply import apply
from pytest_kind.toolbox.objects.changes import Changes
from pytest_kind.toolbox.objects.connection import Connection, Host, connection
from pytest_kind.toolbox.objects.manifests import Manifest
from pytest_kind.toolbox.objects.rights import Rights
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.api.client import IdentityClient

Document = dict[str, Any]

_SECONDS = 30.0
_HOURS = 12
_CONFIG = "/kind/kubeadm.conf"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
_EVERYBODY = "system:authenticated"
_NOT_FOUND = 404


def user(host: Host, name: str, groups: Sequence[str], rights: Rights, done: Changes) -> IdentityClient:
    """A user: somebody whose client certificate the cluster's authority signed.

    By ``kubeadm kubeconfig user`` on a control plane: key and certificate are made in its memory and come back as its output;
    nothing of them is left on the node, and no CertificateSigningRequest in the cluster.

    Raises:
        UsageError: a name or a group that a certificate cannot have, or a ClusterRole that is not there.
    """
    wrong = [f"as_user: {one!r} is not accepted; accepted is text without a comma" for one in (name, *groups) if not one or "," in one]
    if wrong:
        raise UsageError("\n".join(wrong))
    there = connection(host)
    _check(there.api, "as_user", rights)
    command = ["kubeadm", "kubeconfig", "user", "--config", _CONFIG, "--client-name", name, "--validity-period", f"{_HOURS}h"]
    node = host._control_plane()  # noqa: SLF001 - of this package
    told = yaml.safe_load(node.exec(*command, *(f"--org={group}" for group in groups)))
    credentials = {key: told["users"][0]["user"][key] for key in ("client-certificate-data", "client-key-data")}
    _grant(there, {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}, (name, [*groups, _EVERYBODY]), rights, done)
    return _client(host, name, credentials, done)


def service_account(host: Host, name: str, namespace: str, rights: Rights, done: Changes) -> IdentityClient:
    """A ServiceAccount, which is made where it is not there, with a token of the TokenRequest API.

    Raises:
        UsageError: there is no such ClusterRole.
        ApplyError: the account or its rights cannot be made.
    """
    there = connection(host)
    _check(there.api, "service_account", rights)
    account: Document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    _made(there, [account], done)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    spec = {"audiences": [], "expirationSeconds": _HOURS * 3600}
    token = there.api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})["status"]["token"]
    who = f"system:serviceaccount:{namespace}:{name}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", _EVERYBODY]
    _grant(there, {"kind": "ServiceAccount", "name": name, "namespace": namespace}, (who, groups), rights, done)
    return _client(host, who, {"token": token}, done)


def _grant(there: Connection, subject: Document, who: tuple[str, list[str]], rights: Rights, done: Changes) -> None:
    """Makes roles and bindings, and waits until the API server goes by them: it hears of them a moment later."""
    if not rights:
        return
    _made(there, rights_of.objects(subject, rights), done)
    rules = list(rights.rules[:1])
    if rights.cluster_role:
        rules += (there.api.get(f"{_ROLES}/{rights.cluster_role}").get("rules") or [])[:1]
    for rule in rules:
        if rights.namespace is not None and not rule.get("resources"):
            continue  # URLs are in no namespace: such a rule gives nothing there
        asked = rights_of.question(rule, rights.namespace)
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": who[0], "groups": who[1], **asked}}
        wait_for(f"the rights of {who[0]}", _allowed(there.api, review), Deadline(_SECONDS), every=0.01)


def _allowed(api: Api, review: Document) -> Callable[[], bool | NotYet]:
    def probe() -> bool | NotYet:
        status = api.post(_REVIEWS, review)["status"]
        return bool(status.get("allowed")) or NotYet(f"the API server does not know of them: {status.get('reason') or 'no reason given'}")

    return probe


def _made(there: Connection, documents: list[Document], done: Changes) -> None:
    apply(there, [Manifest(f"the {one['kind']}", one) for one in documents], "default", done, _SECONDS)


def _check(api: Api, who: str, rights: Rights) -> None:
    if rights.cluster_role is None:
        return
    try:
        api.get(f"{_ROLES}/{rights.cluster_role}")
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        names = [one["metadata"]["name"] for one in api.get(_ROLES)["items"] if not one["metadata"]["name"].startswith("system:")]
        raise UsageError(
            f"{who}: cluster_role: there is no ClusterRole {rights.cluster_role!r}; there are {', '.join(names)}, and system:…"
        ) from None


def _client(host: Host, name: str, credentials: Document, done: Changes) -> IdentityClient:
    from pytest_kind.api.client import make_identity_client  # noqa: PLC0415 - half a second, only for those who want it

    context, known = f"{name}@kind-{host.name}", host._admin["clusters"][0]  # noqa: SLF001 - of this package
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [known],
        "users": [{"name": name, "user": credentials}],
        "contexts": [{"name": context, "context": {"cluster": known["name"], "user": name}}],
        "current-context": context,
    }
    folder = host._site.folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{secrets.token_hex(4)}"  # noqa: SLF001
    folder.mkdir(mode=0o700)
    path = write_private(folder / "kubeconfig", yaml.safe_dump(config, sort_keys=False))
    client = make_identity_client(config, name, path)
    done.done.append(client.close)
    there = connection(host)
    there.closing.callback(client.close)
    there.following.append(client.reached_at)
    return client
