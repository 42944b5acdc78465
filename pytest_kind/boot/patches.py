"""Users' patches on kubeadm's documents: pure, and kind's semantics (its ``pkg/internal/patch``).

The documents are v1beta4. A patch that is written for an older version means the same there: arguments as mappings become
lists of names and values, and what moved to another place is moved.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_kind.boot import json_patch
from pytest_kind.config.patchtext import DOCUMENTS, Document, Operation, Target, merges, operations
from pytest_kind.errors import ConfigError

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig, PatchJSON6902

# Lists of {name, value} in v1beta4, mappings before it.
_ARGUMENTS = {"extraArgs", "kubeletExtraArgs"}
# A list that a merge patch adds to: kubeadm's own names must stay in the certificate (kind's kubeadm_merge.go).
_ADDED_TO = {"certSANs"}


def patched_for_node(config: ClusterConfig, index: int, documents: Sequence[Document], *, called: str = "") -> list[Document]:
    """The documents of ``config.nodes[index]`` after the cluster's patches and then the node's own, as in kind.

    Args:
        called: what messages call the node; by default its place in the configuration.

    Raises:
        ConfigError: see :func:`patched`; the problems of both levels.
    """
    result = list(documents)
    wrong: list[str] = []
    for prefix, level in (("", config), (f"{called or f'nodes[{index}]'}.", config.nodes[index])):
        merge = [(f"{prefix}kubeadmConfigPatches[{number}]", text) for number, text in enumerate(level.kubeadm_config_patches)]
        json6902 = [(f"{prefix}kubeadmConfigPatchesJSON6902[{number}]", one) for number, one in enumerate(level.kubeadm_config_patches_json6902)]
        try:
            result = patched(result, merge, json6902)
        except ConfigError as error:
            wrong += error.problems
    if wrong:
        raise ConfigError("kubeadm patches", wrong)
    return result


def patched(documents: Sequence[Document], merge: Sequence[tuple[str, str]], json6902: Sequence[tuple[str, PatchJSON6902]]) -> list[Document]:
    """New documents: merge patches first, JSON 6902 patches after them.

    A patch for a kubeadm document that this node does not have (a worker has no ``InitConfiguration``) does nothing. Of
    patches for one document that name versions of its API, those of the newest version count, so that a file may have one
    for each; in kind those for other versions than the node's are left out too.

    Args:
        documents: of one node, v1beta4.
        merge: path in the configuration, for messages, and text.
        json6902: the same of JSON 6902 patches.

    Raises:
        ConfigError: every patch that cannot be read, that no document of any node is meant by, or that finds nothing to
            change.
    """
    wrong: list[str] = []
    merging: list[tuple[str, Target, Document]] = []
    operating: list[tuple[str, Target, list[Operation]]] = []
    for path, text in merge:
        try:
            merging += [(path, target, changes) for target, changes in merges(text)]
        except ValueError as error:
            wrong.append(f"{path}: {error}")
    for path, patch in json6902:
        try:
            operating.append((path, Target(patch.kind, patch.group, patch.version), operations(patch.patch)))
        except ValueError as error:
            wrong.append(f"{path}.patch: {error}")
    targets = [(path, target) for path, target, _ in (*merging, *operating)]
    wrong += [f"{path}: {target.problem}" for path, target in targets if target.problem]
    newest = _newest([target for _, target in targets])

    result = copy.deepcopy(list(documents))
    changing: list[tuple[str, Target, Document | list[Operation]]] = [*merging, *operating]
    for path, target, change in changing:
        for number in _meant(result, target, newest):
            try:
                result[number] = _merged(result[number], change) if isinstance(change, dict) else _operated(result[number], change)
            except ValueError as error:
                wrong.append(f"{path}: {error}")
    if wrong:
        raise ConfigError("kubeadm patches", wrong)
    return _moved(result)


def _newest(targets: Sequence[Target]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for target in targets:
        if target.version and not target.problem:
            newest[target.kind] = max(newest.get(target.kind, 0), DOCUMENTS[target.kind][1].index(target.version))
    return newest


def _meant(documents: Sequence[Document], target: Target, newest: Mapping[str, int]) -> list[int]:
    if target.problem or (target.version and DOCUMENTS[target.kind][1].index(target.version) < newest[target.kind]):
        return []
    return [number for number, document in enumerate(documents) if document["kind"] == target.kind]


def _merged(target: Any, patch: Any, key: str = "") -> Any:  # noqa: ANN401 - JSON values
    """RFC 7386, but lists of arguments are added to by name, whichever form the patch has.

    Raises:
        ValueError: arguments without names.
    """
    if key in _ARGUMENTS:
        return _with_arguments(_argument_list(target), _argument_list(patch))
    if key in _ADDED_TO and isinstance(target, list) and isinstance(patch, list):
        return [*target, *(one for one in patch if one not in target)]
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value, name)
    return result


def _argument_list(found: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - a JSON value
    if found is None:
        return []
    if isinstance(found, dict):
        return [(str(name), value) for name, value in found.items()]
    if isinstance(found, list) and all(isinstance(one, dict) and {"name", "value"} <= one.keys() for one in found):
        return [(str(one["name"]), one["value"]) for one in found]
    raise ValueError(f"arguments must be a mapping, or a list of `name` and `value`, found {found!r}")


def _with_arguments(target: list[tuple[str, Any]], given: list[tuple[str, Any]]) -> list[Document]:
    """Given ones take the place of all of their name; a name may be given several times; null removes it."""
    fresh: dict[str, list[tuple[str, Any]]] = {}
    for name, value in given:
        fresh.setdefault(name, []).extend([] if value is None else [(name, value)])
    result = []
    for name, value in target:
        result += fresh.get(name, [(name, value)])
        if name in fresh:
            fresh[name] = []
    result += [one for ones in fresh.values() for one in ones]
    return _list(result)


def _list(arguments: list[tuple[str, Any]]) -> list[Document]:
    return [{"name": name, "value": _text(value)} for name, value in arguments if value is not None]


def _text(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """An argument as kubeadm takes it: text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _operated(document: Document, patch: list[Operation]) -> Document:
    result = json_patch.applied(document, patch, _done)
    if not isinstance(result, dict) or result.get("kind") != document["kind"]:
        raise ValueError(f"must leave a {document['kind']}")
    return result


