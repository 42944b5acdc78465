"""Why no engine answers: asked at its address, below what the library said."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from pytest_kind.diagnose.doctor.facts import Unreachable

DEFAULT = "unix:///var/run/docker.sock"
_SECONDS = 3.0
_TLS = re.compile(r"TLS|SSL|HTTPS server|client_cert|certificate", re.IGNORECASE)
_OPENERS = re.compile(r"^no (container engine answers|permission to use the engine) at .*?: |; (start an engine|join its group).*$", re.DOTALL)


def why_unreachable(environ: Mapping[str, str], context: tuple[str, str] | None, said: str) -> Unreachable:
    """What is at the engine's address.

    Args:
        context: the address of the context that is chosen, and what chose it.
        said: the error's message.
    """
    if environ.get("DOCKER_HOST"):
        address, origin = environ["DOCKER_HOST"], "DOCKER_HOST"
    else:
        address, origin = context or (DEFAULT, "docker's default; no DOCKER_HOST, no context")
    words = _OPENERS.sub("", said)
    state = "tls" if "client_cert" in words else _state(address, words)
    short = {"missing": "no such socket", "forbidden": "permission denied", "refused": "connection refused"}
    return Unreachable(address=address, origin=origin, state=state, said=short.get(state, words))


# From the special to the general; a port that is no number is a ValueError.
_STATES: tuple[tuple[type[Exception], str], ...] = (
    (FileNotFoundError, "missing"),
    (PermissionError, "forbidden"),
    (ConnectionRefusedError, "refused"),
    (socket.gaierror, "unknown-host"),
    (ValueError, "unusable"),
)


def _state(address: str, words: str) -> str:
    try:
        if not _connects(address):
            return "silent" if address.startswith("ssh://") and "paramiko" not in words else "unusable"
    except (OSError, ValueError) as error:
        return next((state for kind, state in _STATES if isinstance(error, kind)), "silent")
    return "tls" if _TLS.search(words) else "silent"


def _connects(address: str) -> bool:
    """Whether the address is of a form that can be tried, and somebody answers there."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(parts.path)
    elif parts.scheme in {"tcp", "http", "https"} and parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), _SECONDS).close()
    else:
        return False
    return True
