"""What an identity may do: rules, and the objects that give them. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_kind.errors import UsageError

Document = dict[str, Any]
Rule = str | Mapping[str, Any]
"""``"get,list pods"``, ``"create deployments.apps"``, or a PolicyRule of rbac.authorization.k8s.io/v1."""

_GROUP = "rbac.authorization.k8s.io"
_FORM = re.compile(r"(?P<verbs>[a-z*]+(,[a-z*]+)*) +(?P<resources>[^\s,]+(,[^\s,]+)*)")
_FIELDS = {"apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs"}


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do.

    Attributes:
        rules: PolicyRules.
        cluster_role: the name of a ClusterRole that is there.
        namespace: where; nothing: everywhere.
    """

    rules: tuple[Document, ...] = ()
    cluster_role: str | None = None
    namespace: str | None = None

    def __bool__(self) -> bool:
        return bool(self.rules or self.cluster_role)


def parse(who: str, rules: Sequence[Rule], cluster_role: str | None, namespace: str | None) -> Rights:
    """Understands what ``as_user`` and ``service_account`` are given.

    Raises:
        UsageError: rules that are none, all of them at once.
    """
    problems: list[str] = []
    if isinstance(rules, str | Mapping):
        problems.append(f"{who}: rules: {rules!r} is not accepted; accepted is a list of rules")
        rules = ()
    found: list[Document] = []
    for one in rules:
        said = _rules(one)
        if not said:
            problems.append(
                f"{who}: rules: {one!r} is not accepted; accepted is 'VERB,… RESOURCE.GROUP,…' such as 'get,list pods' or 'create deployments.apps', "
                f"or a mapping with verbs and {', '.join(sorted(_FIELDS - {'verbs'}))}"
            )
        found += said
    if problems:
        raise UsageError("\n".join(problems))
    return Rights(tuple(found), cluster_role, namespace)


def _rules(one: Any) -> list[Document]:  # noqa: ANN401 - whatever a test gives
    if isinstance(one, Mapping):
        wrong = not one.get("verbs") or not (one.get("resources") or one.get("nonResourceURLs")) or one.keys() - _FIELDS
        return [] if wrong else [dict(one)]
    match = _FORM.fullmatch(one.strip()) if isinstance(one, str) else None
    if match is None:
        return []
    verbs, groups = match["verbs"].split(","), dict[str, list[str]]()
    for resource in match["resources"].split(","):
        # The group is before a subresource: deployments.apps/scale.
        whole, slash, sub = resource.partition("/")
        plural, _, group = whole.partition(".")
        groups.setdefault("*" if resource == "*" else group, []).append(f"{plural}{slash}{sub}")
    return [{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources in groups.items()]


def objects(subject: Document, rights: Rights) -> list[Document]:
    """The roles and bindings that give somebody rights."""
    made: list[Document] = []
    meta: Document = {"name": f"pytest-kind:{re.sub(r'[^A-Za-z0-9:_.-]+', '-', subject['name'])}:{secrets.token_hex(4)}"}
    prefix = "Cluster"
    if rights.namespace is not None:
        prefix, meta = "", {**meta, "namespace": rights.namespace}
    if rights.rules:
        role = {"apiVersion": f"{_GROUP}/v1", "kind": f"{prefix}Role", "metadata": meta, "rules": list(rights.rules)}
        made += [role, _binding(prefix, meta, f"{prefix}Role", meta["name"], subject)]
    if rights.cluster_role:
        named = {**meta, "name": f"{meta['name']}:{rights.cluster_role}"}
        made.append(_binding(prefix, named, "ClusterRole", rights.cluster_role, subject))
    return made


def _binding(prefix: str, meta: Document, kind: str, role: str, subject: Document) -> Document:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{prefix}RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": role},
        "subjects": [subject],
    }


def question(rule: Mapping[str, Any], namespace: str | None) -> Document:
    """What a rule allows, as a SubjectAccessReview asks: the first that it says."""
    verb = _first(rule["verbs"], "get")
    if not rule.get("resources"):
        return {"nonResourceAttributes": {"path": rule["nonResourceURLs"][0].rstrip("*") or "/", "verb": verb}}
    resource, _, sub = _first(rule["resources"], "pods").partition("/")
    attributes = {
        "group": _first(rule.get("apiGroups") or [""], ""),
        "resource": resource,
        "subresource": sub,
        "verb": verb,
        "name": (rule.get("resourceNames") or [""])[0],
        "namespace": namespace or "",
    }
    return {"resourceAttributes": {name: value for name, value in attributes.items() if value}}


def _first(words: Sequence[str], instead: str) -> str:
    return instead if words[0] == "*" else words[0]