def _done(document: Document, one: Operation) -> Document:
    """One operation; one that takes arguments for a mapping (v1beta3) gets them as a mapping for the moment."""
    for path in filter(None, (_mapping_meant(one.path), _mapping_meant(one.source))):
        parent = json_patch.at(document, path[:-1])
        if isinstance(parent, dict):
            parent[path[-1]] = dict(_argument_list(parent.get(path[-1])))
    result: Document = _listed(json_patch.done(document, replace(one, value=copy.deepcopy(one.value))))
    return result


def _mapping_meant(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the arguments, if one of them is named after it instead of counted."""
    for depth, part in enumerate(path[:-1], 1):
        if part in _ARGUMENTS:
            return () if path[depth] == "-" or path[depth].isdecimal() else path[:depth]
    return ()


def _listed(value: Any, key: str = "") -> Any:  # noqa: ANN401 - JSON values
    if key in _ARGUMENTS:
        return _list(_argument_list(value))
    if isinstance(value, dict):
        return {name: _listed(one, name) for name, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, list) else value


def _moved(documents: list[Document]) -> list[Document]:
    """What v1beta4 has in another place (kubeadm's ``v1beta3/conversion.go``)."""
    for document in documents:
        if document["kind"] == "ClusterConfiguration" and isinstance(document.get("apiServer"), dict):
            timeout = document["apiServer"].pop("timeoutForControlPlane", None)
            for other in documents:
                if timeout is not None and other["kind"] in {"InitConfiguration", "JoinConfiguration"}:
                    other["timeouts"] = {**(other.get("timeouts") or {}), "controlPlaneComponentHealthCheck": timeout}
        if document["kind"] == "JoinConfiguration" and isinstance(document.get("discovery"), dict):
            timeout = document["discovery"].pop("timeout", None)
            if timeout is not None:
                document["timeouts"] = {**(document.get("timeouts") or {}), "discovery": timeout}
    return documents
