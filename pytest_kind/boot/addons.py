"""The objects that make a control plane a cluster: kubeadm's addons as a test cluster wants them, and storage. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import yaml

from pytest_kind.boot.kubeadm import API_PORT
from pytest_kind.provision.plan import SHARED

Document = dict[str, Any]

SHARED_PROVISIONER = "pytest-kind.io/shared"
# CoreDNS parses it from this release on (its notes/coredns-1.12.3.md).
_STARTUP_TIMEOUT_SINCE = (1, 12, 3)


def documents(text: str) -> list[Document]:
    """The documents of a YAML text."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, Loader=loader) if document]


def bindings() -> list[Document]:
    """Two of kubeadm's own bindings, which it makes in later phases.

    One makes ``admin.conf`` an administrator. The other lets the API server ask kubelets for logs, exec and ports: a first test may
    want that, and a kubelet remembers for half a minute whom it refused.
    """
    group, user = ("Group", "kubeadm:cluster-admins"), ("User", "kube-apiserver-kubelet-client")
    return [
        _binding("kubeadm:cluster-admins", "cluster-admin", *group),
        _binding("kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin", *user),
    ]


def defaults(authority: str) -> list[Document]:
    """What the controller manager makes for every namespace, for those of the first pods: it has no sooner begun than they need it.

    Args:
        authority: the cluster's, in PEM: each pod that speaks to the API mounts it
            (https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken).
    """
    account: Document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    trusted: list[Document] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": authority}}
        for namespace in ("default", "kube-system")
    ]
    return [account, *trusted]


def _binding(name: str, role: str, kind: str, subject: str) -> Document:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": subject}],
    }


def quick_dns(manifests: Iterable[Document], api_address: str, *, spread: bool = False) -> list[Document]:
    """Kubeadm's CoreDNS, so that it answers as soon as it can.

    - one replica; where there are several control planes, two on two of them (``spread``);
    - it speaks to the API server directly instead of waiting for kube-proxy's rules;
    - it listens before its caches are filled (until then its answer is SERVFAIL, never a wrong one), and its Service
      sends queries to it before the kubelet has probed it.
    """
    result = []
    for manifest in manifests:
        kind = manifest["kind"]
        if kind == "Deployment":
            manifest["spec"]["replicas"] = 2 if spread else 1
            if spread:
                _apart(manifest)
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


def _apart(deployment: Document) -> None:
    """No two pods on one node, also while there is only one."""
    template = deployment["spec"]["template"]
    rule = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(template["metadata"]["labels"])}}
    template["spec"]["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}


def direct_storage(manifests: Iterable[Document], api_address: str) -> list[Document]:
    """The storage provisioner, so that it does not fail and restart for want of kube-proxy's first rules."""
    result = list(manifests)
    for manifest in result:
        if manifest["kind"] == "Deployment":
            _direct(manifest["spec"]["template"]["spec"]["containers"][0], api_address)
    return result


def shared_storage(manifests: Iterable[Document], api_address: str) -> list[Document]:
    """The class ``shared``: ReadWriteMany on every node, folders of the volume that all of them have.

    The same provisioner as the default class's, a second time: it serves either node folders or a shared one.
    """
    known = {one["kind"]: one for one in manifests}
    if not {"Deployment", "ConfigMap", "StorageClass"} <= known.keys():
        return []  # an image with another provisioner
    deployment, settings, storage_class = known["Deployment"], known["ConfigMap"], known["StorageClass"]
    name = "shared-path-provisioner"
    settings["metadata"]["name"] = "shared-path-config"
    settings["data"]["config.json"] = json.dumps({"sharedFileSystemPath": SHARED})
    storage_class["metadata"] = {"name": "shared"}
    storage_class |= {"provisioner": SHARED_PROVISIONER, "volumeBindingMode": "Immediate"}
    deployment["metadata"]["name"] = name
    deployment["spec"]["selector"]["matchLabels"] = {"app": name}
    template = deployment["spec"]["template"]
    template["metadata"]["labels"] = {"app": name}
    container = template["spec"]["containers"][0]
    container["command"] = [*container["command"], "--provisioner-name", SHARED_PROVISIONER, "--configmap-name", "shared-path-config"]
    _direct(container, api_address)
    for volume in template["spec"]["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = "shared-path-config"
    return [settings, deployment, storage_class]


def _direct(container: Document, api_address: str) -> None:
    """Has a container speak to the API server at its own address instead of the Service's."""
    values = {"KUBERNETES_SERVICE_HOST": api_address, "KUBERNETES_SERVICE_PORT": str(API_PORT)}
    container.setdefault("env", []).extend({"name": name, "value": value} for name, value in values.items())


def service_address(manifests: Iterable[Document]) -> str:
    """The cluster address of the DNS Service among the manifests."""
    return next(str(manifest["spec"]["clusterIP"]) for manifest in manifests if manifest["kind"] == "Service")
