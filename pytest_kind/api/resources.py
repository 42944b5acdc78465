"""What an API server serves: the resources of its aggregated discovery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

Document = dict[str, Any]

DISCOVERY = ", ".join(
    [*(f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")), "application/json"]
)
"""The forms in which ``/api`` and ``/apis`` tell everything at once (KEP-3352), the best first."""
ROOTS = ("/api", "/apis")
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
# Kubernetes' staging/src/k8s.io/api, apiextensions-apiserver and kube-aggregator; the groups without a point are its own, too.
_BUILT_IN = {
    *(f"{name}.k8s.io" for name in ("admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization", "certificates")),
    *(f"{name}.k8s.io" for name in ("coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver", "networking", "node")),
    *(f"{name}.k8s.io" for name in ("rbac.authorization", "resource", "scheduling", "storage", "storagemigration")),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that can be listed and deleted.

    Attributes:
        group: empty for the core's.
        several: whether all of a namespace can be deleted in one request.
        words: what else people call it: its singular and its short names.
        verbs: what can be done with it; nothing where that is not known.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    several: bool = True
    words: tuple[str, ...] = field(default=(), compare=False)
    verbs: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """``deployments.apps``; of the core's the plural alone."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """``apps/v1``; of the core's ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_kubernetes(self) -> bool:
        """Whether the API server has it of its own. Definitions are in groups under ``k8s.io`` as well: the Gateway API, snapshots."""
        return "." not in self.group or self.group in _BUILT_IN

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of an object, or of all in a namespace, or of all."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        below = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{below}/{self.plural}{'/' + quote(name, safe=':') if name else ''}"

    def of(self, one: Document) -> str:
        """The path of an object of it."""
        meta = one["metadata"]
        return self.path(meta.get("namespace", "") if self.namespaced else "", meta["name"])


def served(documents: Iterable[Mapping[str, Any]]) -> Iterator[Resource]:
    """The resources of discovery's answers: of each group the version first that its server prefers."""
    for group in (group for document in documents for group in document.get("items", ())):
        for version in group.get("versions", ()):
            for one in version.get("resources", ()):
                yield Resource(
                    group=group["metadata"].get("name", ""),
                    version=version["version"],
                    plural=one["resource"],
                    # A resource that is there for its subresources alone has no kind of its own.
                    kind=one.get("responseKind", {}).get("kind", ""),
                    namespaced=one["scope"] == "Namespaced",
                    several="deletecollection" in one["verbs"],
                    words=tuple(filter(None, (one.get("singularResource", ""), *one.get("shortNames", ())))),
                    verbs=tuple(one["verbs"]),
                )


def defined(definition: Mapping[str, Any]) -> Iterator[Resource]:
    """The resources that a CustomResourceDefinition serves, or will."""
    spec = definition["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if version.get("served"):
            yield Resource(
                spec["group"],
                version["name"],
                names["plural"],
                names["kind"],
                spec["scope"] == "Namespaced",
                words=tuple(filter(None, (names.get("singular") or names["kind"].lower(), *names.get("shortNames", ())))),
            )
