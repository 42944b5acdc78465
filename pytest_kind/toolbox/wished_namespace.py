"""What a namespace for tests is to be like: quota, limits, pod security, labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_kind.errors import UsageError

# https://kubernetes.io/docs/concepts/security/pod-security-standards/
LEVELS = ("privileged", "baseline", "restricted")
_ENFORCE = "pod-security.kubernetes.io/enforce"
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]+)?")
_LIMITS = ("default", "defaultRequest", "max", "min", "maxLimitRequestRatio")
_TYPES = ("Container", "Pod", "PersistentVolumeClaim")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")


@dataclass(frozen=True, slots=True)
class WishedNamespace:
    """What a namespace has beside its name.

    Attributes:
        quota: what all that is in it may use together, a ResourceQuota's ``hard``: ``{"pods": "5"}``.
        limits: the items of a LimitRange.
        pod_security: the level that its pods must have; none: that of the cluster.
        labels: its own, beside those that follow.
        annotations: likewise.
    """

    quota: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[Mapping[str, Any], ...] = ()
    pod_security: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """With the one that says the level."""
        return {**self.labels, **({_ENFORCE: self.pod_security} if self.pod_security is not None else {})}


PLAIN = WishedNamespace()
"""Nothing is wished for."""


def parse(values: Mapping[str, Any], where: str) -> WishedNamespace:
    """What was given, checked.

    Args:
        values: ``quota``, ``limits``, ``pod_security``, ``labels``, ``annotations``; those that are None were not given.
        where: who gives it, for messages.

    Raises:
        UsageError: what is not accepted; all of it at once.
    """
    given = {name: value for name, value in values.items() if value is not None}
    wrong = [f"{name}: no such argument; there are {', '.join(_CHECKS)}" for name in given if name not in _CHECKS]
    for name, check in _CHECKS.items():
        if name in given:
            wrong += [f"{name}{problem}" for problem in check(given[name])]
    if wrong:
        raise UsageError("\n".join(f"{where}: {problem}" for problem in wrong))
    limits = given.get("limits", ())
    return WishedNamespace(
        quota=_texts(given.get("quota", {})),
        limits=tuple(_limit(one) for one in ([limits] if isinstance(limits, Mapping) else limits)),
        pod_security=given.get("pod_security"),
        labels=dict(given.get("labels", {})),
        annotations=dict(given.get("annotations", {})),
    )


def _texts(quantities: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in quantities.items()}


def _limit(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": item.get("type", _TYPES[0]), **{name: _texts(item[name]) for name in _LIMITS if name in item}}


def _quantities(value: Any) -> Iterator[str]:  # noqa: ANN401 - these check whatever was given
    if not isinstance(value, Mapping) or not value:
        yield f': {value!r} is not accepted; accepted is a mapping such as {{"pods": "5", "requests.memory": "1Gi"}}'
        return
    for name, quantity in value.items():
        if not isinstance(name, str) or not name:
            yield f": {name!r} is not accepted as the name of a resource"
        elif isinstance(quantity, bool) or not isinstance(quantity, (str, int, float)) or not _QUANTITY.fullmatch(str(quantity)):
            yield f"[{name!r}]: {quantity!r} is not accepted; accepted is a quantity such as 5, 500m or 1Gi"


def _limit_range(value: Any) -> Iterator[str]:  # noqa: ANN401
    several = isinstance(value, (list, tuple))
    for number, item in enumerate(value if several else [value]):
        at = f"[{number}]" if several else ""
        if not isinstance(item, Mapping) or not {*item} - {"type"}:
            yield f'{at}: {item!r} is not accepted; accepted is a mapping such as {{"default": {{"memory": "64Mi"}}}}, or a list of them'
            continue
        unknown = [str(name) for name in item if name not in {*_LIMITS, "type"}]
        if unknown:
            yield f"{at}: {', '.join(unknown)} is not accepted; accepted are type, {', '.join(_LIMITS)}"
        if item.get("type", _TYPES[0]) not in _TYPES:
            yield f"{at}['type']: {item['type']!r} is not accepted; accepted is one of {', '.join(_TYPES)}"
        for name in _LIMITS:
            if name in item:
                yield from (f"{at}[{name!r}]{problem}" for problem in _quantities(item[name]))


def _level(value: Any) -> Iterator[str]:  # noqa: ANN401
    if value not in LEVELS:
        yield f": {value!r} is not accepted; accepted is one of {', '.join(LEVELS)}"


def _pairs(value: Any, pattern: re.Pattern[str] | None) -> Iterator[str]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        yield f': {value!r} is not accepted; accepted is a mapping such as {{"team": "a"}}'
        return
    for name, text in value.items():
        if not isinstance(name, str) or not _KEY.fullmatch(name):
            yield f": {name!r} is not accepted as a key; accepted are letters, digits, '-', '_' and '.', with a DNS name and '/' before it or not"
        elif not isinstance(text, str) or (pattern is not None and not pattern.fullmatch(text)):
            yield f"[{name!r}]: {text!r} is not accepted; accepted is text{' of 63 letters, digits, - _ and . at most' if pattern else ''}"


_CHECKS: dict[str, Callable[[Any], Iterator[str]]] = {
    "quota": _quantities,
    "limits": _limit_range,
    "pod_security": _level,
    "labels": lambda value: _pairs(value, _VALUE),
    "annotations": lambda value: _pairs(value, None),
}
