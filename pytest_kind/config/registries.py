"""Registries and certificates: what can be used, before anything is made."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pytest_kind.config.types import ClusterConfig

# A name or an address, with a port or without; `_default` stands for every registry that has no entry of its own.
_HOST = re.compile(r"_default|\[[0-9a-fA-F:.]+\](:\d{1,5})?|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")


def problems(config: ClusterConfig) -> Iterator[str]:
    """``registryMirrors`` and ``caCertificates``."""
    yield from _mirror_problems(config)
    for index, name in enumerate(config.ca_certificates):
        yield from _file_problems(index, name)


def _mirror_problems(config: ClusterConfig) -> Iterator[str]:
    for host, endpoints in config.registry_mirrors.items():
        path = f"registryMirrors.{host}"
        if not _HOST.fullmatch(host):
            yield f"{path}: {host!r} is no registry; accepted is a host with or without a port (docker.io, registry.example:5000), or _default"
        if not endpoints:
            yield f"{path}: has no endpoint; accepted is a list of at least one URL"
        for index, endpoint in enumerate(endpoints):
            if not _is_endpoint(endpoint):
                yield f"{path}[{index}]: {_shown(endpoint)} is no endpoint; accepted is the form http://HOST[:PORT] or https://HOST[:PORT][/PATH]"


def _is_endpoint(text: str) -> bool:
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    # containerd would ignore a user's name in it.
    return (
        has_host
        and url.scheme in {"http", "https"}
        and not (url.username or url.query or url.fragment)
        and text.isascii()
        and text.isprintable()
        and not set(text) & set(" \"\\'<>")
    )


def _shown(endpoint: str) -> str:
    """The endpoint for a message: without a password."""
    return repr(re.sub(r"//[^/@]*@", "//…@", endpoint))


def _file_problems(index: int, name: str) -> Iterator[str]:
    path = f"caCertificates[{index}]"
    try:
        text = Path(name).expanduser().read_text(encoding="ascii", errors="ignore")  # comments may have anything
    except (OSError, ValueError) as error:  # a name with a NUL is the latter
        yield f"{path}: {name} cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    if "PRIVATE KEY-----" in text:
        yield f"{path}: {name} has a private key; accepted is a PEM file of certificates, nothing else of which belongs on a node"
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):  # whose words say less
        yield f"{path}: {name} is no PEM file of certificates"
