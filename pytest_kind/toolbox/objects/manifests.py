"""What ``apply`` is given, as manifests that can be sent: read and checked, all problems at once. Only files are read here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_kind.config.texts import values
from pytest_kind.errors import UsageError

Source = Mapping[str, Any] | Iterable[Mapping[str, Any]] | str | Path
"""A manifest, several, YAML text, or the path of a file or a folder."""

_SUFFIXES = {".yaml", ".yml", ".json"}
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
CHART = "Chart.yaml"
_FIRST = (
    *("PriorityClass", "RuntimeClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget", "ServiceAccount"),
    *("Secret", "ConfigMap"),
    *("StorageClass", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition"),
    *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet", "Pod", "ReplicationController", "ReplicaSet"),
    *("Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)
"""The order in which Helm installs kinds (its ``pkg/release/util/kind_sorter.go``), and RuntimeClass, which a pod must find there as well.

Others follow, as their definitions are there by then.
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object that is wanted.

    Attributes:
        where: it comes from: ``deploy/web.yaml, document 2``.
    """

    where: str
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def api_version(self) -> str:
        return str(self.document["apiVersion"])

    def __str__(self) -> str:
        return f"{self.where} ({self.kind} {self.document['metadata']['name']})"


class ManifestError(UsageError):
    """Manifests that cannot be sent, all problems at once; nothing was.

    Args:
        problems: one line each, led by where it is.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"apply: {count}, nothing was applied\n" + "\n".join(f"  - {problem}" for problem in self.problems))


def read(source: Source, render: Callable[[Path], str | None]) -> list[Manifest]:
    """The manifests of a source, in its order.

    Args:
        render: makes YAML of a folder that is a kustomization or a chart; nothing of any other.

    Raises:
        ManifestError: a file cannot be read, a document is no object.
    """
    problems: list[str] = []
    found: list[Manifest] = []
    for where, document in _documents(source, render, problems):
        wrong = _wrong(document)
        if wrong:
            problems += [f"{where}: {one}" for one in wrong]
        else:
            found.append(Manifest(where, document))
    if not found and not problems:
        problems = [f"{_told(source)}: has no manifests"]
    if problems:
        raise ManifestError(problems)
    return found


def ordered(manifests: Iterable[Manifest]) -> list[Manifest]:
    """As they are to be applied: what others need first, and beside that as they were."""
    place = {kind: number for number, kind in enumerate(_FIRST)}
    return sorted(manifests, key=lambda one: place.get(one.kind, len(place)))


def _documents(source: Source, render: Callable[[Path], str | None], problems: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Path):
        for place, text in _texts(source, render, problems):
            yield from _parsed(place, text, problems)
    elif isinstance(source, str):
        yield from _parsed("the text", source, problems)
    elif isinstance(source, Mapping):
        yield from _items("the mapping", _plain(source))
    elif isinstance(source, Iterable):
        several: Iterable[Any] = source
        for number, one in enumerate(several, 1):
            yield from _items(f"item {number}", _plain(one) if isinstance(one, Mapping) else one)
    else:
        problems.append(f"{source!r} is not accepted; accepted are a mapping, several of them, YAML text, a pathlib.Path")


def _texts(path: Path, render: Callable[[Path], str | None], problems: list[str]) -> Iterator[tuple[str, str]]:
    if path.is_dir():
        rendered = render(path)
        if rendered is not None:
            yield str(path), rendered
            return
        files = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES and one.is_file())
    else:
        files = [path]
    for file in files:
        try:
            yield str(file), file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}")


def _parsed(place: str, text: str, problems: list[str]) -> Iterator[tuple[str, Any]]:
    try:
        documents = values(text)
    except ValueError as error:
        problems.append(f"{place}: {error}")
        return
    for number, one in enumerate(documents, 1):
        where = place if len(documents) == 1 else f"{place}, document {number}"
        if isinstance(one, str) and place == "the text":
            problems.append(f"{where}: {one[:80]!r} is not a manifest; a file is given as pathlib.Path({one[:80]!r})")
        else:
            yield from _items(where, one)


def _items(where: str, document: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - YAML
    """The objects of a ``List``; anything else as it is."""
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
        for number, one in enumerate(document["items"], 1):
            yield from _items(f"{where}, item {number}", one)
    else:
        yield where, document


def _wrong(document: Any) -> list[str]:  # noqa: ANN401 - YAML
    if not isinstance(document, dict):
        return [f"{str(document)[:80]!r} is not a manifest, which is a mapping with apiVersion, kind and metadata"]
    wrong = [
        f"{name}: {document.get(name)!r} is not accepted; accepted is text" for name in ("apiVersion", "kind") if not _is_text(document.get(name))
    ]
    meta = document.get("metadata")
    if not isinstance(meta, dict):
        return [*wrong, f"metadata: {meta!r} is not accepted; accepted is a mapping with a name"]
    if not _is_text(meta.get("name")):
        more = "; server-side apply takes no generateName" if meta.get("generateName") else ""
        wrong.append(f"metadata.name: {meta.get('name')!r} is not accepted; accepted is text{more}")
    if not _is_text(meta.get("namespace", "any")):
        wrong.append(f"metadata.namespace: {meta['namespace']!r} is not accepted; accepted is text")
    return wrong


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _plain(source: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """A copy of its own, of JSON's values alone."""
    return json.loads(json.dumps(source, default=_refuse))


def _refuse(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return dict(value)
    raise ManifestError([f"the mapping: {value!r} is not accepted; accepted are texts, numbers, true and false, none, lists and mappings"])


def _told(source: Source) -> str:
    if isinstance(source, Path):
        return str(source) if not source.is_dir() else f"{source}: no file of it ({', '.join(sorted(_SUFFIXES))})"
    return "the text" if isinstance(source, str) else "what was given"
