"""Where a node gets images from, and whom it trusts: containerd's ``certs.d`` and certificates of the user's. Pure.

containerd reads ``certs.d`` at each pull, so that such files can be put into a running node as well. Certificates are read
once: they must be there before it starts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

_HOSTS = "etc/containerd/certs.d"
# Where Debian's update-ca-certificates looks, and what kubeadm's static pods mount from the node.
_CERTIFICATES = "usr/local/share/ca-certificates"


def registry_files(config: ClusterConfig) -> dict[str, tuple[bytes, int]]:
    """Path without the leading slash -> content and mode. None for a configuration with neither mirrors nor certificates."""
    files = {hosts_path(host): (hosts_file(endpoints), 0o644) for host, endpoints in config.registry_mirrors.items()}
    for name in config.ca_certificates:
        content = Path(name).expanduser().read_bytes()
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
