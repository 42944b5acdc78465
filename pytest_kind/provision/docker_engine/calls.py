"""What every call has in common: the connection, and the engine's errors as ours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions
from docker.context import ContextAPI

from pytest_kind import errors

PATIENT_SECONDS = 1800
# How a connection that fails shows; the last while an answer is being read (docker-py reads past requests).
BROKEN = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, urllib3.exceptions.HTTPError)
DEFAULT = "unix:///var/run/docker.sock"


def endpoint() -> str:
    """The engine's address, found as docker-py finds it: docker's own environment, else the context that is chosen, else its default."""
    found = os.environ.get("DOCKER_HOST") or ContextAPI.kwargs_from_context().get("base_url") or DEFAULT
    return found if "://" in found else f"tcp://{found}"


class Calls:
    """The connection that images and containers share."""

    def __init__(self, api: docker.APIClient) -> None:
        self._api: Any = api  # its stubs know half of the low-level calls
        self._endpoint = endpoint()  # of a socket or SSH the library's own address says nothing

    @property
    def _local(self) -> bool:
        """Whether ports that it publishes on loopback are on this machine's loopback."""
        address = self._api.base_url
        if address == "http+docker://ssh":
            return False
        return address.startswith("http+docker") or urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"}

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """For calls that are silent while gigabytes are written."""
        usual, self._api.timeout = self._api.timeout, PATIENT_SECONDS
        try:
            yield
        finally:
            self._api.timeout = usual


@contextlib.contextmanager
def ours(doing: str) -> Iterator[None]:
    """Turns whatever docker-py raises into an error of ours that says what was being done."""
    try:
        yield
    except docker.errors.NotFound as error:
        raise errors.NotFound(f"{doing}: {said(error)}") from error
    except docker.errors.APIError as error:
        words = said(error)
        if "no space left on device" in words.lower():
            raise errors.EngineError(f"{doing}: the engine's disk is full ({words}); make room (`docker system df` shows what takes it)") from error
        if "port is already allocated" in words or "address already in use" in words or error.status_code == requests.codes.conflict:
            raise errors.Conflict(f"{doing}: {words}") from error
        raise errors.EngineError(f"{doing}: {words}") from error
    except BROKEN as error:
        raise errors.EngineGone(f"{doing}: the engine's connection failed: {error}") from error


def said(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def filters(labels: Mapping[str, str | None]) -> dict[str, list[str]]:
    return {"label": [key if value is None else f"{key}={value}" for key, value in labels.items()]}
