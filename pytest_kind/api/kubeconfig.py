"""kubeadm's kubeconfig as seen from this machine: pure, and one careful write."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a connection to the API takes: PEM texts and the server's URL. Never printed."""

    server: str
    authority: bytes
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


def url(address: str, port: int) -> str:
    """The API server's URL."""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{port}"


def outside(kubeconfig: str, cluster: str, server: str) -> dict[str, Any]:
    """Kubeadm's ``admin.conf`` with the published address, its names as kind's: ``kind-<cluster>``."""
    config: dict[str, Any] = yaml.safe_load(kubeconfig)
    name = f"kind-{cluster}"
    entry, user = config["clusters"][0], config["users"][0]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {**entry["cluster"], "server": server}}],
        "users": [{"name": name, "user": user["user"]}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "preferences": {},
    }


def credentials(config: dict[str, Any]) -> Credentials:
    """What the one cluster and the one user of a kubeconfig hold."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    return Credentials(
        server=cluster["server"],
        authority=base64.b64decode(cluster["certificate-authority-data"]),
        certificate=base64.b64decode(user["client-certificate-data"]),
        key=base64.b64decode(user["client-key-data"]),
    )


def write_private(path: Path, content: str | bytes) -> Path:
    """A file that only this user reads, there whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - the mode from the start
        file.write(data)
    fresh.replace(path)
    return path
