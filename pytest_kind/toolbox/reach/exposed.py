"""What a test gets of a server that it exposed."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_kind.api.kubeconfig import write_private
from pytest_kind.errors import UsageError
from pytest_kind.toolbox.reach.certificate import Issued

_DOMAIN = "cluster.local"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a certificate, private (0600)."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def write(cls, folder: Path, issued: Issued) -> Tls:
        """Puts them into a private folder."""
        return cls(
            write_private(folder / "ca.crt", issued.authority),
            write_private(folder / "tls.crt", issued.certificate),
            write_private(folder / "tls.key", issued.key),
        )


@dataclass(kw_only=True)
class Exposed:
    """A server of the test's, as the cluster sees it.

    Attributes:
        name: of its Service.
        namespace: of its Service.
        port: of its Service.
        cluster_ip: the Service's address.
    """

    name: str
    namespace: str
    port: int
    cluster_ip: str
    tls: Tls | None = field(default=None, repr=False)
    _failure: Callable[[], str | None] = field(default=lambda: None, repr=False)

    def follow(self, failure: Callable[[], str | None]) -> None:
        """From now on this says what broke."""
        self._failure = failure

    @property
    def host(self) -> str:
        """Its name in the cluster: ``NAME.NAMESPACE.svc``, as API servers ask for it."""
        return f"{self.name}.{self.namespace}.svc"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that pods have for it; the certificate is good for each of them."""
        return self.host, f"{self.host}.{_DOMAIN}", f"{self.name}.{self.namespace}", self.name

    @property
    def url(self) -> str:
        """For pods: ``https://NAME.NAMESPACE.svc`` (``http`` without ``tls``), and the port where it is not the scheme's."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{self.host}" + ("" if self.port == _PORTS[scheme] else f":{self.port}")

    @property
    def certfile(self) -> Path:
        """The certificate, PEM; gone when the block ends.

        Raises:
            UsageError: without ``tls``. So do the others that are about it.
        """
        return self._tls.certificate

    @property
    def keyfile(self) -> Path:
        """Its key, PEM, mode 0600."""
        return self._tls.key

    @property
    def cafile(self) -> Path:
        """The authority that signed it and nothing else, PEM: for clients."""
        return self._tls.authority

    @property
    def ca_bundle(self) -> str:
        """The authority as webhook configurations, CRDs and APIServices want it (``caBundle``): base64 of the PEM."""
        return base64.b64encode(self._tls.authority.read_bytes()).decode()

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """For a server that ends TLS itself: ``context.wrap_socket(server.socket, server_side=True)``."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context

    @property
    def service_reference(self) -> dict[str, Any]:
        """``service`` of a ``clientConfig``, but for its ``path``."""
        return {"name": self.name, "namespace": self.namespace, "port": self.port}

    def client_config(self, path: str = "/") -> dict[str, Any]:
        """``clientConfig`` of a webhook: the Service, its path, and whom to believe."""
        return {"service": {**self.service_reference, "path": path}, "caBundle": self.ca_bundle}

    @property
    def failure(self) -> str | None:
        """Why a connection was broken last: nobody listened here, or the relay's node stopped; nothing when none was."""
        return self._failure()

    @property
    def _tls(self) -> Tls:
        if self.tls is None:
            raise UsageError('expose: there is a certificate with tls="terminate" (TLS ends before the server) or tls="passthrough" (in it)')
        return self.tls
