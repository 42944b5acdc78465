"""What the handle offers of this package."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_kind.handle import KindCluster
    from pytest_kind.toolbox.reach.expose import Mode
    from pytest_kind.toolbox.reach.exposed import Exposed
    from pytest_kind.toolbox.reach.http import Http


class Reach:
    """A part of :class:`~pytest_kind.peer.KindCluster`."""

    def expose(
        self,
        server: Any,  # noqa: ANN401 - several kinds of servers
        name: str = "exposed",
        *,
        namespace: str = "default",
        service_port: int | None = None,
        tls: Mode | None = None,
        timeout: float = 30.0,
    ) -> contextlib.AbstractContextManager[Exposed]:
        """A server of this process as a Service of the cluster, until the block ends: for webhooks and callbacks.

        Every pod, every node and the API servers reach it as ``NAME.NAMESPACE.svc``. It listens on loopback of this machine and
        nowhere else: a relay on a node takes the connections and passes them over the engine's connection to this process. When
        that node is stopped, connections are refused until it runs again; then it goes on by itself.

        Args:
            server: its port on 127.0.0.1, ``(HOST, PORT)``, a listening TCP socket, or a server of ``http.server``,
                ``socketserver`` or asyncio that listens.
            name: of the Service.
            namespace: of the Service.
            service_port: of the Service; default: 443 with ``tls``, 80 without.
            tls: who ends TLS, with a certificate for the Service's names that is issued for this: ``"terminate"``: the tunnel,
                and the server speaks plain HTTP (or whatever it speaks); ``"passthrough"``: the server, with
                ``exposed.ssl_context`` or its files. None: nobody, connections are passed on as they are.
            timeout: seconds until every node that runs reaches it.

        Raises:
            UsageError: arguments that are not accepted, no such namespace, another Service of that name.
            WaitTimeout: a node does not reach the Service in time.
        """
        from pytest_kind.toolbox.reach import expose  # noqa: PLC0415 - asyncio and the rest, for those who expose something

        wanted = expose.wish(server, name, namespace, service_port, tls)
        return expose.expose(cast("KindCluster", self), wanted, timeout)

    def http(self, namespace: str = "default", *, verify: bool | str | Path = True, timeout: float = 30.0) -> Http:
        """A session that reaches Services and pods by their names in the cluster, from this process.

        Use it as a context manager, or call its ``close()``: it keeps connections.

        Args:
            namespace: of names that do not say one (``http://web/``).
            verify: whom to believe over ``https``: True: the cluster's own authority; a file or a PEM text: that
                (``exposed.cafile``); False: everybody.
            timeout: seconds that a request may take, until its Service has a pod that is ready and the answer is there.
        """
        from pytest_kind.toolbox.reach.http import Http  # noqa: PLC0415 - as above

        return Http(cast("KindCluster", self), namespace=namespace, verify=verify, timeout=timeout)
