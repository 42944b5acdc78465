"""What a test asked of the API servers, as their audit logs have it (``--kind-audit``). Pure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from pytest_kind.diagnose.scene import Scene, moment

_ADMIN = "kubernetes-admin"
_BAD, _NOT_FOUND = 400, 404
_BOOT = "kubeadm/"  # whose last phases run beside the first test


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request and its answer."""

    at: datetime
    what: str
    code: int
    seconds: float
    why: str


def lines_of(scene: Scene, most: int) -> list[str]:
    """The requests of the test's time, in their order; those that were refused are marked; those that failed say why. Not those of this very look.

    Args:
        most: so many lines; where there are more, the last stay.
    """
    asked = sorted(_asked(scene), key=lambda one: one.at)
    groups = [list(group) for _, group in itertools.groupby(asked, key=lambda one: (one.what, one.code, one.why))]
    lines = [_line(group, scene.began) for group in groups]
    left_out = len(lines) - most
    return [f"({left_out} lines before these are left out)", *lines[-most:]] if left_out > 0 else lines


def _asked(scene: Scene) -> Iterator[_Asked]:
    shares = [ip_network(share) for node in scene.of("nodes") for share in node.get("spec", {}).get("podCIDRs") or ()]
    for line in (line for machine in scene.machines for line in machine.audit):
        try:
            event = json.loads(line)
        except ValueError:  # cut, or half written
            continue
        at, end = moment(event.get("requestReceivedTimestamp")), moment(event.get("stageTimestamp"))
        if at is None or end is None or not scene.began <= at <= scene.now or not _of_test(event, shares):
            continue
        status = event.get("responseStatus") or {}
        code = int(status.get("code") or 0)
        why = str(status.get("message") or (event.get("annotations") or {}).get("authorization.k8s.io/reason") or "") if code >= _BAD else ""
        yield _Asked(at=at, what=_what(event), code=code, seconds=(end - at).total_seconds(), why=why)


def _of_test(event: Mapping[str, Any], shares: list[Any]) -> bool:
    """Whether the test or its tools asked, and no part of the cluster: an account's client may be either, and asks from elsewhere than a pod."""
    if str(event.get("userAgent")).startswith(_BOOT):
        return False
    user = str((event.get("user") or {}).get("username", ""))
    if not user.startswith("system:"):
        return True
    if not user.startswith("system:serviceaccount:"):
        return False
    return not any(ip_address(address) in share for address in event.get("sourceIPs") or () for share in shares)


def _what(event: Mapping[str, Any]) -> str:
    """``create pods/exec mine/web, by OpenAPI-Generator as alice``."""
    ref = event.get("objectRef") or {}
    resource = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
    group = f".{ref['apiGroup']}" if ref.get("apiGroup") else ""
    name = "/".join(filter(None, (ref.get("namespace"), ref.get("name"))))
    # Without its query: that may hold anything.
    about = f"{resource}{group} {name}".rstrip() if resource else str(event.get("requestURI", "")).partition("?")[0]
    agent = str(event.get("userAgent") or "").partition("/")[0]
    user = str((event.get("impersonatedUser") or event.get("user") or {}).get("username", ""))
    return f"{event.get('verb')} {about}{f', by {agent}' if agent else ''}{'' if user == _ADMIN else f' as {user}'}"


def _line(group: list[_Asked], began: datetime) -> str:
    first, times = group[0], f" x{len(group)}" if len(group) > 1 else ""
    slowest = max(one.seconds for one in group)
    took = f"{slowest:.1f} s" if slowest >= 1 else f"{slowest * 1000:.0f} ms"
    mark = "!" if first.code >= _BAD and first.code != _NOT_FOUND else " "  # `apply` looks whether there is one
    why = f": {' '.join(first.why.split())}" if first.why else ""
    return f"{mark}{(first.at - began).total_seconds():+7.1f} s{times:<4} {first.what}: {first.code} in {took}{why}"
