"""Many requests at once: a few threads, each with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pytest_kind.api.http import Api
from pytest_kind.api.kubeconfig import Credentials

T = TypeVar("T")
R = TypeVar("R")
_THREADS = 6
_SECONDS = 10.0


class _Counting(Api):
    requests = 0

    def _request(self, *args: Any, **named: Any) -> bytes:  # noqa: ANN401 - as they come
        self.requests += 1
        return super()._request(*args, **named)


class Apis:
    """Connections to one API server, opened when they are first wanted.

    Args:
        scratch: a private folder; nothing stays there.
        seconds: for one request.
    """

    def __init__(self, credentials: Credentials, scratch: Path, seconds: float = _SECONDS) -> None:
        self.credentials = credentials
        self._scratch, self._seconds = scratch, seconds
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pytest-kind-api")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[_Counting] = []

    @property
    def requests(self) -> int:
        """How many were sent."""
        return sum(one.requests for one in self._opened)

    def each(self, do: Callable[[Api, T], R], things: Iterable[T]) -> list[R]:
        """What something comes to for each of them, in their order; raises what the first of them raised that did."""
        return [future.result() for future in [self.begin(do, one) for one in things]]

    def begin(self, do: Callable[[Api, T], R], one: T) -> Future[R]:
        """What it will come to."""
        return self._pool.submit(lambda: do(self._api(), one))

    def _api(self) -> Api:
        api: Api | None = getattr(self._own, "api", None)
        if api is None:
            opened = _Counting(self.credentials, self._scratch, self._seconds)
            with self._lock:
                self._opened.append(opened)
            api = self._own.api = opened
        return api

    def close(self, *, wait: bool = True) -> None:
        """Closes them.

        Args:
            wait: for requests that are under way; they end by themselves.
        """
        self._pool.shutdown(wait=wait, cancel_futures=True)
        for api in self._opened:
            api.close()
