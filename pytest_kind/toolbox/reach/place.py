"""Which Service or pod a URL means: the names that pods know each other by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.port_forward import Wanted

_DOMAIN = ".cluster.local"
_SCHEMES = {"http": 80, "https": 443}
_LONGEST = 3
_FORMS = (
    "accepted are http and https URLs of a Service (SERVICE, SERVICE.NAMESPACE, SERVICE.NAMESPACE.svc.cluster.local), of a pod of one "
    "(POD.SERVICE.NAMESPACE.svc.cluster.local) or of any pod (POD.NAMESPACE.pod), with a port's number or name"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL means.

    Attributes:
        scheme: ``http`` or ``https``.
        host: the name in the URL.
        authority: what a client says as ``Host``.
        target: path and query.
        wanted: the Service or pod, and its port.
    """

    scheme: str
    host: str
    authority: str
    target: str
    wanted: Wanted


def place(url: str, namespace: str) -> Place:
    """Reads a URL.

    Args:
        namespace: of a name without one.

    Raises:
        UsageError: it is not one of those that are accepted.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:  # not shown: it may hold a password
        raise UsageError(f"http: a URL with a user's name is not accepted; give headers={{'Authorization': …}}; {_FORMS}")
    host, _, port = parts.netloc.partition(":")
    words = host.removesuffix(".").removesuffix(_DOMAIN).split(".")
    if parts.scheme not in _SCHEMES or not all(words) or (":" in parts.netloc and not port):
        raise UsageError(f"http: {url!r} is not accepted; {_FORMS}")
    what, where = _object(words, namespace)
    if not what:
        raise UsageError(f"http: {url!r}: {host!r} is not accepted; {_FORMS}")
    number: int | str = int(port) if port.isdecimal() else port or _SCHEMES[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # A port's name is ours alone: no HTTP server would understand it.
    authority = parts.netloc if isinstance(number, int) else host
    return Place(parts.scheme, host, authority, target, Wanted(what, number, where, who="http"))


def _object(words: list[str], namespace: str) -> tuple[str, str]:
    if len(words) == _LONGEST and words[-1] == "pod":
        return f"pod/{words[0]}", words[1]
    if len(words) >= _LONGEST and words[-1] == "svc":
        words = words[:-1]
    if len(words) > _LONGEST:
        return "", ""
    if len(words) == _LONGEST:  # of a StatefulSet, say: its hostname is its name
        return f"pod/{words[0]}", words[2]
    return f"svc/{words[0]}", words[1] if len(words) > 1 else namespace
