"""``http``: requests to Services and pods by their names in the cluster, from this process, over port-forwards."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import urllib3

from pytest_kind.api import kubeconfig
from pytest_kind.api.reasons import answer, failure
from pytest_kind.errors import KindError, UsageError, reason_first
from pytest_kind.toolbox.port_forward import to_ready_pods
from pytest_kind.toolbox.reach.place import Place, place
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.api.kubeconfig import Credentials
    from pytest_kind.api.port_forward import PodPort, Tunnel
    from pytest_kind.handle import KindCluster
    from pytest_kind.toolbox.port_forward import Wanted

# RFC 9110, section 9.2.2: saying them again means the same as saying them once.
_IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}
_LEAST = 0.1  # seconds that an attempt has
_CONNECTIONS = 32  # kept open for each Service
_BAD = 400
_SHOWN = 300  # bytes


class HttpError(KindError):
    """There was no answer, or a bad one was taken for an error. The message says why, and of which Service."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whole.

    Attributes:
        status: such as 200.
        headers: whose names are found in any case.
        content: the body, decompressed.
        url: what was asked for.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    url: str

    @property
    def text(self) -> str:
        """The body in the answer's charset; UTF-8 where it names none."""
        _, _, charset = self.headers.get("Content-Type", "").partition("charset=")
        return self.content.decode(charset.split(";")[0].strip("\"' ") or "utf-8", errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - whatever it holds
        """The body, parsed."""
        return json.loads(self.content)

    def raise_for_status(self) -> Response:
        """Returns itself.

        Raises:
            HttpError: the status is 400 or more.
        """
        if self.status >= _BAD:
            raise HttpError(reason_first(answer(self.status, self.content[:_SHOWN].decode(errors="replace")), self.url))
        return self


@dataclass(slots=True)
class _Way:
    """To one port of a Service or pod.

    Attributes:
        pod: to which its connections are.
    """

    port: int
    tunnel: Tunnel
    pod: PodPort | None = None
    pool: urllib3.HTTPConnectionPool | None = None
    looking: threading.Lock = field(default_factory=threading.Lock)


_Key = tuple[str, str, "Wanted"]


class Http:
    """A session. Connections are kept; several threads may use it."""

    def __init__(self, cluster: KindCluster, *, namespace: str, verify: bool | str | Path, timeout: float) -> None:
        self._cluster, self._namespace, self._timeout = cluster, namespace, timeout
        self._authority = _authority(cluster, verify)
        self._ways: dict[_Key, _Way] = {}
        self._lock = threading.Lock()
        self._opening: dict[_Key, threading.Lock] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections. It can be used again, and makes new ones."""
        with self._lock:
            self._ways.clear()
            self._stack.close()

    def get(self, url: str, **how: Any) -> Response:  # noqa: ANN401 - as request
        """``GET``; see :meth:`request`."""
        return self.request("GET", url, **how)

    def head(self, url: str, **how: Any) -> Response:  # noqa: ANN401
        """``HEAD``; see :meth:`request`."""
        return self.request("HEAD", url, **how)

    def post(self, url: str, **how: Any) -> Response:  # noqa: ANN401
        """``POST``; see :meth:`request`."""
        return self.request("POST", url, **how)

    def put(self, url: str, **how: Any) -> Response:  # noqa: ANN401
        """``PUT``; see :meth:`request`."""
        return self.request("PUT", url, **how)

    def patch(self, url: str, **how: Any) -> Response:  # noqa: ANN401
        """``PATCH``; see :meth:`request`."""
        return self.request("PATCH", url, **how)

    def delete(self, url: str, **how: Any) -> Response:  # noqa: ANN401
        """``DELETE``; see :meth:`request`."""
        return self.request("DELETE", url, **how)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        json: Any = None,  # noqa: ANN401 - whatever it holds
        timeout: float | None = None,
    ) -> Response:
        """Asks, and waits for the whole answer. Whatever its status, it is an answer; redirects are not followed.

        It goes to a pod that is ready then; while there is none, it waits. A request that breaks is repeated where that is safe (``GET``, ``HEAD``,
        ``OPTIONS``, ``PUT``, ``DELETE``).

        Args:
            url: ``http://SERVICE/``, ``http://SERVICE.NAMESPACE:PORT/``, ``https://SERVICE.NAMESPACE.svc.cluster.local/``,
                ``http://POD.NAMESPACE.pod:PORT/``. A port is the Service's, by number or name; default: 80, or 443.
            headers: further ones. ``Host`` is the URL's.
            body: what is sent.
            json: what is sent as JSON instead.
            timeout: seconds; default: the session's.

        Raises:
            UsageError: a URL that is not accepted; the Service has no such port, or selects no pods.
            WaitTimeout: no pod was ready, or there was no answer, in time; it says what they are instead.
            HttpError: the connection broke, or the certificate is not believed.
        """
        if body is not None and json is not None:
            raise UsageError("http: body and json: only one of them is accepted")
        where, deadline = place(url, self._namespace), Deadline(self._timeout if timeout is None else timeout)
        sent = urllib3.HTTPHeaderDict({"Host": where.authority})  # names in whatever case are one
        if json is not None:
            body = _dumped(json)
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})

        def ask() -> Response | NotYet:
            way = self._way(where, deadline)
            pool = self._connections(way, where)
            if isinstance(pool, NotYet):
                return pool
            limit = urllib3.Timeout(total=max(_LEAST, deadline.left))
            try:
                said = pool.urlopen(method, where.target, body, sent, retries=False, redirect=False, timeout=limit)
            except urllib3.exceptions.ClosedPoolError:  # nothing was sent
                return NotYet("another thread saw that the pod takes no more requests")
            except urllib3.exceptions.HTTPError as error:
                why = way.tunnel.failure or failure(error)
                if method.upper() in _IDEMPOTENT and not isinstance(error, urllib3.exceptions.SSLError):
                    return NotYet(reason_first(why, f"{method} {url}"))
                raise HttpError(reason_first(why, f"{method} {url}, {where.wanted}")) from error
            return Response(said.status, said.headers, said.data, url)

        return wait_for(f"http: an answer of {where.wanted}", ask, deadline)

    def base_url(self, url: str) -> str:
        """``http://127.0.0.1:PORT``, which leads to the same place as a URL's host, for another client, until the session is closed.

        Args:
            url: whose path is not looked at. Over ``https`` the other client must be told which name to expect.

        Raises:
            UsageError, WaitTimeout: as :meth:`request`.
        """
        where = place(url, self._namespace)
        return f"{where.scheme}://127.0.0.1:{self._way(where, Deadline(self._timeout)).port}"

    def _way(self, where: Place, deadline: Deadline) -> _Way:
        key = where.scheme, where.host, where.wanted
        with self._lock:
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:
            if key not in self._ways:
                way = to_ready_pods(self._credentials, self._cluster._site.folder, where.wanted, deadline)  # noqa: SLF001 - as below
                self._ways[key] = _Way(*self._stack.enter_context(way))
            return self._ways[key]

    def _credentials(self) -> Credentials:
        return kubeconfig.credentials(self._cluster._admin)  # noqa: SLF001 - the toolbox is the handle's own hands

    def _connections(self, way: _Way, where: Place) -> urllib3.HTTPConnectionPool | NotYet:
        """Those to the pod that takes requests now. Others lead to one that takes no more, and are closed."""
        with way.looking:
            pod = way.tunnel.look()
            if isinstance(pod, NotYet):
                return pod
            if way.pool is None or way.pod != pod:
                if way.pool is not None:
                    way.pool.close()
                way.pod, way.pool = pod, self._pool(where, way.port)
                self._stack.callback(way.pool.close)
            return way.pool

    def _pool(self, where: Place, port: int) -> urllib3.HTTPConnectionPool:
        if where.scheme == "http":
            return urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=_CONNECTIONS)
        context = ssl.create_default_context(cadata=self._authority or None)
        if not self._authority:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return urllib3.HTTPSConnectionPool("127.0.0.1", port, maxsize=_CONNECTIONS, ssl_context=context, server_hostname=where.host)


def _authority(cluster: KindCluster, verify: bool | str | Path) -> str:
    """PEM; nothing: everybody is believed."""
    if isinstance(verify, bool):
        return kubeconfig.credentials(cluster._admin).authority.decode() if verify else ""  # noqa: SLF001 - as above
    if isinstance(verify, str) and "-----BEGIN" in verify:
        return verify
    try:
        return Path(verify).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"http: verify: {str(verify)!r}: {error}; accepted are True (the cluster's authority), False, a PEM file and a PEM text"
        ) from error


def _dumped(value: Any) -> bytes:  # noqa: ANN401 - as request
    return json.dumps(value).encode()
