"""What patches say, before anything is patched: which documents they are for, and what they do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_kind.config import texts

Document = dict[str, Any]

# The documents of a kubeadm file, with their API's group and the versions that patches are written for. kubeadm's newest is
# ours; patches for the others are translated (`boot/patches.py`).
_KUBEADM = ("kubeadm.k8s.io", ("v1beta1", "v1beta2", "v1beta3", "v1beta4"))
DOCUMENTS = {
    "ClusterConfiguration": _KUBEADM,
    "InitConfiguration": _KUBEADM,
    "JoinConfiguration": _KUBEADM,
    "KubeletConfiguration": ("kubelet.config.k8s.io", ("v1beta1",)),
    "KubeProxyConfiguration": ("kubeproxy.config.k8s.io", ("v1alpha1",)),
}
# RFC 6902, section 4 -> what an operation has beside `op` and `path`.
_OPERATIONS = {"add": "value", "remove": "", "replace": "value", "move": "from", "copy": "from", "test": "value"}


@dataclass(frozen=True, slots=True)
class Target:
    """The documents that a patch is for. An empty group or version is any, as in kind (its ``pkg/internal/patch``)."""

    kind: str
    group: str
    version: str

    @property
    def problem(self) -> str:
        """Why no document of any node is meant; empty when there is one."""
        group, versions = DOCUMENTS.get(self.kind, ("", ()))
        if not versions:
            return f"matches nothing: kind {self.kind!r} is none of {', '.join(DOCUMENTS)}"
        if self.group not in {"", group} or self.version not in {"", *versions}:
            found = "/".join(part for part in (self.group, self.version) if part)
            return f"matches nothing: {self.kind} is of {group}/{versions[-1]}{_older(versions)}, found {found!r}"
        return ""


def _older(versions: tuple[str, ...]) -> str:
    return f" (or {', '.join(versions[:-1])})" if versions[1:] else ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of RFC 6902, its pointers split into their parts."""

    op: str
    path: tuple[str, ...]
    source: tuple[str, ...] = ()
    value: Any = None


def merges(text: str) -> list[tuple[Target, Document]]:
    """The documents of a merge patch (kind accepts several), and what each is for.

    Raises:
        ValueError: it is no YAML, or a document has no ``kind``.
    """
    found = []
    for patch in texts.values(text):
        if not isinstance(patch, dict) or not isinstance(patch.get("kind"), str) or not isinstance(patch.get("apiVersion", ""), str):
            raise ValueError("must be a mapping with a `kind` (such as ClusterConfiguration), and an `apiVersion` or none")  # noqa: TRY004 - of a text
        group, _, version = patch.get("apiVersion", "").rpartition("/")
        found.append((Target(patch["kind"], group, version), {key: value for key, value in patch.items() if key not in {"apiVersion", "kind"}}))
    if not found:
        raise ValueError("is empty, must be a mapping with a `kind` (such as ClusterConfiguration)")
    return found


def operations(text: str) -> list[Operation]:
    """A JSON 6902 patch, in YAML or JSON.

    Raises:
        ValueError: it is no YAML, no list, or an operation lacks something.
    """
    documents = texts.values(text)
    if len(documents) != 1 or not isinstance(documents[0], list):
        raise ValueError("must be a list of RFC 6902 operations, such as [{op: add, path: /a, value: 1}]")
    return [_operation(f"operation {index}", one) for index, one in enumerate(documents[0])]


def _operation(where: str, found: Any) -> Operation:  # noqa: ANN401 - a value of YAML
    if not isinstance(found, dict) or found.get("op") not in tuple(_OPERATIONS):
        raise ValueError(f"{where}: `op` must be one of {', '.join(_OPERATIONS)}, found {found!r}")
    needed = _OPERATIONS[found["op"]]
    if needed and needed not in found:
        raise ValueError(f"{where}: {found['op']} needs `{needed}`, found {found!r}")
    source = _pointer(where, "from", found) if needed == "from" else ()
    return Operation(found["op"], _pointer(where, "path", found), source, found.get("value"))


def _pointer(where: str, name: str, found: dict[str, Any]) -> tuple[str, ...]:
    """RFC 6901."""
    text = found.get(name)
    if not isinstance(text, str) or not (text == "" or text.startswith("/")):
        raise ValueError(f"{where}: `{name}` must be a JSON pointer, such as /apiServer/certSANs/-, found {text!r}")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])
