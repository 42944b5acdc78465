"""A Kubernetes without controllers, behind the API server on loopback: objects that are kept, finalizers, namespaces, refusals."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pytest_kind.pristine.model import Document, Key, Resource
from support.api_server import Answer

CRDS = "customresourcedefinitions.apiextensions.k8s.io"


def resource(path: str, kind: str, *, namespaced: bool = True, several: bool = True) -> Resource:
    """``apps/v1/deployments``, ``v1/pods``."""
    *group, version, plural = path.split("/")
    return Resource(group[0] if group else "", version, plural, kind, namespaced, several)


RESOURCES = (
    resource("v1/configmaps", "ConfigMap"),
    resource("v1/events", "Event"),
    resource("v1/namespaces", "Namespace", namespaced=False, several=False),
    resource("v1/nodes", "Node", namespaced=False),
    resource("v1/persistentvolumeclaims", "PersistentVolumeClaim"),
    resource("v1/persistentvolumes", "PersistentVolume", namespaced=False),
    resource("v1/pods", "Pod"),
    resource("v1/secrets", "Secret"),
    resource("v1/serviceaccounts", "ServiceAccount"),
    resource("v1/services", "Service"),
    resource("apps/v1/deployments", "Deployment"),
    resource("apps/v1/replicasets", "ReplicaSet"),
    resource("rbac.authorization.k8s.io/v1/clusterroles", "ClusterRole", namespaced=False),
    resource("admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "ValidatingWebhookConfiguration", namespaced=False),
    resource("apiextensions.k8s.io/v1/customresourcedefinitions", "CustomResourceDefinition", namespaced=False),
)


@dataclass(slots=True)
class Kube:
    """Attach it with ``api_server.behind = kube.take``.

    Attributes:
        refuse: a test's own answers, asked first.
        after: what happens after each request that changed something: a controller, say.
    """

    objects: dict[Key, Document] = field(default_factory=dict)
    refuse: Callable[[str, str], Answer | None] = lambda _method, _path: None
    after: Callable[[str, str], None] = lambda _method, _path: None
    resources: dict[str, Resource] = field(default_factory=lambda: {one.name: one for one in RESOURCES})
    _count: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # For tests

    def add(self, name: str, document: Document, namespace: str = "") -> Key:
        """An object; ``name`` is its resource's: ``deployments.apps``. A definition serves its objects from then on."""
        meta = document.setdefault("metadata", {})
        key = Key(name, namespace, meta.setdefault("name", "a"))
        if namespace:
            meta["namespace"] = namespace
        if name == "namespaces":
            document.setdefault("spec", {"finalizers": ["kubernetes"]})
        if name == CRDS:
            spec, version = document["spec"], document["spec"]["versions"][0]["name"]
            meta.setdefault("finalizers", ["customresourcecleanup.apiextensions.k8s.io"])
            served = Resource(spec["group"], version, spec["names"]["plural"], spec["names"]["kind"], spec["scope"] == "Namespaced")
            self.resources[served.name] = served
        meta["uid"] = f"uid-{self._next()}"
        meta["resourceVersion"] = str(self._next())
        meta.setdefault("creationTimestamp", f"2026-01-01T00:00:{self._count % 60:02}Z")
        self.objects[key] = document
        return key

    def names(self, name: str) -> list[str]:
        """``namespace/name`` of a resource's objects."""
        return sorted(f"{key.namespace}/{key.name}".lstrip("/") for key in self.objects if key.resource == name)

    def controlled(self, document: Document, by: Key) -> Document:
        """The document with an owner that controls it."""
        above = self.resources[by.resource]
        version = f"{above.group}/{above.version}" if above.group else above.version
        owner = {"apiVersion": version, "kind": above.kind, "name": by.name, "uid": self.objects[by]["metadata"]["uid"], "controller": True}
        document.setdefault("metadata", {})["ownerReferences"] = [owner]
        return document

    def write(self, key: Key, change: Callable[[Document], object]) -> None:
        """Changes an object as somebody else would."""
        change(self.objects[key])
        self.objects[key]["metadata"]["resourceVersion"] = str(self._next())

    # As the API server asks

    def take(self, method: str, path: str, body: Any) -> Answer:
        """Answers a request."""
        with self._lock:
            refused = self.refuse(method, path)
            if refused is not None:
                return refused
            if path in {"/api", "/apis"}:
                return 200, self._discovery(core=path == "/api")
            where = urlsplit(path)
            query = {name: values[0] for name, values in parse_qs(where.query).items()}
            answer = self._answer(method, where.path, body, query)
            if method != "GET":
                self.after(method, path)
            return answer

    def _answer(self, method: str, path: str, body: Any, query: dict[str, str]) -> Answer:
        found = self._at(path)
        if found is None:
            return _status(404, f"nothing at {path}")
        what, namespace, name, sub = found
        if not name:
            return self._collection(method, what, namespace, body, query)
        key = Key(what.name, namespace, name)
        if key not in self.objects:
            if method == "PATCH" and "fieldManager" in query:  # applied
                return self._collection("POST", what, namespace, body, query)
            return _status(404, f'{what.plural} "{name}" not found')
        return self._one(method, key, sub, body)

    def _one(self, method: str, key: Key, sub: str, body: Any) -> Answer:
        there = self.objects[key]
        if method == "GET":
            return 200, there
        if method == "DELETE":
            return self._delete(key)
        if sub == "finalize":
            if "deletionTimestamp" in there["metadata"]:
                self._remove(key)
            return 200, {}
        if method == "PUT":
            if body["metadata"].get("resourceVersion", there["metadata"]["resourceVersion"]) != there["metadata"]["resourceVersion"]:
                return _status(409, "the object has been modified")
            self.objects[key] = {**body, "metadata": {**body["metadata"], "uid": there["metadata"]["uid"], "resourceVersion": str(self._next())}}
            return 200, self.objects[key]
        return self._patch(key, there, body)

    def _collection(self, method: str, what: Resource, namespace: str, body: Any, query: dict[str, str]) -> Answer:
        if method == "POST":
            key = Key(what.name, namespace, body["metadata"]["name"])
            if key in self.objects:
                return _status(409, f'"{key.name}" already exists')
            above = self.objects.get(Key("namespaces", "", namespace))
            if namespace and (above is None or "deletionTimestamp" in above["metadata"]):
                return _status(404 if above is None else 403, f'namespace "{namespace}" is no place for it')
            self.add(what.name, copy.deepcopy(body), namespace)
            return 201, copy.deepcopy(self.objects[key])
        if "watch" in query:
            return 200, ""  # an end at once: whoever watches begins anew
        wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        keys = [
            key
            for key, one in self.objects.items()
            if key.resource == what.name
            and namespace in {"", key.namespace}
            and name in {"", key.name}
            and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        if method == "DELETE":
            for key in keys:
                self._delete(key)
            return 200, {}
        listed = {"apiVersion": what.api_version, "kind": f"{what.kind}List", "metadata": {"resourceVersion": str(self._count)}}
        return 200, {**listed, "items": [self.objects[key] for key in sorted(keys)]}

    def _patch(self, key: Key, there: Document, body: Document) -> Answer:
        body = copy.deepcopy(body)
        version = body.get("metadata", {}).pop("resourceVersion", None)
        if version is not None and version != there["metadata"]["resourceVersion"]:
            return _status(409, "the object has been modified")
        _merge(there, body)
        there["metadata"]["resourceVersion"] = str(self._next())
        if "deletionTimestamp" in there["metadata"] and not there["metadata"].get("finalizers"):
            self._remove(key)
        return 200, there

    def _delete(self, key: Key) -> Answer:
        meta = self.objects[key]["metadata"]
        if meta.get("finalizers") or key.resource == "namespaces":
            meta.setdefault("deletionTimestamp", "2026-01-01T00:01:00Z")
            meta["resourceVersion"] = str(self._next())
            if key.resource != CRDS:
                return 200, self.objects[key]
            for one in [one for one in self.objects if one.resource == key.name]:
                self._delete(one)
            if any(one.resource == key.name for one in self.objects):
                return 200, self.objects[key]
        if key in self.objects:  # a definition went with the last of its objects
            self._remove(key)
        return 200, {}

    def _remove(self, key: Key) -> None:
        del self.objects[key]
        if key.resource == CRDS:
            self.resources.pop(key.name, None)
        definition = Key(CRDS, "", key.resource)
        # The one controller that is played: a definition goes with the last of its objects.
        if "deletionTimestamp" in self.objects.get(definition, {}).get("metadata", {}) and not self.names(key.resource):
            self._remove(definition)

    def _at(self, path: str) -> tuple[Resource, str, str, str] | None:
        """What a path means: the resource, a namespace, a name, what of the object."""
        words = path.strip("/").split("/")
        group, version, rest = ("", words[1], words[2:]) if words[0] == "api" else (words[1], words[2], words[3:])
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] != "finalize":
            namespace, rest = rest[1], rest[2:]
        plural, name, sub = [*rest, "", ""][:3]
        found = next((one for one in self.resources.values() if (one.group, one.version, one.plural) == (group, version, plural)), None)
        return None if found is None else (found, namespace, name, sub)

    def _discovery(self, *, core: bool) -> Document:
        groups: dict[str, dict[str, list[Document]]] = {}
        for one in self.resources.values():
            if core == (not one.group):
                told = {
                    "resource": one.plural,
                    "responseKind": {"kind": one.kind},
                    "scope": "Namespaced" if one.namespaced else "Cluster",
                    "verbs": ["create", "delete", "get", "list", "patch", *(["deletecollection"] if one.several else [])],
                }
                groups.setdefault(one.group, {}).setdefault(one.version, []).append(told)
        return {
            "items": [
                {"metadata": {"name": group}, "versions": [{"version": version, "resources": several} for version, several in versions.items()]}
                for group, versions in groups.items()
            ]
        }

    def _next(self) -> int:
        self._count += 1
        return self._count


