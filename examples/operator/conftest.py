"""The operator beside the cluster: its definition, its rights, its webhook, and itself as a program of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi

if TYPE_CHECKING:
    from pytest_kind import KindCluster
    from pytest_kind.toolbox.reach.exposed import Exposed

HERE = Path(__file__).parent
SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def definition(kind_module_apply: Callable[..., Any]) -> None:
    """What a Greeting is, for all tests."""
    kind_module_apply(HERE / "deploy" / "crd.yaml")


@pytest.fixture
def operator(
    kind_service_account: Callable[..., Any],
    kind_expose: Callable[..., Exposed],
    kind_cluster: KindCluster,
    kind_namespace: str,
) -> Iterator[None]:
    """The operator runs, with the rights of its role and no more, and is asked about Greetings of the test's namespace."""
    role = yaml.safe_load((HERE / "deploy" / "role.yaml").read_text(encoding="utf-8"))
    account = kind_service_account("greeter", rules=role["rules"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    exposed = kind_expose(port, "greeter", tls="passthrough")

    environment = {
        **os.environ,
        "KUBECONFIG": str(account.kubeconfig_path),
        "GREETER_ADDRESS": "127.0.0.1",
        "GREETER_PORT": str(port),
        "GREETER_TLS": str(exposed.certfile.parent),
    }
    program = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", kind_namespace, str(HERE / "greeter.py")]
    with subprocess.Popen(program, env=environment) as running:
        try:
            with kind_cluster.scope() as scope:  # API servers do not ask any more when the operator ends
                scope.apply(webhook(exposed, kind_namespace))
                wait_until_asked(kind_cluster.client, kind_namespace, running)
                yield
        finally:
            running.terminate()


def webhook(exposed: Exposed, namespace: str) -> dict[str, Any]:
    """The configuration of the deployment, with where the webhook is in this test."""
    configuration: dict[str, Any] = yaml.safe_load((HERE / "deploy" / "webhook.yaml").read_text(encoding="utf-8"))
    configuration["metadata"]["name"] += f"-{namespace}"
    for one in configuration["webhooks"]:
        one["clientConfig"] = exposed.client_config(one["clientConfig"]["service"]["path"])
        one["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return configuration


def wait_until_asked(client: ApiClient, namespace: str, operator: subprocess.Popen[bytes]) -> None:
    """An API server asks a moment after it was told to, and the operator answers a moment after it was started: until both are so."""
    greetings = CustomObjectsApi(client)
    body = {"apiVersion": "greeter.example.com/v1", "kind": "Greeting", "metadata": {"name": "asked"}, "spec": {"name": "nobody"}}
    end, said = time.monotonic() + SECONDS, "everything was allowed"
    while time.monotonic() < end and operator.poll() is None:
        try:
            greetings.create_namespaced_custom_object("greeter.example.com", "v1", namespace, "greetings", body, dry_run="All")
        except ApiException as error:
            said = str(error.body)
            if "nobody cannot be greeted" in said:
                return
        time.sleep(0.2)
    ended = "" if operator.poll() is None else f"; the operator has ended with {operator.poll()}"
    pytest.fail(f"the webhook does not answer; last seen: {said}{ended}")
