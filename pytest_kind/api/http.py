"""Raw requests to the API: what a boot needs, without the half second that importing the full client takes."""

from __future__ import annotations

import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

import urllib3

from pytest_kind.api.kubeconfig import Credentials, write_private
from pytest_kind.api.reasons import failure, refusal
from pytest_kind.errors import KindError, reason_first

Document = dict[str, Any]

_OK, _CONFLICT = 300, 409
# Kinds that the boot creates -> their plural and whether they live in a namespace.
_KINDS = {
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "ConfigMap": ("configmaps", True),
    "DaemonSet": ("daemonsets", True),
    "Deployment": ("deployments", True),
    "EndpointSlice": ("endpointslices", True),
    "Namespace": ("namespaces", False),
    "Pod": ("pods", True),
    "PriorityClass": ("priorityclasses", False),
    "ReplicaSet": ("replicasets", True),
    "Role": ("roles", True),
    "RoleBinding": ("rolebindings", True),
    "Service": ("services", True),
    "ServiceAccount": ("serviceaccounts", True),
    "StorageClass": ("storageclasses", False),
}


class ApiError(KindError):
    """The API refused, or could not be reached: ``403 Forbidden: pods is forbidden: … (GET /api/v1/namespaces/x/pods)``.

    Attributes:
        status: HTTP's; 0 where there was no answer.
        reason: what went wrong.

    Args:
        request: what was asked for, where the reason does not say it.
    """

    def __init__(self, status: int, reason: str, request: str = "") -> None:
        self.status, self.reason = status, reason
        super().__init__(reason_first(reason, request) if request else reason)


class Api:
    """A connection that is kept open. Several threads open further ones, which are not kept.

    Attributes:
        server: its URL.
        context: for TLS with it, for whoever opens connections of another kind.
    """

    def __init__(self, credentials: Credentials, scratch: Path, seconds: float = 5.0) -> None:
        self.context = tls_context(credentials, scratch)
        self.server = credentials.server
        self._pool = urllib3.PoolManager(ssl_context=self.context, retries=False, timeout=urllib3.Timeout(total=seconds))

    def close(self) -> None:
        """Closes the connection."""
        self._pool.clear()

    def text(self, path: str) -> str:
        """The answer to a GET as it is.

        Raises:
            ApiError: any other answer than a good one, or none.
        """
        return self._request("GET", path).decode(errors="replace")

    def get(self, path: str, accept: str = "application/json") -> Document:
        """The object or list at a path.

        Args:
            accept: the forms in which it may come, the best first.
        """
        return self._json(self._request("GET", path, accept=accept))

    def create(self, document: Document) -> None:
        """Creates an object; one that is there already stays as it is."""
        path = _collection(document)
        try:
            self._request("POST", path, document)
        except ApiError as error:
            if error.status != _CONFLICT:
                what = f"creating {document['kind']} {document['metadata']['name']}"
                raise ApiError(error.status, error.reason, f"{what}: POST {path}") from error

    def live(self, document: Document) -> Document:
        """The object of a document as the server has it."""
        return self.get(f"{_collection(document)}/{document['metadata']['name']}") | {"kind": document["kind"]}

    def patch(self, path: str, change: Document) -> Document:
        """Merges a change (RFC 7386) into the object at a path."""
        return self._json(self._request("PATCH", path, change, "application/merge-patch+json"))

    def apply(self, path: str, document: Document, manager: str) -> Document:
        """Applies what a document says to the object at a path, which is made where it is not there: server-side apply.

        Fields that others own become the manager's, and fields that no schema knows are refused (kubectl's ``--server-side
        --force-conflicts --validate=strict``).
        """
        query = f"fieldManager={manager}&force=true&fieldValidation=Strict"
        # JSON is YAML.
        return self._json(self._request("PATCH", f"{path}?{query}", document, "application/apply-patch+yaml"))

    def post(self, path: str, document: Document) -> Document:
        """Creates an object in the collection at a path."""
        return self._json(self._request("POST", path, document))

    def put(self, path: str, document: Document) -> Document:
        """Puts an object in the place of the one at a path."""
        return self._json(self._request("PUT", path, document))

    def delete(self, path: str, options: Document | None = None) -> None:
        """Deletes the object, or all objects of the collection, at a path; does nothing where there is none.

        Args:
            options: a ``DeleteOptions``.
        """
        self.deleted(path, options)

    def deleted(self, path: str, options: Document | None = None) -> Document | None:
        """The same, with what the server says of it: the object, if it is not gone yet. Nothing where there was none."""
        try:
            return self._json(self._request("DELETE", path, options))
        except ApiError as error:
            if error.status != 404:  # noqa: PLR2004 - HTTP's
                raise
            return None

    def _json(self, body: bytes) -> Document:
        return dict(json.loads(body))

    def _request(
        self, method: str, path: str, body: Document | None = None, content: str = "application/json", accept: str = "application/json"
    ) -> bytes:
        headers = {"Accept": accept, **({"Content-Type": content} if body is not None else {})}
        try:
            answer = self._pool.request(method, self.server + path, body=None if body is None else json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, failure(error), f"{method} {self.server}{path}") from error
        if answer.status >= _OK:
            raise ApiError(answer.status, refusal(answer.status, answer.data), f"{method} {path}")
        return answer.data


def _collection(document: Document) -> str:
    version, (plural, namespaced) = document["apiVersion"], _KINDS[document["kind"]]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{root}/namespaces/{document['metadata'].get('namespace', 'default')}/{plural}" if namespaced else f"{root}/{plural}"


def tls_context(credentials: Credentials, scratch: Path) -> ssl.SSLContext:
    """Who the administrator is, and whom to believe.

    Args:
        scratch: a private folder: ssl reads its client's key from files alone. Nothing stays there.
    """
    context = ssl.create_default_context(cadata=credentials.authority.decode())
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        certificate = write_private(Path(folder) / "client.crt", credentials.certificate)
        context.load_cert_chain(certificate, write_private(Path(folder) / "client.key", credentials.key))
    return context
