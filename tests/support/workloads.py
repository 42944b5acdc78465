"""An API server's own part in a workload: it keeps what is posted, says no to it the second time, and adds what was left unsaid."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from support.api_server import Answer

Document = dict[str, Any]

_ADDED: dict[str, Document] = {
    "Deployment": {"replicas": 1, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}},
}


def defaulted(document: Document, uid: str = "its-uid") -> Document:
    """As a server answers when it is asked for it."""
    found = copy.deepcopy(document)
    found["metadata"]["uid"] = uid
    if found["kind"] == "DaemonSet":
        found["metadata"].setdefault("annotations", {})["deprecated.daemonset.template.generation"] = "1"
    if found["kind"] in _ADDED:
        found["spec"] = {**_ADDED[found["kind"]], **found["spec"]}
    return found


@dataclass(slots=True)
class Taking:
    """Takes everything. Attach it with ``api_server.behind = taking.take``.

    Attributes:
        objects: by their paths.
    """

    objects: dict[str, Document] = field(default_factory=dict)

    def take(self, method: str, path: str, body: Any) -> Answer:
        """Answers a request."""
        if method == "POST":
            place = f"{path}/{body['metadata']['name']}"
            if place in self.objects:
                return 409, {"kind": "Status", "reason": "AlreadyExists", "message": f"{place} already exists", "code": 409}
            self.objects[place] = defaulted(body, uid=f"uid-of-{body['metadata']['name']}")
            return 201, self.objects[place]
        if path in self.objects:
            return 200, self.objects[path]
        return 404, {"kind": "Status", "reason": "NotFound", "message": f"nothing at {path}", "code": 404}

    def of(self, kind: str) -> list[Document]:
        """The objects of a kind, in the order in which they came."""
        return [one for one in self.objects.values() if one["kind"] == kind]
