"""The client that tests are handed: the only module that imports ``kubernetes``."""

from __future__ import annotations

import threading
from pathlib import Path

from kubernetes.client import ApiClient, Configuration, CoreV1Api

from pytest_kind.api.kubeconfig import Credentials, write_private

__all__ = ["make_client", "warm_up"]


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
