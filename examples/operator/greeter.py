"""The operator: ``kopf run --standalone --namespace NAMESPACE greeter.py``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kopf
from kubernetes import config
from kubernetes.client import ApiClient, CoreV1Api, CustomObjectsApi

GREETINGS = {"group": "greeter.example.com", "version": "v1", "plural": "greetings"}


@kopf.on.login()
def login(**values: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's
    return kopf.login_with_service_account(**values) or kopf.login_with_kubeconfig(**values)


@kopf.on.startup()
def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: object) -> None:
    settings.scanning.disabled = True  # of namespaces and definitions, for which its role would have to be one of the cluster
    settings.persistence.finalizer = "greeter.example.com/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="greeter.example.com")
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix="greeter.example.com")

    tls = Path(os.environ["GREETER_TLS"])  # in a pod: where its Secret is mounted
    settings.admission.server = kopf.WebhookServer(
        addr=os.environ.get("GREETER_ADDRESS"),  # in a pod: every one
        port=int(os.environ.get("GREETER_PORT", "8443")),
        certfile=tls / "tls.crt",
        pkeyfile=tls / "tls.key",
    )
    memo.api = client()


def client() -> ApiClient:
    if "KUBECONFIG" in os.environ:
        # By its value: the package reads the variable when it is imported.
        config.load_kube_config(os.environ["KUBECONFIG"])
    else:
        config.load_incluster_config()
    return ApiClient()


@kopf.on.validate("greetings.greeter.example.com", id="greetings")
def somebody_once(name: str | None, namespace: str, spec: kopf.Spec, memo: kopf.Memo, **_: object) -> None:
    if spec["name"] == "nobody":
        raise kopf.AdmissionError("nobody cannot be greeted")
    for other in CustomObjectsApi(memo.api).list_namespaced_custom_object(**GREETINGS, namespace=namespace)["items"]:
        if other["spec"]["name"] == spec["name"] and other["metadata"]["name"] != name:
            raise kopf.AdmissionError(f"{spec['name']} is greeted already, by {other['metadata']['name']}")


@kopf.on.create("greetings.greeter.example.com")
def created(name: str, namespace: str, spec: kopf.Spec, memo: kopf.Memo, patch: kopf.Patch, **_: object) -> None:
    body = {"metadata": {"name": name}, "data": {"text": f"Hello, {spec['name']}!"}}
    kopf.adopt(body)  # it goes with the Greeting
    CoreV1Api(memo.api).create_namespaced_config_map(namespace, body)
    patch.status["text"] = body["data"]["text"]


@kopf.on.update("greetings.greeter.example.com", field="spec.name")
def renamed(name: str, namespace: str, new: str, memo: kopf.Memo, patch: kopf.Patch, **_: object) -> None:
    text = f"Hello, {new}!"
    CoreV1Api(memo.api).patch_namespaced_config_map(name, namespace, {"data": {"text": text}})
    patch.status["text"] = text
