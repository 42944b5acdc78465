"""Credentials for the API server on loopback, in the forms that kubeadm and the package have for them."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from pytest_kind.api.kubeconfig import Credentials

PKI = Path(__file__).parent / "pki"


def credentials(server: str) -> Credentials:
    """The administrator's."""
    return Credentials(server=server, **{name: (PKI / file).read_bytes() for name, file in _FILES.items()})


def admin_conf() -> str:
    """``/etc/kubernetes/admin.conf`` as kubeadm writes it: inside names and addresses."""
    encoded = {name: base64.b64encode((PKI / file).read_bytes()).decode() for name, file in _FILES.items()}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "inside", "cluster": {"certificate-authority-data": encoded["authority"], "server": "https://inside:6443"}}],
            "users": [
                {
                    "name": "kubernetes-admin",
                    "user": {"client-certificate-data": encoded["certificate"], "client-key-data": encoded["key"]},
                }
            ],
            "contexts": [{"name": "kubernetes-admin@inside", "context": {"cluster": "inside", "user": "kubernetes-admin"}}],
            "current-context": "kubernetes-admin@inside",
        }
    )


_FILES = {"authority": "authority.crt", "certificate": "peer.crt", "key": "peer.key"}
