"""The client that tests are handed: the only module that imports ``kubernetes``."""

from __future__ import annotations

import base64
import shutil
import threading
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiClient, Configuration, CoreV1Api

from pytest_kind.api.kubeconfig import Credentials, write_private

__all__ = ["IdentityClient", "make_client", "make_identity_client", "warm_up"]


def make_client(credentials: Credentials, folder: Path) -> ApiClient:
    """A client of its own configuration: the process-wide default is the user's and stays as it is.

    Args:
        folder: where its key and certificates are written, private; ``kubernetes``' own loader would leave them in the
            machine's temporary folder when the process is killed.
    """
    configuration = Configuration()
    configuration.host = credentials.server
    configuration.ssl_ca_cert = str(write_private(folder / "ca.crt", credentials.authority))
    configuration.cert_file = str(write_private(folder / "client.crt", credentials.certificate))
    configuration.key_file = str(write_private(folder / "client.key", credentials.key))
    configuration.proxy = None  # the cluster is on this machine, whatever the environment's proxy is
    return ApiClient(configuration)


def warm_up() -> threading.Thread:
    """Builds one API object in the background: the models behind it take half a second, once."""
    thread = threading.Thread(target=lambda: CoreV1Api(ApiClient(Configuration())), name="pytest-kind-warm-up", daemon=True)
    thread.start()
    return thread


class IdentityClient(ApiClient):
    """A client that acts as somebody else than the administrator: ``CoreV1Api(client)``.

    Attributes:
        user: who the API server takes it for: a user's name, or ``system:serviceaccount:NAMESPACE:NAME``.
        kubeconfig_path: a private file for tools that are to act as the same; it goes when the client is closed.
    """

    def __init__(self, configuration: Configuration, user: str, kubeconfig_path: Path) -> None:
        super().__init__(configuration)
        self.user, self.kubeconfig_path = user, kubeconfig_path

    def __repr__(self) -> str:
        return f"<IdentityClient {self.user!r}>"

    def reached_at(self, server: str) -> None:
        """From now on the API is there, for the client and its kubeconfig. Does nothing where it is closed."""
        self.configuration.host = server
        if self.kubeconfig_path.exists():
            config = yaml.safe_load(self.kubeconfig_path.read_text(encoding="utf-8"))
            config["clusters"][0]["cluster"]["server"] = server
            write_private(self.kubeconfig_path, yaml.safe_dump(config, sort_keys=False))

    def close(self) -> None:
        """Closes it, and removes its files. Does nothing the second time."""
        super().close()  # type: ignore[no-untyped-call]
        shutil.rmtree(self.kubeconfig_path.parent, ignore_errors=True)


def make_identity_client(config: dict[str, Any], user: str, path: Path) -> IdentityClient:
    """A client of the one user of a kubeconfig, by certificate or token.

    Args:
        path: of the kubeconfig, in a private folder that is the client's own.
    """
    cluster, known = config["clusters"][0]["cluster"], config["users"][0]["user"]
    configuration = Configuration()
    configuration.host = cluster["server"]
    configuration.ssl_ca_cert = str(write_private(path.with_name("ca.crt"), base64.b64decode(cluster["certificate-authority-data"])))
    if "token" in known:
        configuration.api_key["authorization"] = f"Bearer {known['token']}"
    else:
        configuration.cert_file = str(write_private(path.with_name("client.crt"), base64.b64decode(known["client-certificate-data"])))
        configuration.key_file = str(write_private(path.with_name("client.key"), base64.b64decode(known["client-key-data"])))
    configuration.proxy = None  # as above
    return IdentityClient(configuration, user, path)
