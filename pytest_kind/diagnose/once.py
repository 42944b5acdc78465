"""Long words of a runtime, which events, statuses and journals all repeat, are said once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from pytest_kind.diagnose.scene import Document

_LONG = 60  # characters that are worth leaving out
_SAME = "(as above)"


def messages(pods: Iterable[Document]) -> list[str]:
    """Why containers do not run, in the kubelet's words; of one that is tried again what it said first."""
    found: dict[str, None] = {}
    for pod in pods:
        status = pod.get("status") or {}
        for one in chain(status.get("initContainerStatuses") or (), status.get("containerStatuses") or ()):
            waiting = (one.get("state") or {}).get("waiting") or {}
            # `Back-off pulling image "a": ErrImagePull: failed to …`
            found[" ".join(str(waiting.get("message") or "").rpartition("ErrImagePull: ")[2].split())] = None
    return [message for message in found if len(message) >= _LONG]


def once(lines: Iterable[str], repeated: Iterable[str]) -> list[str]:
    """The lines, in which each of these messages is said where it comes first. Quotes count as the same however often they are escaped."""
    found = list(lines)
    for message in repeated:
        pattern = re.compile(re.escape(message).replace('"', r'\\*"'))
        first = True
        for number, line in enumerate(found):
            match = pattern.search(line) if first else None
            head = line[: match.end()] if match else ""
            found[number] = head + pattern.sub(_SAME, line[len(head) :])
            first = first and match is None
    return found
