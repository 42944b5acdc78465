"""Where a node gets images from, and whom it trusts: containerd's ``certs.d`` and certificates of the user's. Pure.

containerd reads ``certs.d`` at each pull, so that such files can be put into a running node as well. Certificates are read
once: they must be there before it starts.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_kind.errors import ConfigError

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

_HOSTS = "etc/containerd/certs.d"
# Where Debian's update-ca-certificates looks, and what kubeadm's static pods mount from the node.
_CERTIFICATES = "usr/local/share/ca-certificates"
# A name or an address, with a port or without; `_default` stands for every registry that has no entry of its own.
_HOST = re.compile(r"_default|\[[0-9a-fA-F:.]+\](:\d{1,5})?|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")


def registry_files(config: ClusterConfig) -> dict[str, tuple[bytes, int]]:
    """Path without the leading slash -> content and mode. None for a configuration with neither mirrors nor certificates.

    Raises:
        ConfigError: a registry, an endpoint or a certificate's file that cannot be used; all of them at once.
    """
    found = [*_mirror_problems(config), *(problem for index, name in enumerate(config.ca_certificates) for problem in _file_problems(index, name))]
    if found:
        raise ConfigError("registries and certificates", found)
    files = {hosts_path(host): (hosts_file(endpoints), 0o644) for host, endpoints in config.registry_mirrors.items()}
    for name in config.ca_certificates:
        content = _path(name).read_bytes()
        # Named after the content: two files of one name are two certificates. A last line may lack its end.
        files[f"{_CERTIFICATES}/pytest-kind-{hashlib.sha256(content).hexdigest()[:12]}.crt"] = (content.rstrip() + b"\n", 0o644)
    if config.ca_certificates:
        source = resources.files("pytest_kind.boot") / "node"
        files["kind/pytest-kind/trust"] = ((source / "trust").read_bytes(), 0o755)
        files["etc/systemd/system/containerd.service.d/20-pytest-kind.conf"] = ((source / "containerd.conf").read_bytes(), 0o644)
    return files


def hosts_path(host: str) -> str:
    """Where containerd looks for a registry's entry."""
    return f"{_HOSTS}/{host}/hosts.toml"


def hosts_file(endpoints: Sequence[str], server: str | None = None) -> bytes:
    """``hosts.toml``: the endpoints are asked in this order, then the registry itself, as containerd would without the file.

    An endpoint whose path is one of the registry API's (``https://harbor.example/v2/cache``) is used as it stands; to any
    other containerd appends ``/v2``.

    Args:
        server: what stands in the registry's own place.
    """
    # Without `server` it is the registry itself by containerd's own rules: docker.io's real host, http on loopback.
    lines = [] if server is None else [f"server = {json.dumps(server)}"]
    for endpoint in endpoints:
        lines += [f"[host.{json.dumps(endpoint)}]", 'capabilities = ["pull", "resolve"]']
        if f"{urlsplit(endpoint).path}/".startswith("/v2/"):
            lines.append("override_path = true")
    return ("\n".join(lines) + "\n").encode()


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
    return has_host and url.scheme in {"http", "https"} and not (url.username or url.query or url.fragment) and text.isascii() and " " not in text


def _shown(endpoint: str) -> str:
    """The endpoint for a message: without a password."""
    return repr(re.sub(r"//[^/@]*@", "//…@", endpoint))


def _file_problems(index: int, name: str) -> Iterator[str]:
    path = f"caCertificates[{index}]"
    try:
        text = _path(name).read_text(encoding="ascii", errors="ignore")  # comments may have anything
    except OSError as error:
        yield f"{path}: {name} cannot be read: {error.strerror}"
        return
    if "PRIVATE KEY-----" in text:
        yield f"{path}: {name} has a private key; accepted is a PEM file of certificates, nothing else of which belongs on a node"
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):  # whose words say less
        yield f"{path}: {name} is no PEM file of certificates"


def _path(name: str) -> Path:
    return Path(name).expanduser()
