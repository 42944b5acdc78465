"""The objects that make a control plane a cluster: kubeadm's addons as a test cluster wants them, and storage. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from pytest_kind.boot.kubeadm import API_PORT

Document = dict[str, Any]

# CoreDNS parses it from this release on (its notes/coredns-1.12.3.md).
_STARTUP_TIMEOUT_SINCE = (1, 12, 3)


def documents(text: str) -> list[Document]:
    """The documents of a YAML text."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, Loader=loader) if document]


def cluster_admins() -> Document:
    """The binding that makes ``admin.conf`` an administrator: kubeadm's own, which it makes in a later phase."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "kubeadm:cluster-admins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"}],
    }


def quick_dns(manifests: Iterable[Document], api_address: str) -> list[Document]:
    """Kubeadm's CoreDNS, so that it answers as soon as it can.

    - one replica, on the one node;
    - it speaks to the API server directly instead of waiting for kube-proxy's rules;
    - it listens before its caches are filled (until then its answer is SERVFAIL, never a wrong one), and its Service
      sends queries to it before the kubelet has probed it.
    """
    result = []
    for manifest in manifests:
        kind = manifest["kind"]
        if kind == "Deployment":
            manifest["spec"]["replicas"] = 1
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            _direct(container, api_address)
            container["readinessProbe"]["periodSeconds"] = 1
        elif kind == "Service":
            manifest["spec"]["publishNotReadyAddresses"] = True
        result.append(manifest)
    image = next((one["spec"]["template"]["spec"]["containers"][0]["image"] for one in result if one["kind"] == "Deployment"), "")
    version = re.search(r":v?(\d+)\.(\d+)\.(\d+)", image)
    if version and tuple(int(part) for part in version.groups()) >= _STARTUP_TIMEOUT_SINCE:
        for manifest in result:
            if manifest["kind"] == "ConfigMap":
                corefile = manifest["data"]["Corefile"]
                manifest["data"]["Corefile"] = re.sub(r"(\n\s+)(pods insecure)", r"\1\2\1startup_timeout 10ms", corefile)
    return result


def direct_storage(manifests: Iterable[Document], api_address: str) -> list[Document]:
    """The storage provisioner, so that it does not fail and restart for want of kube-proxy's first rules."""
    result = list(manifests)
    for manifest in result:
        if manifest["kind"] == "Deployment":
            _direct(manifest["spec"]["template"]["spec"]["containers"][0], api_address)
    return result


def _direct(container: Document, api_address: str) -> None:
    """Has a container speak to the API server at its own address instead of the Service's."""
    values = {"KUBERNETES_SERVICE_HOST": api_address, "KUBERNETES_SERVICE_PORT": str(API_PORT)}
    container.setdefault("env", []).extend({"name": name, "value": value} for name, value in values.items())


def service_address(manifests: Iterable[Document]) -> str:
    """The cluster address of the DNS Service among the manifests."""
    return next(str(manifest["spec"]["clusterIP"]) for manifest in manifests if manifest["kind"] == "Service")