def _status(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "message": message, "code": code}


def _merge(there: Document, change: Document) -> None:
    for name, value in change.items():
        if value is None:
            there.pop(name, None)
        elif isinstance(value, dict) and isinstance(there.get(name), dict):
            _merge(there[name], value)
        else:
            there[name] = value


def ready(document: Document, *, is_ready: bool = True) -> Document:
    """The document, which says that it is ready."""
    return {**document, "status": {"conditions": [{"type": "Ready", "status": str(is_ready)}]}}


def handed_over() -> Kube:
    """A small cluster: three namespaces, a node, DNS with its Deployment, ReplicaSet and pod."""
    kube = Kube()
    for name in ("default", "kube-system", "local-path-storage"):
        kube.add("namespaces", {"metadata": {"name": name}})
        kube.add("serviceaccounts", {"metadata": {"name": "default"}}, name)
        kube.add("configmaps", {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "pem"}}, name)
    kube.add("nodes", ready({"metadata": {"name": "mine-control-plane"}, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}}))
    kube.add("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "admin"}, "rules": []})
    kube.add("configmaps", {"metadata": {"name": "coredns"}, "data": {"Corefile": "."}}, "kube-system")
    dns(kube)
    return kube


def dns(kube: Kube) -> Key:
    """CoreDNS, with what its controllers make of it; its Deployment's key."""
    deployment = Key("deployments.apps", "kube-system", "coredns")
    if deployment not in kube.objects:
        kube.add("deployments.apps", {"metadata": {"name": "coredns"}, "spec": {"replicas": 1}}, "kube-system")
    kube.write(deployment, lambda one: one.update(status={"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}))
    replicas = Key("replicasets.apps", "kube-system", "coredns-1")
    if replicas not in kube.objects:
        kube.add("replicasets.apps", kube.controlled({"metadata": {"name": "coredns-1"}, "spec": {"replicas": 1}}, deployment), "kube-system")
    spec = {"containers": [{"name": "coredns"}], "volumes": [{"name": "config", "configMap": {"name": "coredns"}}]}
    number = len([key for key in kube.objects if key.resource == "pods"]) + kube._count
    kube.add("pods", kube.controlled(ready({"metadata": {"name": f"coredns-1-{number}"}, "spec": spec}), replicas), "kube-system")
    return deployment
