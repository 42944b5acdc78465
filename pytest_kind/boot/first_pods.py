"""A new cluster's first pods, DNS' and the first node's kube-proxy, and where DNS is: made before controllers would. Mostly pure.

The controller manager begins two seconds after the API server answers: that makes its roles first (``boot/node/controllers``). The kubelet
is there by then, and so is everything that these pods need, once what the API server makes for itself is made a second sooner. Each
pod has the owner, the labels and the node that controllers give, who take it for theirs when they begin (docs/differences.md has what stays).
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kind.api.http import Api

Document = dict[str, Any]

_APPS = "apps/v1"
_HASH = "pod-template-hash"
# Kubernetes' own for generated names (k8s.io/apimachinery/pkg/util/rand): no vowels, nothing that looks like another one.
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_HASH_LENGTH, _SUFFIX_LENGTH = 10, 5
# k8s.io/kubernetes/pkg/apis/scheduling/helpers.go; the API server has them as these, or refuses.
_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_DESCRIPTIONS = {
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
    "system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
}
_READS = ["list", "watch"]
# What kube-proxy may, as plugin/pkg/auth/authorizer/rbac/bootstrappolicy has it: the API server adds what another version has beside it.
_PROXY_RULES = [
    {"apiGroups": [""], "resources": ["services", "endpoints"], "verbs": _READS},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", *_READS]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READS},
    {"apiGroups": ["networking.k8s.io"], "resources": ["servicecidrs"], "verbs": _READS},
]
# What a DaemonSet's pods tolerate whatever they say (k8s.io/kubernetes/pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations).
_DAEMONS_TOLERATE = [
    *({"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"} for key in ("not-ready", "unreachable")),
    *(
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
]
_ON_THE_HOSTS_NETWORK = {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"}


def beforehand() -> list[Document]:
    """What they need that the API server makes for itself, a second and more after it answers; it leaves alone what is there."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "system:node-proxier",
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "rules": _PROXY_RULES,
    }
    priorities: list[Document] = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": _DESCRIPTIONS[name],
        }
        for name, value in _PRIORITIES.items()
    ]
    return [role, *priorities]


def make(api: Api, node: str, owners: Iterable[Document]) -> None:
    """Makes the pod of each of these Deployments and DaemonSets that belongs on a node, and what is between; what is there stays.

    Args:
        node: its name.
        owners: as they were posted.

    Raises:
        ApiError: the server takes one not, or not yet.
    """
    for posted in owners:
        owner = api.live(posted)
        if owner["kind"] == "Deployment":
            between = replica_set(owner)
            api.create(between)
            api.create(replica(api.live(between), node))
        else:
            api.create(daemon(owner, node))


def replica_set(deployment: Document) -> Document:
    """A Deployment's first ReplicaSet. The deployment controller knows it by its template, whatever its hash is."""
    meta, spec = deployment["metadata"], copy.deepcopy(deployment["spec"])
    mark = {_HASH: _letters(spec["template"], 0, _HASH_LENGTH)}
    template, wanted = spec["template"], spec["replicas"]
    template["metadata"]["labels"] = {**template["metadata"].get("labels", {}), **mark}
    surge = str(spec["strategy"]["rollingUpdate"]["maxSurge"])
    most = wanted + (math.ceil(wanted * int(surge[:-1]) / 100) if surge.endswith("%") else int(surge))
    return {
        "apiVersion": _APPS,
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{mark[_HASH]}",
            "namespace": meta["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {f"deployment.kubernetes.io/{key}": str(value) for key, value in (("desired-replicas", wanted), ("max-replicas", most))},
            "ownerReferences": _owned_by(deployment),
        },
        "spec": {
            "replicas": wanted,
            "selector": {**spec["selector"], "matchLabels": {**spec["selector"].get("matchLabels", {}), **mark}},
            "template": template,
        },
    }


def replica(owner: Document, node: str) -> Document:
    """A pod of an owner's template, bound to a node as by the scheduler: a ReplicaSet's."""
    template = copy.deepcopy(owner["spec"]["template"])
    meta = template["metadata"]
    prefix = f"{owner['metadata']['name']}-"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{key: meta[key] for key in ("labels", "annotations") if key in meta},
            "name": prefix + _letters(owner["spec"]["template"], _HASH_LENGTH, _SUFFIX_LENGTH),
            "generateName": prefix,
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": _owned_by(owner),
        },
        "spec": {**template["spec"], "nodeName": node},
    }


def daemon(owner: Document, node: str) -> Document:
    """A DaemonSet's pod of a node. Its controller takes it for one of the present template by the template's generation."""
    pod = replica(owner, node)
    generation = owner["metadata"]["annotations"]["deprecated.daemonset.template.generation"]
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), "pod-template-generation": generation}
    spec = pod["spec"]
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    spec["affinity"] = {**spec.get("affinity", {}), "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    more = [*_DAEMONS_TOLERATE, *([_ON_THE_HOSTS_NETWORK] if spec.get("hostNetwork") else [])]
    spec["tolerations"] = [*spec.get("tolerations", ()), *(one for one in more if one not in spec.get("tolerations", ()))]
    return pod


def slices(service: Document, pods: Iterable[Document]) -> list[Document]:
    """Where the pods of a Service are, of those that have their addresses: an EndpointSlice for each family of addresses."""
    meta, ports = service["metadata"], service["spec"]["ports"]
    families: dict[str, list[Document]] = {}
    for pod in pods:
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
        seen = ready or bool(service["spec"].get("publishNotReadyAddresses"))
        for address in pod["status"].get("podIPs", ()):
            family = "IPv6" if ":" in address["ip"] else "IPv4"
            if family not in service["spec"]["ipFamilies"]:
                continue
            endpoint = {
                "addresses": [address["ip"]],
                "conditions": {"ready": seen, "serving": ready, "terminating": False},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": {"kind": "Pod", **{key: pod["metadata"][key] for key in ("name", "namespace", "uid")}},
            }
            families.setdefault(family, []).append(endpoint)
    managed = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io", "kubernetes.io/service-name": meta["name"]}
    return [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{meta['name']}-{_letters({family: meta['uid']}, 0, _SUFFIX_LENGTH)}",
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "labels": {**meta.get("labels", {}), **managed},
                "ownerReferences": _owned_by({**service, "kind": "Service"}, "v1"),
            },
            "addressType": family,
            "endpoints": endpoints,
            "ports": [{"name": one.get("name", ""), "port": one["targetPort"], "protocol": one["protocol"]} for one in ports],
        }
        for family, endpoints in families.items()
        if all(isinstance(one["targetPort"], int) for one in ports)  # a name is a port of each pod's own
    ]


def _owned_by(owner: Document, version: str = _APPS) -> list[Document]:
    meta = owner["metadata"]
    return [
        {
            "apiVersion": version,
            "kind": owner["kind"],
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def _letters(template: Document, start: int, length: int) -> str:
    """As a generated name ends, but the same for the same template: who posts it once more finds it there."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[start : start + length])
