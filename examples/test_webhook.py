"""A validating webhook, served from the test's process: API servers of the cluster ask it over TLS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from kubernetes.client import AdmissionregistrationV1Api, ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException

if TYPE_CHECKING:
    from pytest_kind.toolbox.reach.exposed import Exposed


class OwnersOnly(BaseHTTPRequestHandler):
    """Config maps must say who owns them. Plain HTTP: TLS ends before it."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        review["response"] = {"uid": request["uid"], "allowed": "owner" in (request["object"]["metadata"].get("labels") or {})}
        if not review["response"]["allowed"]:
            review["response"]["status"] = {"message": "label owner is missing"}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(review).encode())


@pytest.fixture
def webhook(kind_client: ApiClient, kind_namespace: str, kind_expose: Callable[..., Exposed]) -> Iterator[None]:
    """The webhook, asked about config maps of the test's namespace."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OwnersOnly) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        exposed = kind_expose(server, "owners", tls="terminate")
        configuration = {
            "metadata": {"name": f"owners-{kind_namespace}"},
            "webhooks": [
                {
                    "name": "owners.example.com",
                    "clientConfig": exposed.client_config("/validate"),
                    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": kind_namespace}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
        api = AdmissionregistrationV1Api(kind_client)
        api.create_validating_webhook_configuration(configuration)
        yield
        api.delete_validating_webhook_configuration(configuration["metadata"]["name"])
        server.shutdown()


@pytest.mark.usefixtures("webhook")
def test_config_maps_have_owners(kind_client: ApiClient, kind_namespace: str) -> None:
    api = CoreV1Api(kind_client)

    # An API server asks a moment after it was told to; until then everything is allowed.
    for attempt in range(1000):
        try:
            api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": f"nobodys-{attempt}"}})
        except ApiException as error:
            assert "label owner is missing" in error.body  # noqa: PT017 - the loop ends with it
            break
    else:
        pytest.fail("the webhook was not asked")

    api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": "mine", "labels": {"owner": "me"}}})
